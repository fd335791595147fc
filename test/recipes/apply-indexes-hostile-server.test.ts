import {afterAll, beforeAll, expect, it} from 'vitest';
import {createActing} from '../cli/execution/acting.ts';
import {describeHypopg, startHypopgServer} from '../helpers/hypopg.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';

/**
 * A role without any privilege of note whose statements are among the costliest: its immutable function takes an
 * advisory lock with the privileges of the role for which they are planned, and could also end sessions or run a program.
 */
async function seed(server: TestServer): Promise<void> {
  for (const statement of [
    'CREATE EXTENSION IF NOT EXISTS pg_stat_statements',
    'CREATE TABLE orders (id int PRIMARY KEY, user_id int, note text)',
    'INSERT INTO orders SELECT n, n % 5000, n::text FROM generate_series(1, 50000) n',
    'CREATE TABLE visits (id int PRIMARY KEY, user_id int)',
    'INSERT INTO visits SELECT n, n % 5000 FROM generate_series(1, 50000) n',
    'ANALYZE orders',
    'ANALYZE visits',
    "CREATE ROLE mallory LOGIN PASSWORD 'secret'",
    'GRANT SELECT ON orders, visits TO mallory',
    'GRANT CREATE ON SCHEMA public TO mallory',
    'SELECT pg_stat_statements_reset()',
  ])
    await server.query(statement);
  const client = await server.connect({user: 'mallory', password: 'secret'});
  for (const statement of [
    "CREATE FUNCTION act() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN PERFORM pg_advisory_lock_shared(666); RETURN 1; END'",
    "CREATE FUNCTION evil() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM act(); RETURN 1; END'",
  ])
    await client.query(statement);
  for (let n = 0; n < 30; n++) {
    await client.query('SELECT note FROM orders WHERE user_id = 7 AND id <> evil()');
    await client.query('SELECT id FROM visits WHERE user_id = 7');
  }
  await client.end();
}

const refused = 'not planned: it reaches public.evil(), a function outside pg_catalog';
/** The lock would not be held if its session had ended. */
const acted = (server: TestServer) =>
  server.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 666");

async function dryRun(server: TestServer) {
  const acting = await createActing(server);
  expect(await acting.run('apply-indexes', {dryRun: true})).toBe(0);
  expect(await acted(server)).toEqual([]);
  return acting.document() as unknown as {
    skipped: {description: string; reason: string}[];
    steps: {kind: string; sql: string}[];
  } & Record<string, unknown>;
}

describeEachMajor("apply-indexes with a hostile role's statements among the costliest", major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await seed(server);
  });
  afterAll(() => server?.stop());

  it('plans none of those statements, reports that, and still finds the missing index', async () => {
    const document = await dryRun(server);
    expect(document.skipped).toContainEqual(
      expect.objectContaining({description: expect.stringContaining('evil('), reason: refused}),
    );
    expect(document.skipped.filter(({reason}) => reason.includes('planned'))).toHaveLength(1);
    const built = document.steps.map(({sql}) => sql).join('\n');
    expect(built).toMatch(/ON "?public"?\."?orders"? .*user_id/);
    expect(built).toMatch(/ON "?public"?\."?visits"? .*user_id/);
  });
});

describeHypopg("apply-indexes with HypoPG and a hostile role's statements among the costliest", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startHypopgServer();
    await server.query('CREATE EXTENSION hypopg');
    await seed(server);
  });
  afterAll(() => server?.stop());

  it('estimates those statements from statistics, and lets the planner cost the others', async () => {
    const acting = await createActing(server);
    expect(await acting.run('apply-indexes', {dryRun: true, json: false})).toBe(0);
    expect(await acted(server)).toEqual([]);
    const text = acting.stdout.join('\n');
    expect(text).toContain(refused);
    expect(text).toMatch(/on public\.orders: heuristic/);
    expect(text).toMatch(/on public\.visits: planner-verified/);
  });
});

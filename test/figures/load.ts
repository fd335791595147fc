import {join} from 'node:path';
import type pg from 'pg';
import {expect} from 'vitest';
import {createActing, temporaryFolder} from '../cli/execution/acting.ts';
import {createStep} from '../console/played.ts';
import type {TestServer} from '../helpers/server.ts';
import {until} from '../postgres/watching.ts';

export const password = 'secret';

export const shapedStatement =
  'SELECT "public"."orders"."id" FROM "public"."orders" WHERE "public"."orders"."id" = $1 OFFSET $2';

/** Reads enough index blocks for a ratio. */
const indexReads =
  'DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM state FROM public.orders WHERE id = i; END LOOP; END $$';

/** Sessions in every state, waits for a row, an advisory lock and a snapshot, and an index build; none of them moves. */
export async function startLoad(server: TestServer): Promise<void> {
  const open = (application_name: string, user = 'app') => server.connect({user, password, application_name});
  const run = async (...statements: string[]) => {
    const client = await open('web');
    for (const statement of statements) await client.query(statement).catch(() => {});
    return client;
  };
  /** Runs on until the server stops. */
  const begin = async (statement: string) => void (await open('web')).query(statement).catch(() => {});
  const maker = await run(
    'CREATE TABLE public.orders AS SELECT id, 0 AS state FROM generate_series(1, 10000) id',
  );
  await maker.end();
  await run('CREATE INDEX orders_broken ON public.orders ((state + 1))');
  await server.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_broken'::regclass");
  const reader = await run('ALTER TABLE public.orders ADD PRIMARY KEY (id)', indexReads);
  await reader.end();
  await run(`SELECT count(*) FROM public.orders /*route='%2Fcart'*/`);
  await run('BEGIN', 'UPDATE public.orders SET state = 1 WHERE id = 1');
  await run('BEGIN', 'SELECT 1 / 0');
  await run('SELECT pg_advisory_lock(42)');
  await open('psql', 'plain');
  await begin('SELECT pg_sleep(600)');
  await begin(`SELECT pg_sleep(600) /*prismaQuery='Order.findMany',route='%2Fcart'*/`);
  await begin('UPDATE public.orders SET state = 2 WHERE id = 1');
  await begin('SELECT pg_advisory_lock(42)');
  await begin('CREATE INDEX CONCURRENTLY orders_state ON public.orders (state)');
  await until(async () => {
    const [row] = await server.query<{waiting: number; changed: number}>(
      `SELECT (SELECT count(*)::int FROM pg_locks WHERE NOT granted) AS waiting,
        (SELECT n_mod_since_analyze::int FROM pg_stat_user_tables WHERE relname = 'orders') AS changed`,
    );
    return row?.waiting === 3 && row.changed >= 10_000;
  });
}

/** Calls that every counter sees, by a session that has ended when this returns: its statistics are flushed. */
export async function work(server: TestServer): Promise<void> {
  const client = await server.connect({user: 'app', password, application_name: 'work'});
  for (let id = 1; id <= 40; id++) await client.query('SELECT state FROM public.orders WHERE id = $1', [id]);
  // As Prisma writes it: Scan finds an endpoint's statement by its shape. So often that it is among those that take most time, which
  // are read with their text.
  for (let id = 1; id <= 600; id++) await client.query(shapedStatement, [id, 0]);
  await client.query(indexReads);
  await client.query('SELECT count(*) FROM (SELECT id FROM public.orders ORDER BY id) o');
  await client.query('SELECT 1 / 0').catch(() => {});
  await client.end();
  await untilGone(server, 'work');
}

export async function untilGone(server: TestServer, application: string): Promise<void> {
  const text = 'SELECT FROM pg_stat_activity WHERE application_name = $1';
  await until(async () => (await server.query(text, [application])).length === 0);
}

/** What a release changes: a table, a statement, and an application that connects. Ends these sessions. */
export async function deploy(server: TestServer, name: string): Promise<() => Promise<void>> {
  const application_name = `deploy ${name}`;
  const clients: pg.Client[] = [];
  for (let count = 0; count < 3; count++)
    clients.push(await server.connect({user: 'app', password, application_name}));
  await clients[0]?.query(`CREATE TABLE public.made_${name} (id int)`);
  for (let id = 0; id < 5; id++) await clients[0]?.query(`INSERT INTO public.made_${name} VALUES ($1)`, [id]);
  return async () => {
    await Promise.all(clients.map(client => client.end()));
    await untilGone(server, application_name);
  };
}

/**
 * Runs of poolctl: a setting that is made, undone and made again, sessions that are ended, and one that was cut off before its outcome
 * was recorded. Resolves to the journal's file.
 */
export async function act(server: TestServer, user: string | undefined): Promise<string> {
  const file = join(await temporaryFolder(), 'journal.jsonl');
  const acting = await createActing(server, {journal: file, ...(user !== undefined && {user})});
  const timeouts = {
    set: [`role=${user ?? 'app'}`, 'lock_timeout=5s'],
    yes: true,
  };
  const as = user === undefined ? {} : {user, password};
  const left = [await server.connect(as), await server.connect(as)];
  const pids = left.map(client => (client as pg.Client & {processID: number}).processID);
  const codes = [
    await acting.run('set-timeouts', timeouts),
    await acting.undo('r1', {yes: true}),
    await acting.run('set-timeouts', timeouts),
    await acting.run('terminate-sessions', {
      set: [`pid=${pids.join(',')}`],
      yes: true,
      yesIrreversible: true,
    }),
  ];
  expect(codes, acting.stderr.join('\n')).toEqual([0, 0, 0, 0]);
  const [first] = await acting.journal.inspect();
  if (first?.event !== 'run') throw new Error('the journal begins with a run');
  const {actor, target} = first;
  const head = {actor, target, run: 'r5'};
  const {recipe, plan, params, before} = first;
  await acting.journal.append({...head, event: 'run', recipe, plan, params, step_count: 1, before});
  await acting.journal.append({...head, event: 'intent', step: 0, content: createStep(1)});
  return file;
}

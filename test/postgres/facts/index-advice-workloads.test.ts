import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {IndexAdvice} from '../../../source/model/index-advice.ts';
import {readIndexAdvice} from '../../../source/postgres/facts/index-advice.ts';
import {describeHypopg, startHypopgServer} from '../../helpers/hypopg.ts';
import {availableMajors, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {watch} from '../watching.ts';

/** Each workload is tried by estimate alone, and with HypoPG where it can be had. */
const [newest = 18] = availableMajors();
describe('the indexes chosen by estimate', () => suite('none', () => shareTestServer({major: newest})));
describeHypopg('the indexes chosen with HypoPG', () => suite('hypopg', startHypopgServer));

function suite(planner: IndexAdvice['planner'], start: () => Promise<TestServer>): void {
  let server: TestServer;
  let databases = 0;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.stop());

  type Call = [text: string, values: unknown[][]];

  /** A database with these tables in which these statements have run, and what can be asked of it. */
  async function workload(setup: string[], calls: Call[]) {
    const database = `workload_${++databases}`;
    await server.query(`CREATE DATABASE ${database}`);
    const client = await server.connect({database});
    await client.query('CREATE EXTENSION pg_stat_statements');
    if (planner === 'hypopg') await client.query('CREATE EXTENSION hypopg');
    await client.query('SELECT setseed(0.5)');
    for (const text of setup) await client.query(text);
    await client.query('VACUUM ANALYZE');
    await client.query('SELECT pg_stat_statements_reset()');
    await run();

    async function run(): Promise<void> {
      for (const [text, all] of calls) for (const values of all) await client.query(text, values);
    }
    /** Blocks read by the statements, by their EXPLAIN, once each. */
    async function blocks(): Promise<number> {
      let sum = 0;
      for (const [text, all] of calls) {
        for (const values of all) {
          const {rows} = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
          const plan = rows[0]['QUERY PLAN'][0].Plan;
          sum += plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
        }
      }
      return sum;
    }
    async function advise(): Promise<IndexAdvice> {
      const connection = await watch(server.url({database}));
      const advice = await readIndexAdvice(connection, {file: null});
      await connection.close();
      expect(advice.planner).toBe(planner);
      return advice;
    }
    /** Builds what is proposed and returns it. */
    async function build(): Promise<string[]> {
      const {proposals} = await advise();
      for (const {definition} of proposals) await client.query(definition);
      await client.query('ANALYZE');
      return keysOf(proposals);
    }
    return {client, run, blocks, advise, build};
  }

  const times = <Value>(count: number, make: (index: number) => Value): Value[] =>
    Array.from({length: count}, (_, index) => make(index));
  const keysOf = (proposals: IndexAdvice['proposals']) =>
    proposals
      .map(
        ({columns, predicate}) =>
          columns
            .map(({expression, order}) => [expression.replaceAll('"', ''), order].filter(Boolean).join(' '))
            .join(', ') + (predicate === null ? '' : ` WHERE ${predicate.replaceAll('"', '')}`),
      )
      .sort();

  it('are the same list in every run, and complete: a second run adds none', async () => {
    const site = (index: number) => 1 + ((index * 37) % 3000);
    const day = (days: number) => new Date(Date.now() - days * 86_400_000);
    const {build, advise, blocks} = await workload(
      [
        'CREATE TABLE hits (id int PRIMARY KEY, site int, page int, visitor int, at timestamptz, pad text)',
        `INSERT INTO hits SELECT i, 1 + floor(3000 * random())::int, floor(50 * random())::int, floor(100000 * random())::int,
          now() - (100000 - i) * interval '30 sec', repeat('x', 60) FROM generate_series(1, 100000) i`,
      ],
      [
        [
          'SELECT count(*) FROM hits WHERE site = $1 AND at >= $2 AND at < $3',
          times(20, i => [site(i), day(30), day(10)]),
        ],
        [
          'SELECT visitor FROM hits WHERE site = $1 AND at >= $2 AND at < $3',
          times(20, i => [site(i), day(20), day(5)]),
        ],
        [
          'SELECT count(*) FROM hits WHERE site = $1 AND page = $2 AND at >= $3 AND at < $4',
          times(20, i => [site(i), i % 50, day(40), day(5)]),
        ],
        [
          'SELECT id FROM hits WHERE site = $1 AND visitor = $2 ORDER BY at DESC LIMIT 50',
          times(20, i => [site(i), i * 31]),
        ],
      ],
    );
    const [first, again] = [await advise(), await advise()];
    expect(again).toEqual(first);
    const before = await blocks();
    expect(await build()).toEqual(['site, at', 'site, visitor']);
    const after = await blocks();
    expect(keysOf((await advise()).proposals)).toEqual([]);
    expect(after).toBeLessThan(before / 40);
  }, 120_000);

  it('hold no index of the order alone that a statement reads to its end', async () => {
    const {build, blocks} = await workload(
      [
        'CREATE TABLE jobs (id int PRIMARY KEY, name text, payload jsonb, submitted_at timestamptz)',
        `INSERT INTO jobs SELECT i, 'seal', jsonb_build_object('doc', i), now() - (50000 - i) * interval '1 min'
          FROM generate_series(1, 50000) i`,
      ],
      [
        [
          "SELECT * FROM jobs WHERE name = 'seal' AND (payload #> ARRAY['doc'])::jsonb = '7000' ORDER BY submitted_at DESC LIMIT 10",
          times(10, () => []),
        ],
      ],
    );
    const before = await blocks();
    expect(await build()).toEqual([]);
    expect(await blocks()).toBeLessThanOrEqual(before);
  }, 120_000);

  it('know the LIMIT by the rows per call, and the most common value', async () => {
    const {build, blocks} = await workload(
      [
        'CREATE TABLE runs (id int PRIMARY KEY, env int, created_at timestamptz, batch int, pad text)',
        `INSERT INTO runs SELECT i, 1 + floor(5000 * power(random(), 3))::int, now() - (80000 - i) * interval '1 min', i / 10,
          repeat('x', 80) FROM generate_series(1, 80000) i`,
      ],
      [
        [
          'SELECT id, created_at FROM runs WHERE env = $1 ORDER BY created_at DESC LIMIT 25',
          times(30, i => [i + 1]),
        ],
      ],
    );
    const before = await blocks();
    expect(await build()).toEqual(['env, created_at DESC']);
    expect(await blocks()).toBeLessThan(before / 20);
  }, 120_000);

  it('are for ranges as narrow as the rows they return', async () => {
    const {build} = await workload(
      [
        'CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz, pad text)',
        `INSERT INTO sessions SELECT i, now() + i * interval '1 min', repeat('x', 60) FROM generate_series(1, 50000) i`,
      ],
      [['SELECT id FROM sessions WHERE expires_at < $1', times(20, () => [new Date(Date.now() + 600_000)])]],
    );
    expect(await build()).toEqual(['expires_at']);
  }, 120_000);

  it('serve statements with arguments of any type, as Prisma joins have', async () => {
    const {build, advise, blocks} = await workload(
      [
        'CREATE TABLE child (id int PRIMARY KEY, parent_id int, name text)',
        "INSERT INTO child SELECT i, i % 5000, 'name ' || i FROM generate_series(1, 50000) i",
      ],
      [
        [
          "SELECT jsonb_build_object('id', c.id, 'name', c.name) FROM child c WHERE c.parent_id = 5",
          times(10, () => []),
        ],
        ["SELECT concat('a', c.name, 1) FROM child c WHERE c.parent_id = 7", times(10, () => [])],
      ],
    );
    expect((await advise()).skipped).toEqual([]);
    expect(await build()).toEqual(['parent_id']);
    expect(await blocks()).toBeLessThan(400);
  }, 120_000);

  it('serve a join by a column that is mostly NULL without its NULLs', async () => {
    const {build, blocks} = await workload(
      [
        'CREATE TABLE messages (id int PRIMARY KEY, parent_id int, body text)',
        "INSERT INTO messages SELECT i, CASE WHEN i % 20 = 0 THEN i / 2 END, repeat('x', 60) FROM generate_series(1, 50000) i",
      ],
      [
        [
          'SELECT p.id, count(r.id) FROM messages p LEFT JOIN messages r ON r.parent_id = p.id WHERE p.id = $1 GROUP BY p.id',
          times(10, i => [i * 10]),
        ],
      ],
    );
    const before = await blocks();
    expect(await build()).toEqual(['parent_id WHERE parent_id IS NOT NULL']);
    expect(await blocks()).toBeLessThan(before / 20);
  }, 120_000);

  it('cover foreign keys with what is there, without NULLs, and not of small tables', async () => {
    const key = (name: string, rows: number) => [
      `CREATE TABLE ${name} (id int PRIMARY KEY, parent_id int REFERENCES parent)`,
      `INSERT INTO ${name} SELECT i, i % 1000 FROM generate_series(1, ${rows}) i`,
    ];
    const {build, advise, client} = await workload(
      [
        'CREATE TABLE parent (id int PRIMARY KEY)',
        'INSERT INTO parent SELECT generate_series(0, 999)',
        ...key('plain', 20_000),
        ...key('hashed', 20_000),
        'CREATE INDEX ON hashed USING hash (parent_id)',
        ...key('small', 9000),
        'CREATE TABLE mostly_null (id int PRIMARY KEY, "parentId" int REFERENCES parent)',
        'INSERT INTO mostly_null SELECT i, CASE WHEN i % 1000 = 0 THEN i % 997 END FROM generate_series(1, 50000) i',
      ],
      [],
    );
    expect((await advise()).skipped.map(({reason}) => reason)).toContain('its table has only 9000 rows');
    expect(await build()).toEqual(['parentId WHERE parentId IS NOT NULL', 'parent_id']);
    expect(keysOf((await advise()).proposals)).toEqual([]);
    await client.query('SET enable_seqscan = off');
    const {rows} = await client.query(
      'EXPLAIN SELECT 1 FROM mostly_null x WHERE "parentId" = 5 FOR KEY SHARE OF x',
    );
    expect(JSON.stringify(rows)).toContain('mostly_null_parentId_idx');
  }, 120_000);

  it('come with what writes pay for them, HOT updates and inserts among them', async () => {
    const {advise, client} = await workload(
      [
        'CREATE TABLE queue (id int PRIMARY KEY, touched int, pad text) WITH (fillfactor = 50)',
        "INSERT INTO queue SELECT i, i % 500, repeat('x', 40) FROM generate_series(1, 2000) i",
        'CREATE TABLE log (id int, kind int)',
        'INSERT INTO log SELECT i, i % 500 FROM generate_series(1, 2000) i',
      ],
      [
        ['SELECT id FROM queue WHERE touched = $1', [[7]]],
        ['UPDATE queue SET touched = $1 WHERE id = $2', times(2000, i => [i % 500, 1 + (i % 2000)])],
        ['SELECT id FROM log WHERE kind = $1', [[7]]],
        ['INSERT INTO log VALUES ($1, $2)', times(2000, i => [i, i % 500])],
      ],
    );
    await expect
      .poll(async () => {
        const {rows} = await client.query(
          "SELECT n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'queue'",
        );
        return rows[0].hot;
      })
      .toBeGreaterThan(1000);
    // Whether they pay depends on how long the statements took.
    const said = JSON.stringify(await advise());
    expect(said).toMatch(
      /updates \S* ?\S* ?touch no index now \(HOT\)|updates that touch no index now \(HOT\)/,
    );
    expect(said).toMatch(/2,?000 writes/);
  }, 120_000);
}

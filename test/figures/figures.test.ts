import {afterAll, beforeAll, expect, it} from 'vitest';
import {printSnapshot, type snapshotDocument} from '../../source/commands/snapshot/command.ts';
import {statementKey} from '../../source/core/activity/rates.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {emptyRequest, type Reader} from '../../source/postgres/sampler/reader.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {everything, openReader, until, watch} from '../postgres/watching.ts';
import {type Asked, ask, expectSection} from './compare.ts';
import {type Row, type Section, sectionsOf} from './sections.ts';
import {serverSections} from './server-sections.ts';
import {expectViews} from './views.ts';

const password = 'secret';

describeEachMajor('every figure of a snapshot is what SQL says', major => {
  let server: TestServer;

  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE EXTENSION pg_stat_statements');
    await server.query('ALTER SYSTEM SET autovacuum = off');
    await server.query('SELECT pg_reload_conf()');
    await server.query(`CREATE ROLE app LOGIN PASSWORD '${password}' CONNECTION LIMIT 20`);
    await server.query(`CREATE ROLE oncall LOGIN PASSWORD '${password}' IN ROLE pg_monitor`);
    await server.query(`CREATE ROLE plain LOGIN PASSWORD '${password}' CONNECTION LIMIT 9`);
    await server.query('GRANT CREATE ON SCHEMA public TO app');
    await server.query("SELECT pg_create_physical_replication_slot('spare', true)");
    await startLoad(server);
  });
  afterAll(async () => {
    await server?.query("SELECT pg_drop_replication_slot('spare')");
    await server?.stop();
  });

  /** The second of two readings, with what was asked before and after each, and work in between. */
  async function readTwice(
    sections: Record<string, Section>,
    user: string | undefined,
  ): Promise<{readings: [Snapshot, Snapshot]; asked: Asked[]}> {
    const connection = await watch(server.url(user === undefined ? {} : {user, password}));
    const reader = await openReader(connection);
    const asked = [await ask(server, sections)];
    // An empty list still reads which statements are poolctl's own, as the console does at its start.
    const first = await reader.read({...everything, statements: {numbers: true, texts: []}});
    asked.push(await ask(server, sections));
    await work(server);
    asked.push(await ask(server, sections));
    const snapshot = await readWithTexts(reader);
    asked.push(await ask(server, sections));
    await connection.close();
    await untilGone(server, 'poolctl');
    return {readings: [first, snapshot], asked};
  }

  it.each([['oncall'], ['plain'], [undefined]])('as %s', async user => {
    const isPlain = user === 'plain';
    const sections = {
      ...sectionsOf(major, isPlain ? "usename <> 'plain'" : 'false', user ?? 'postgres'),
      ...serverSections(major, isPlain),
    };
    const {readings, asked} = await readTwice(sections, user);
    const [, snapshot] = readings;
    const document = printed(snapshot);
    const sees = (role: unknown) => !isPlain || role === 'plain';
    for (const [path, section] of Object.entries(sections))
      expectSection({path, section, rows: rowsOf(document, path).filter(isOfOthers), asked, sees});
    expectRecentHits(snapshot, asked, major);
    // What is in the document is what SQL says: the views print the same.
    expectViews(readings, document);
    expect(snapshot.unavailable.map(({section}) => section)).toEqual(isPlain ? ['backends'] : []);
  });
});

/** Hit ratios between the two readings, which began and ended between two of what was asked. */
function expectRecentHits({databases, target}: Snapshot, asked: readonly Asked[], major: number): void {
  const [first, second, before, after] = asked.map(each =>
    each.databases?.find(({is_connected}) => is_connected === true),
  ) as [Row, Row, Row, Row];
  const grown = (column: string, from: Row, to: Row) => Number(to[column]) - Number(from[column]);
  const recent = databases.find(({datname}) => datname === target.database)?.recent_hits;
  for (const [ratio, hit, read] of [
    [recent?.cache_hit_ratio, 'blks_hit', 'blks_read'],
    [recent?.index_hit_ratio, 'index_hit', 'index_read'],
  ] as const) {
    const [leastHit, leastRead] = [grown(hit, second, before), grown(read, second, before)];
    const [mostHit, mostRead] = [grown(hit, first, after), grown(read, first, after)];
    // Before 15 the collector's file may be older than the work between the readings.
    if (ratio === null && major < 15) continue;
    expect(ratio, hit).toBeGreaterThanOrEqual(leastHit / (leastHit + mostRead));
    expect(ratio, hit).toBeLessThanOrEqual(mostHit / (mostHit + leastRead));
  }
}

/** Reads enough index blocks for a ratio. */
const indexReads =
  'DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM state FROM public.orders WHERE id = i; END LOOP; END $$';

/** Sessions in every state, waits for a row, an advisory lock and a snapshot, and an index build; none of them moves. */
async function startLoad(server: TestServer): Promise<void> {
  const open = (application_name: string, user = 'app') => server.connect({user, password, application_name});
  const run = async (...statements: string[]) => {
    const client = await open('web');
    for (const statement of statements) await client.query(statement).catch(() => {});
    return client;
  };
  /** Runs on until the server stops. */
  const begin = async (statement: string) => void (await open('web')).query(statement).catch(() => {});
  await run('CREATE TABLE public.orders AS SELECT id, 0 AS state FROM generate_series(1, 10000) id');
  const reader = await run('ALTER TABLE public.orders ADD PRIMARY KEY (id)', indexReads);
  await reader.end();
  await run(`SELECT count(*) FROM public.orders /*route='%2Fcart'*/`);
  await run('BEGIN', 'UPDATE public.orders SET state = 1 WHERE id = 1');
  await run('BEGIN', 'SELECT 1 / 0');
  await run('SELECT pg_advisory_lock(42)');
  await open('psql', 'plain');
  await begin('SELECT pg_sleep(600)');
  await begin('UPDATE public.orders SET state = 2 WHERE id = 1');
  await begin('SELECT pg_advisory_lock(42)');
  await begin('CREATE INDEX CONCURRENTLY orders_state ON public.orders (state)');
  await until(async () => {
    const [row] = await server.query<{waiting: number}>(
      'SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted',
    );
    return row?.waiting === 3;
  });
}

/** Calls that every counter sees, by a session that has ended when this returns: its statistics are flushed. */
async function work(server: TestServer): Promise<void> {
  const client = await server.connect({user: 'app', password, application_name: 'work'});
  for (let id = 1; id <= 40; id++) await client.query('SELECT state FROM public.orders WHERE id = $1', [id]);
  await client.query(indexReads);
  await client.query('SELECT count(*) FROM (SELECT id FROM public.orders ORDER BY id) o');
  await client.query('SELECT 1 / 0').catch(() => {});
  await client.end();
  await untilGone(server, 'work');
}

async function untilGone(server: TestServer, application: string): Promise<void> {
  const text = 'SELECT FROM pg_stat_activity WHERE application_name = $1';
  await until(async () => (await server.query(text, [application])).length === 0);
}

/** The session that asks runs a statement while it does. */
function isOfOthers({pid, application_name}: Row): boolean {
  return pid === undefined || application_name !== 'test';
}

function printed(snapshot: Snapshot): ReturnType<typeof snapshotDocument> {
  const parts: string[] = [];
  const stdout = (part: string) => void parts.push(part);
  printSnapshot(snapshot, {stdout, stderr: () => {}, isTty: false, columns: 80});
  return JSON.parse(parts.join(''));
}

function rowsOf(document: Row, path: string): Row[] {
  const value =
    path === '' ? document : path.split('.').reduce<unknown>((at, name) => (at as Row)[name], document);
  return Array.isArray(value) ? value : value == null ? [] : [value as Row];
}

async function readWithTexts(reader: Reader): Promise<Snapshot> {
  const {statements} = await reader.read(everything);
  return reader.read({...emptyRequest, statements: {numbers: false, texts: statements.map(statementKey)}});
}

import {readFile} from 'node:fs/promises';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {recipes} from '../../recipes/index.ts';
import {loadRecipeData} from '../../source/cli/recipe-data.ts';
import {readJournal} from '../../source/commands/console/execute.ts';
import {scanForConsole} from '../../source/commands/console/scan.ts';
import {printSnapshot, type snapshotDocument} from '../../source/commands/snapshot/command.ts';
import type {Message} from '../../source/console/store.ts';
import {statementKey} from '../../source/core/activity/rates.ts';
import {loadDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {serverRows} from '../../source/core/server/topics/index.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import type {Connection} from '../../source/postgres/connect/connect.ts';
import {emptyRequest, type Reader} from '../../source/postgres/sampler/reader.ts';
import {open, play, read} from '../console/played.ts';
import {createCliContext} from '../helpers/cli-context.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {everything, openReader, watch} from '../postgres/watching.ts';
import {createApp} from '../scan/create-app.ts';
import {type Asked, ask, expectSection} from './compare.ts';
import {act, deploy, password, startLoad, untilGone, work} from './load.ts';
import {type Row, type Section, sectionsOf} from './sections.ts';
import {columns, type Seen} from './seen.ts';
import {serverSections} from './server-sections.ts';
import {source} from './view-scan.ts';
import {viewSections} from './view-sections.ts';
import {expectViews} from './views.ts';

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

  /** Two readings as the console makes them, with what was asked before and after each, and work in between. */
  async function readTwice(
    sections: Record<string, Section>,
    user: string | undefined,
  ): Promise<Omit<Seen, 'document' | 'sees'>> {
    await untilGone(server, 'poolctl');
    const connection = await watch(server.url(user === undefined ? {} : {user, password}));
    const reader = await openReader(connection);
    const asked = [await ask(server, sections)];
    const messages = [await readFacts(connection)];
    // An empty list still reads which statements are poolctl's own, as the console does at its start.
    const first = await reader.read({...everything, statements: {numbers: true, texts: []}});
    asked.push(await ask(server, sections));
    await work(server);
    const file = await withoutCommitsOf(asked, () => act(server, user));
    const leave = await deploy(server, user ?? 'superuser');
    asked.push(await ask(server, sections));
    const facts = await readFacts(connection);
    const snapshot = await readWithTexts(reader);
    asked.push(await ask(server, sections));
    const journal = await readJournal(createCliContext(), {flags: {journal: file}, onNotice: () => {}});
    const directory = await createApp(source);
    const result = await scanForConsole(directory, () => connection);
    messages.push(read(first), facts, read(snapshot), {kind: 'journal-read', ...journal});
    messages.push({kind: 'server-rows', serverRows}, {kind: 'scanned', result});
    await connection.close();
    await leave();
    await server.query(`ALTER ROLE ${user ?? 'app'} RESET ALL`);
    const opened = open(columns, 230, {recipes, scan: {directory, result: null, problem: null}});
    const {state} = play(opened, ...messages);
    return {state, readings: [first, snapshot], asked, journal: await readFile(file, 'utf8')};
  }

  /** What poolctl's own runs commit is no part of its rates: as if it had been before what was asked. */
  async function withoutCommitsOf<Result>(asked: Asked[], acts: () => Promise<Result>): Promise<Result> {
    const count = async () => {
      const [row] = await server.query<{commits: number}>(
        'SELECT xact_commit::float8 AS commits FROM pg_stat_database WHERE datname = current_database()',
      );
      return row?.commits ?? 0;
    };
    const before = await count();
    const result = await acts();
    const own = (await count()) - before;
    for (const {databases = []} of asked)
      for (const row of databases)
        if (row.is_connected === true) row.xact_commit = Number(row.xact_commit) + own;
    return result;
  }

  it.each([['oncall'], ['plain'], [undefined]])('as %s', async user => {
    const isPlain = user === 'plain';
    const hiddenRoles = isPlain ? "usename <> 'plain'" : 'false';
    const sections = {
      ...sectionsOf(major, hiddenRoles, user ?? 'postgres'),
      ...serverSections(major, isPlain),
    };
    const seen = await readTwice({...sections, ...viewSections(user ?? 'postgres', isPlain)}, user);
    const {readings, asked} = seen;
    const [, snapshot] = readings;
    const document = printed(snapshot);
    const sees = (role: unknown) => !isPlain || role === 'plain';
    for (const [path, section] of Object.entries(sections))
      expectSection({path, section, rows: rowsOf(document, path).filter(isOfOthers), asked, sees});
    expectRecentHits(snapshot, asked, major);
    // What is in the document is what SQL says: the views print the same, and of what is in none of its sections SQL itself.
    expectViews({...seen, document, sees});
    expect(snapshot.unavailable.map(({section}) => section)).toEqual(isPlain ? ['backends'] : []);
  });
});

/** What recipes and the assessment need beyond a reading. */
async function readFacts(connection: Connection): Promise<Message> {
  const diagnosisData = await loadDiagnosisData(recipes, needs => loadRecipeData(connection, needs));
  return {kind: 'diagnosis-data', at_ms: Date.now(), diagnosisData};
}

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

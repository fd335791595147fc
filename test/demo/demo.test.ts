import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import process from 'node:process';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {createDatabases, type Demo, startDemo} from '../../source/demo/demo.ts';
import {childrenOf, commandLine, isAlive, waitFor} from '../../source/demo/processes.ts';
import {applications} from '../../source/demo/schema.ts';
import {startServer, type ThrowawayServer} from '../../source/demo/server.ts';
import {availableMajors, describeMainMajor} from '../helpers/server.ts';

const majors = availableMajors();

describeMainMajor('the demo during its incident', major => {
  let demo: Demo;
  let client: pg.Client;
  beforeAll(async () => {
    demo = await startDemo({major});
    client = await connect(demo.url);
  });
  afterAll(async () => {
    await client?.end();
    await demo?.stop();
  });

  test('is used by a role that is not a superuser, sees every session and may end them', async () => {
    const [role] = await rows(
      client,
      `SELECT rolname, rolsuper, pg_has_role('pg_monitor', 'MEMBER') AS monitors,
        pg_has_role('pg_signal_backend', 'MEMBER') AS signals FROM pg_roles WHERE rolname = current_user`,
    );
    expect(role).toEqual({rolname: 'oncall', rolsuper: false, monitors: true, signals: true});
    expect(
      await rows(client, `SELECT pid FROM pg_stat_activity WHERE query = '<insufficient privilege>'`),
    ).toEqual([]);
  });

  test('has a growing number of sessions idle in transaction, with an aborted one among them', async () => {
    const states = await rows(
      client,
      `SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = 'assessments-import' ORDER BY 1`,
    );
    expect(states.map(row => row.state)).toEqual(['idle in transaction', 'idle in transaction (aborted)']);
    expect(await within(async () => (await heldBy(client, 'assessments-import')) > 8)).toBe(true);
  });

  test('has a chain of blocked sessions: one blocks two, and one of those blocks a third', async () => {
    const chain = await blockedBy(client);
    const [root] = await rows(
      client,
      `SELECT pid, state FROM pg_stat_activity WHERE application_name = 'scoring-recalculate'`,
    );
    expect(root?.state).toBe('idle in transaction');
    const behindRoot = [...chain].filter(([, blockers]) => blockers.includes(Number(root?.pid)));
    expect(chain.size).toBe(3);
    expect(behindRoot).toHaveLength(2);
    const [third] = [...chain].filter(([, blockers]) => behindRoot.some(([pid]) => blockers.includes(pid)));
    expect(third).toBeDefined();
  });

  test('has few free slots, and two for poolctl', async () => {
    const used = async () => Number((await rows(client, clientCount))[0]?.count);
    expect(await used()).toBeGreaterThanOrEqual(49);
    const second = await connect(demo.url);
    expect(await used()).toBeLessThanOrEqual(57);
    await second.end();
  });

  test('shows the most expensive statements with the tags of their endpoints', async () => {
    const isThere = () =>
      rows(
        client,
        `SELECT 1 FROM pg_stat_statements WHERE query LIKE '%/*action=''bulk'',route=''\\%2Fapi\\%2Fassessments''*/'`,
      );
    expect(await within(async () => (await isThere()).length > 0)).toBe(true);
  });

  test('keeps every password out of the statistics', async () => {
    const texts = await rows(client, `SELECT query FROM pg_stat_statements WHERE query ILIKE '%password%'`);
    expect(texts.filter(row => /password '/i.test(String(row.query)))).toEqual([]);
  });

  test('recovers after a fix: leaked sessions stay ended, blocked ones continue, healthy ones reconnect', async () => {
    const ended = await rows(
      client,
      `SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name IN ('assessments-import', 'scoring-recalculate', 'assessments-web')`,
    );
    expect(ended.length).toBeGreaterThan(20);
    const remaining = () =>
      rows(client, `SELECT FROM pg_stat_activity WHERE pid IN (${ended.map(({pid}) => pid).join()})`);
    expect(await within(async () => (await remaining()).length === 0)).toBe(true);
    expect(await within(async () => (await blockedBy(client)).size === 0)).toBe(true);
    expect(await within(async () => (await heldBy(client, 'assessments-web')) > 0)).toBe(true);
    expect(await heldBy(client, 'assessments-import')).toBeLessThanOrEqual(1);
    expect(await heldBy(client, 'scoring-recalculate')).toBe(0);
  });
});

describe.skipIf(majors.length === 0)('the demo when calm', () => {
  let owner: ChildProcess;
  let demo: OwnedDemo;
  let client: pg.Client;
  beforeAll(async () => {
    owner = startOwner();
    demo = await readDemo(owner);
    client = await connect(demo.url);
    // The last test ends the server.
    client.on('error', () => {});
  });
  afterAll(() => void owner?.kill('SIGKILL'));

  test('runs the same applications in few sessions, none idle in transaction and none waiting', async () => {
    expect(await within(async () => Number((await rows(client, statementCount))[0]?.count) > 3)).toBe(true);
    const roles = await rows(
      client,
      `SELECT usename, count(*)::int FROM pg_stat_activity WHERE usename LIKE '%\\_app' GROUP BY 1 ORDER BY 1`,
    );
    expect(roles).toEqual([
      {usename: 'assessments_app', count: 3},
      {usename: 'scoring_app', count: 4},
      {usename: 'taskdesk_app', count: 2},
    ]);
    expect((await blockedBy(client)).size).toBe(0);
    const stuck = await rows(
      client,
      `SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'`,
    );
    expect(stuck).toEqual([]);
  });

  test('has the indexes that the incident lacks', async () => {
    const plan = await rows(
      client,
      `SELECT indexname FROM pg_indexes WHERE indexname = 'assessments_student_id_idx'`,
    );
    expect(plan).toHaveLength(1);
  });

  test('ends with its traffic after kill -9 of its owner', async () => {
    const children = await childrenOf(owner.pid ?? 0);
    const lines = await Promise.all(children.map(commandLine));
    expect(lines.filter(line => line.includes('traffic-process'))).toHaveLength(1);
    owner.kill('SIGKILL');
    const isGone = async () => {
      const alive = await Promise.all(children.map(isAlive));
      return !alive.includes(true) && !existsSync(demo.folder);
    };
    expect(await waitFor(isGone, 20_000)).toBe(true);
  });
});

describe.skipIf(majors.length === 0)('the rows of the demo', () => {
  const servers: ThrowawayServer[] = [];
  afterAll(() => Promise.all(servers.map(server => server.stop())));

  test('are the same for the same seed on every version, and differ for another seed', async () => {
    const first = await digest({seed: 7, major: majors[0]});
    const again = await digest({seed: 7, major: majors.at(-1)});
    const other = await digest({seed: 8, major: majors[0]});
    expect(again).toEqual(first);
    expect(other.assessments).not.toBe(first.assessments);
  });

  async function digest({seed, major}: {seed: number; major: number | undefined}) {
    const server = await startServer({
      ...(major === undefined ? {} : {major}),
      settings: {shared_preload_libraries: 'pg_stat_statements'},
    });
    servers.push(server);
    await createDatabases(server, {seed, calm: false, onProgress: () => {}});
    const digests: Record<string, unknown> = {};
    for (const {database} of applications) {
      const client = await connect(server.url({database}));
      const tables = await rows(
        client,
        `SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
      );
      for (const {relname} of tables) {
        const [row] = await rows(
          client,
          `SELECT count(*) || ':' || sum(hashtextextended(each::text, 0)) AS digest FROM "${relname}" AS each`,
        );
        digests[String(relname)] = row?.digest;
      }
      await client.end();
    }
    return digests;
  }
});

const clientCount = `SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'`;
const statementCount = `SELECT count(*) FROM pg_stat_statements WHERE userid <> 'oncall'::regrole AND calls > 1`;

type OwnedDemo = {url: string; folder: string};

/** A process that owns a calm demo, prints its URL and folder, and does nothing else. */
function startOwner(): ChildProcess {
  const path = (name: string) =>
    JSON.stringify(fileURLToPath(new URL(`../../source/demo/${name}`, import.meta.url)));
  const script = `
    const {startDemo} = await import(${path('demo.ts')});
    const {default: pg} = await import('pg');
    const {url, superuserUrl} = await startDemo({calm: true});
    const client = new pg.Client({connectionString: superuserUrl});
    await client.connect();
    const {rows} = await client.query('SHOW data_directory');
    await client.end();
    console.log(JSON.stringify({url, folder: rows[0].data_directory.replace(/.data$/, '')}));
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function readDemo(owner: ChildProcess): Promise<OwnedDemo> {
  if (owner.stdout) for await (const line of createInterface({input: owner.stdout})) return JSON.parse(line);
  throw new Error('the owner ended without a demo');
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({connectionString, application_name: 'poolctl'});
  await client.connect();
  return client;
}

async function rows(client: pg.Client, text: string): Promise<Record<string, unknown>[]> {
  return (await client.query(text)).rows;
}

async function heldBy(client: pg.Client, application: string): Promise<number> {
  const {rowCount} = await client.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [
    application,
  ]);
  return rowCount ?? 0;
}

/** Pid of each session that waits for a lock -> pids that block it. */
async function blockedBy(client: pg.Client): Promise<Map<number, number[]>> {
  const waiting = await rows(
    client,
    `SELECT pid, pg_blocking_pids(pid) AS blockers FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND usename = 'scoring_app'`,
  );
  return new Map(waiting.map(row => [Number(row.pid), (row.blockers as number[]).map(Number)]));
}

function within(condition: () => Promise<boolean>): Promise<boolean> {
  return waitFor(condition, 30_000);
}

import {fork} from 'node:child_process';
import {once} from 'node:events';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import {type KnownSession, signalSql} from '../../source/core/sessions/session-steps.ts';
import {startServer} from '../../source/demo/server.ts';

/**
 * How often a session starts a new statement between the check and the signal of one statement that does both. Sessions
 * that run a short statement every millisecond or two are checked and terminated if unchanged; counts those that had
 * already answered a later statement than the one checked. Compares pg_stat_get_activity(pid), which poolctl uses, with
 * the view pg_stat_activity, alternately. Markdown on stdout.
 */
const trials = Number(process.argv[2] === 'session' ? 0 : (process.argv[2] ?? 800));
/** Idle sessions of other clients, all of which the check reads. */
const others = 50;
const betweenMs = 2;

type Ended = {pid: number; answered: number};

async function measure(): Promise<void> {
  const server = await startServer({settings: {max_connections: 200}});
  const sessions = fork(fileURLToPath(import.meta.url), ['session', server.superuserUrl]);
  try {
    const idle = await Promise.all(Array.from({length: others}, () => connect(server.superuserUrl)));
    const acting = await connect(server.superuserUrl);
    await acting.query('SET search_path = pg_catalog');
    const rows = {function: {ended: 0, continued: 0}, view: {ended: 0, continued: 0}};
    for (let trial = 0; trial < trials * 2; trial++) {
      const source = trial % 2 === 0 ? 'function' : 'view';
      sessions.send('open');
      const [{pid}] = (await once(sessions, 'message')) as [{pid: number}];
      const checked = await endUnchanged(acting, pid, source);
      const [{answered}] = (await once(sessions, 'message')) as [Ended];
      rows[source].ended++;
      if (answered > checked) rows[source].continued++;
    }
    const text = Object.entries(rows).map(
      ([source, {ended, continued}]) => `| ${names[source as Source]} | ${ended} | ${continued} |`,
    );
    process.stdout.write(
      `| checked at by | sessions ended | continued before the signal |\n|---|---|---|\n${text.join('\n')}\n`,
    );
    for (const client of idle) await client.end();
    await acting.end();
  } finally {
    sessions.kill();
    await server.stop();
  }
}

type Source = 'function' | 'view';
const names: Record<Source, string> = {function: 'pg_stat_get_activity(pid)', view: 'pg_stat_activity'};

/** Tries until the session is unchanged; returns the number of the checked statement. */
async function endUnchanged(acting: pg.Client, pid: number, source: Source): Promise<number> {
  for (;;) {
    const {rows} = await acting.query<KnownSession>(read, [pid]);
    const [session] = rows;
    if (session === undefined) throw new Error('the session has gone by itself');
    const {text, values} = signalSql(session, {call: 'pg_terminate_backend', same: 'unchanged'});
    const query = text
      .replace('SELECT a.pid', 'SELECT a.query, a.pid')
      .replace(
        'pg_stat_get_activity($1::int4) a WHERE',
        source === 'function' ? '$&' : 'pg_stat_activity a WHERE a.pid = $1::int4 AND',
      );
    const acted = await acting.query<{query: string}>(query, values);
    if (acted.rows[0] !== undefined) return Number(acted.rows[0].query.replace('SELECT ', ''));
  }
}

const micros = (column: string) =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${column}`;
const read = `SELECT pid, datid::text, usesysid::text, state, backend_xid::text, ${['backend_start', 'state_change', 'query_start', 'xact_start'].map(micros).join(', ')} FROM pg_stat_get_activity($1)`;

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({connectionString});
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** In its own process: each message opens a session, which runs statements until it is terminated. */
async function runSessions(url: string): Promise<void> {
  process.on('message', async () => {
    const client = await connect(url);
    const pid = (client as pg.Client & {processID: number}).processID;
    let answered = 0;
    await client.query('SELECT 0');
    process.send?.({pid});
    try {
      for (let number = 1; ; number++) {
        await pause(Math.random() * betweenMs);
        await client.query(`SELECT ${number}`);
        answered = number;
      }
    } catch {
      process.send?.({pid, answered} satisfies Ended);
    }
  });
}

/** A timer is precise to milliseconds. */
async function pause(ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until) await new Promise(resolve => setImmediate(resolve));
}

if (process.argv[2] === 'session') await runSessions(String(process.argv[3]));
else await measure();

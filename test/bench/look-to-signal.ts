import {fork} from 'node:child_process';
import {once} from 'node:events';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import {type KnownSession, signalSql} from '../../source/core/sessions/session-steps.ts';
import {startServer} from '../../source/demo/server.ts';

/**
 * How often a session moves on between the look at it and the signal, both of one statement: a session that runs a
 * short statement every millisecond or two is read and at once ended, if it is unchanged. Counted is each one that had
 * answered a later statement than the one that was looked at. By pg_stat_get_activity(pid), as poolctl looks, beside
 * the view pg_stat_activity, turn by turn. Markdown on stdout.
 */
const trials = Number(process.argv[2] === 'session' ? 0 : (process.argv[2] ?? 800));
/** Sessions of others, idle: the look reads them all. */
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
    const rows = {function: {ended: 0, moved: 0}, view: {ended: 0, moved: 0}};
    for (let trial = 0; trial < trials * 2; trial++) {
      const way = trial % 2 === 0 ? 'function' : 'view';
      sessions.send('open');
      const [{pid}] = (await once(sessions, 'message')) as [{pid: number}];
      const looked = await endUnchanged(acting, pid, way);
      const [{answered}] = (await once(sessions, 'message')) as [Ended];
      rows[way].ended++;
      if (answered > looked) rows[way].moved++;
    }
    const text = Object.entries(rows).map(
      ([way, {ended, moved}]) => `| ${names[way as Way]} | ${ended} | ${moved} |`,
    );
    process.stdout.write(
      `| looked at by | sessions ended | moved on before the signal |\n|---|---|---|\n${text.join('\n')}\n`,
    );
    for (const client of idle) await client.end();
    await acting.end();
  } finally {
    sessions.kill();
    await server.stop();
  }
}

type Way = 'function' | 'view';
const names: Record<Way, string> = {function: 'pg_stat_get_activity(pid)', view: 'pg_stat_activity'};

/** Until it is met unchanged; the number of the statement that was looked at. */
async function endUnchanged(acting: pg.Client, pid: number, way: Way): Promise<number> {
  for (;;) {
    const {rows} = await acting.query<KnownSession>(read, [pid]);
    const [session] = rows;
    if (session === undefined) throw new Error('the session has gone by itself');
    const {text, values} = signalSql(session, {call: 'pg_terminate_backend', same: 'unchanged'});
    const query = text
      .replace('SELECT a.pid', 'SELECT a.query, a.pid')
      .replace(
        'pg_stat_get_activity($1::int4) a WHERE',
        way === 'function' ? '$&' : 'pg_stat_activity a WHERE a.pid = $1::int4 AND',
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

/** In a process of its own: each message opens a session, which runs statements until it is ended. */
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

/** A timer has milliseconds. */
async function pause(ms: number): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until) await new Promise(resolve => setImmediate(resolve));
}

if (process.argv[2] === 'session') await runSessions(String(process.argv[3]));
else await measure();

import {spawn} from 'node:child_process';
import {chmod, cp, mkdtemp, readdir, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import process from 'node:process';
import pg from 'pg';
import {mulberry32} from '../../../source/core/random.ts';
import {startServer} from '../../../source/demo/server.ts';
import {openJournal} from '../../../source/journal/journal-file.ts';
import {type ChurnCheck, checkChurn} from './check.ts';
import {type Churn, startChurn} from './clients.ts';
import {type LogLine, readServerLog} from './server-log.ts';

export type ChurnReport = ChurnCheck & {
  runs: number;
  killed: number;
  /** Runs whose journal could grow by a few bytes only. */
  full: number;
  /** How many ended with each exit code. */
  codes: Record<string, number>;
  sessions: number;
  /** Sessions with the pid of an earlier session. */
  reused: number;
  entries: number;
  unfinished: number;
};

export type ChurnOptions = {
  runs: number;
  seed: number;
  /** No run starts after this time. */
  minutes: number;
  onProgress: (done: number) => void;
};

const clientCount = 16;
const atOnce = 2;
const password = 'churn';

/**
 * Runs the program built in `built` against sessions that start and end on a real server, two runs at a time with one
 * journal. Some runs are killed, some find the disk full. Then compares the server's own log with the journal.
 */
export async function churn(
  built: string,
  {runs, seed, minutes, onProgress}: ChurnOptions,
): Promise<ChurnReport> {
  const next = mulberry32(seed);
  const random = () => next() / 2 ** 32;
  const home = await mkdtemp(join(tmpdir(), 'poolctl-churn-'));
  // A folder of its own: in another pid namespace the owners of other servers' folders look dead, and ours to them.
  await chmod(home, 0o711);
  const server = await startServer({settings, folder: home});
  // A build in the meantime must not change it.
  const program = join(home, 'dist', 'cli.js');
  await cp(built, join(home, 'dist'), {recursive: true});
  const journal = join(home, 'journal.jsonl');
  const report = {runs, killed: 0, full: 0, codes: {} as Record<string, number>, violations: [] as string[]};
  const reusing = reusePids();
  try {
    await prepare(server.superuserUrl);
    const clients = startChurn(
      application_name => server.url({user: 'app', password, database: 'postgres', application_name}),
      {count: clientCount, random},
    );
    const url = server.url({user: 'oncall', password, database: 'postgres'});
    const took: number[] = [];
    let begun = 0;
    const deadline = Date.now() + minutes * 60_000;
    const work = async () => {
      while (begun < runs && Date.now() < deadline) {
        const which = begun++;
        const args = ['run', ...chooseRun(clients, random), url, '--yes', '--json', '--journal', journal];
        const typical_ms = took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? 1000;
        const isKilled = which > 5 && random() < 0.35;
        const isFull = !isKilled && random() < 0.1;
        const size = await stat(journal).then(
          found => found.size,
          () => 0,
        );
        const ended = await runOnce(program, args, {
          home,
          kill_after_ms: isKilled ? random() * typical_ms * 1.1 : null,
          most_bytes: isFull ? size + Math.floor(random() * 6000) : null,
        });
        if (ended.signal === 'SIGKILL') report.killed++;
        else took.push(ended.took_ms);
        if (isFull) report.full++;
        const code = String(ended.signal ?? ended.code);
        report.codes[code] = (report.codes[code] ?? 0) + 1;
        const problem = problemOf(ended, {isFull});
        if (problem !== null) report.violations.push(`${args.join(' ')}: ${problem}`);
        onProgress(which + 1);
      }
    };
    await Promise.all(Array.from({length: atOnce}, work));
    await clients.stop();
    // Reconciles steps that the last runs left unknown, as the next start of poolctl does.
    const last = [
      'run',
      'kill-idle-sessions',
      '--set',
      'older_than=1h',
      url,
      '--yes',
      '--json',
      '--journal',
      journal,
    ];
    await runOnce(program, last, {home, kill_after_ms: null, most_bytes: null});
    await server.stopHard();
    const folder = join(server.folder, 'data', 'log');
    const [name] = (await readdir(folder)).filter(each => each.endsWith('.json'));
    const log = await readServerLog(join(folder, name ?? ''), isKept);
    const file = openJournal(journal);
    const verdict = await file.verify();
    if (!verdict.ok) report.violations.push(`the journal does not verify: ${verdict.reason}`);
    const check = checkChurn(log, await file.inspect(), clients.sessions);
    const claims = (await readdir(home)).filter(each => each.includes('.lock.'));
    if (claims.length > 0) report.violations.push(`locks are left: ${claims.join(', ')}`);
    const pids = clients.sessions.map(({pid}) => pid).filter(pid => pid !== 0);
    return {
      ...report,
      ...check,
      runs: begun,
      violations: [...report.violations, ...check.violations],
      sessions: clients.sessions.length,
      reused: pids.length - new Set(pids).size,
      entries: verdict.entries,
      unfinished: verdict.unfinished.length,
    };
  } finally {
    clearInterval(reusing);
    await server.stop();
    await rm(home, {recursive: true, force: true});
  }
}

const settings = {
  max_connections: 60,
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_filename: 'churn.log',
  log_rotation_age: 0,
  log_rotation_size: 0,
  log_timezone: 'UTC',
};

async function prepare(url: string): Promise<void> {
  const client = new pg.Client({connectionString: url});
  await client.connect();
  await client.query(`CREATE ROLE app LOGIN PASSWORD '${password}'`);
  await client.query(`CREATE ROLE oncall LOGIN PASSWORD '${password}' IN ROLE pg_monitor, pg_signal_backend`);
  for (const role of ['app', 'oncall']) await client.query(`ALTER ROLE ${role} SET log_statement = 'all'`);
  await client.query('ALTER ROLE app SET log_duration = on');
  await client.query('CREATE TABLE churned AS SELECT id, 0 AS n FROM generate_series(1, 4) id');
  await client.query('GRANT SELECT, UPDATE ON churned TO app');
  await client.end();
}

/** Whether the check needs the line: statements of steps, ends of sessions, and starts of the applications' statements. */
function isKept({user, message}: LogLine): boolean {
  return (
    user === 'app' || (user === 'oncall' && /^execute [\s\S]*pg_(terminate|cancel)_backend\(/.test(message))
  );
}

/** In a pid namespace of its own, resets the next pid repeatedly, so that pids are soon reused. */
function reusePids(): NodeJS.Timeout | undefined {
  if (process.env.POOLCTL_CHURN_NAMESPACE === undefined) return undefined;
  return setInterval(() => void writeFile('/proc/sys/kernel/ns_last_pid', '300').catch(() => {}), 50);
}

/** Chooses a recipe and its sessions: all that match, or some by pid, including sessions that have just ended. */
function chooseRun({sessions}: Churn, random: () => number): string[] {
  const some = Array.from({length: 1 + Math.floor(random() * 3)}, () => {
    const recent = sessions.slice(-2 * clientCount).filter(({pid}) => pid !== 0);
    return recent[Math.floor(random() * recent.length)]?.pid ?? 1;
  });
  const set = (...pairs: string[]) => pairs.flatMap(pair => ['--set', pair]);
  const kinds = [
    ['kill-idle-sessions', ...set('older_than=0s', 'role=app', 'at_most=3')],
    [
      'kill-idle-sessions',
      ...set('older_than=50ms', 'states=idle,idle in transaction', 'role=app', 'at_most=3'),
    ],
    ['terminate-sessions', ...set(`pid=${some}`)],
    ['terminate-sessions', ...set(`pid=${some}`, 'even_if_changed=yes')],
    ['cancel-statements', ...set(`pid=${some}`)],
    [
      'release-blockers',
      ...set('waited_for=0s', 'at_most=2', `then_terminate=${random() < 0.5 ? 'yes' : 'no'}`),
    ],
  ];
  return kinds[Math.floor(random() * kinds.length)] ?? [];
}

type Ended = {code: number | null; signal: NodeJS.Signals | null; said: string; took_ms: number};

/** `most_bytes`: no file of it grows beyond that (EFBIG in the middle of a write, as ENOSPC on a full disk). */
function runOnce(
  program: string,
  args: string[],
  {home, kill_after_ms, most_bytes}: {home: string; kill_after_ms: number | null; most_bytes: number | null},
): Promise<Ended> {
  const limit = most_bytes === null ? [] : ['prlimit', `--fsize=${most_bytes}`];
  const [command = '', ...rest] = [...limit, process.execPath, program, ...args];
  const started = performance.now();
  const child = spawn(command, rest, {
    cwd: home,
    env: {PATH: process.env.PATH, HOME: home},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', text => {
      said += text;
    });
  const timer = kill_after_ms === null ? undefined : setTimeout(() => child.kill('SIGKILL'), kill_after_ms);
  return new Promise(resolve => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({code, signal, said, took_ms: performance.now() - started});
    });
  });
}

/** 0: done or nothing to do, 5: a session that only begins, 6: all had changed, 7: in part; 8: the file could not grow. */
function problemOf({code, signal, said}: Ended, {isFull}: {isFull: boolean}): string | null {
  if (signal === 'SIGKILL') return null;
  const expected = isFull ? [0, 5, 6, 7, 8] : [0, 5, 6, 7];
  const isOdd = !expected.includes(code ?? -1) || /defect|^\s+at .+:\d+/m.test(said);
  return isOdd ? `ended with ${signal ?? code}: ${said.slice(-600)}` : null;
}

import {execFile, spawn} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {parseArgs, promisify} from 'node:util';
import {startServer} from '../../../source/demo/server.ts';
import type {ReplayDocument} from '../../../source/model/replay-report.ts';

const usage = `npm run bench:replay -- [--rounds N] [--seconds N] [--json]

SELECT 1 through \`poolctl replay\`, read-only and with --allow-writes, through a pg.Pool that nothing measures, and through
pgbench: one thread and 10 connections each, in turn on one server of its own. The overhead is the time that a statement
takes beyond pgbench's: node-postgres, which an application pays as well, and the measuring of each query; read-only also
a transaction around each statement. Processor time is that of the process that sends: on a machine with other work it says
more than what passed meanwhile. Exit 2 where pgbench is not installed.`;

const connections = 10;
const run = promisify(execFile);

/** 10 users of a pg.Pool in a process of its own, as an application has it. */
const poolProgram = `
import pg from 'pg';
const {URL: connectionString, SECONDS} = process.env;
const pool = new pg.Pool({connectionString, max: ${connections}, idleTimeoutMillis: 0});
const use = async until_ms => {
  let count = 0;
  for (; performance.now() < until_ms; count++) await pool.query('SELECT 1');
  return count;
};
const run = until_ms => Promise.all(Array.from({length: ${connections}}, () => use(until_ms)));
await run(performance.now() + 500);
const started_ms = performance.now();
const before = process.cpuUsage();
const counts = await run(started_ms + 1000 * SECONDS);
const {user, system} = process.cpuUsage(before);
const count = counts.reduce((sum, count) => sum + count, 0);
console.log(JSON.stringify({perSecond: count / ((performance.now() - started_ms) / 1000), cpu_us: (user + system) / count}));
await pool.end();
`;

const {values: flags} = parseArgs({
  options: {
    rounds: {type: 'string', default: '7'},
    seconds: {type: 'string', default: '5'},
    json: {type: 'boolean', default: false},
    help: {type: 'boolean', default: false},
  },
});
if (flags.help) process.stdout.write(`${usage}\n`);
else process.exitCode = await main(Number(flags.rounds), Number(flags.seconds));

type Measured = {perSecond: number; cpu_us: number};
type Round = {pgbench: number; pool: Measured; poolctl: Measured; writing: Measured; busy: number};

async function main(rounds: number, seconds: number): Promise<number> {
  const pgbench = await findPgbench();
  if (pgbench === null) {
    process.stderr.write('pgbench is not installed\n');
    return 2;
  }
  const server = await startServer({settings: {max_connections: 50}});
  const folder = await mkdtemp(path.join(os.tmpdir(), 'poolctl-bench-'));
  const stop = async () => {
    await server.stop();
    await rm(folder, {recursive: true, force: true});
  };
  process.on('SIGINT', () => stop().then(() => process.exit(130)));
  try {
    const script = path.join(folder, 'one.sql');
    await writeFile(script, 'SELECT 1;\n');
    const url = server.superuserUrl;
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      // Alternating order: what disturbs one disturbs the other as well.
      const first = round % 2 === 0;
      const before = first ? await runPgbench(pgbench, {script, url, seconds}) : null;
      const {busy, ...poolctl} = await runPoolctl({script, url, seconds}, []);
      const {busy: _, ...writing} = await runPoolctl({script, url, seconds}, ['--allow-writes']);
      const pool = await runPool(url, seconds);
      const other = before ?? (await runPgbench(pgbench, {script, url, seconds}));
      measured.push({pgbench: other, pool, poolctl, writing, busy});
      process.stderr.write(
        `round ${round + 1}: pgbench ${whole(other)}/s, pg.Pool ${whole(pool.perSecond)}/s, poolctl ${whole(poolctl.perSecond)}/s, with --allow-writes ${whole(writing.perSecond)}/s\n`,
      );
    }
    return report(measured, await versionOf(pgbench));
  } finally {
    await stop();
  }
}

type Setting = {script: string; url: string; seconds: number};

/** One thread, as poolctl has one; the simple protocol, as pg speaks for a statement without parameters. */
async function runPgbench(pgbench: string, {script, url, seconds}: Setting): Promise<number> {
  const words = ['-n', '-f', script, '-c', String(connections), '-j', '1', '-T', String(seconds), url];
  const {stdout} = await run(pgbench, words);
  const [, tps] = /^tps = ([\d.]+) \(without/m.exec(stdout) ?? [];
  if (tps === undefined) throw new Error(`pgbench said: ${stdout}`);
  return Number(tps);
}

async function runPool(url: string, seconds: number): Promise<Measured> {
  const {stdout} = await run(process.execPath, ['--input-type=module', '-e', poolProgram], {
    env: {...process.env, URL: url, SECONDS: String(seconds)},
  });
  return JSON.parse(stdout) as Measured;
}

function runPoolctl(
  {script, url, seconds}: Setting,
  own: readonly string[],
): Promise<Measured & {busy: number}> {
  const flags = ['--connection-limit', '10', '--concurrency', '10', '--duration', `${seconds}s`, '--json'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['dist/cli.js', 'replay', script, url, ...flags, ...own], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', part => {
      text += part;
    });
    child.once('error', reject);
    child.once('close', () => {
      const [result] = (JSON.parse(text) as ReplayDocument).results;
      if (result === undefined) reject(new Error('nothing was measured'));
      else {
        const cpu_us = (result.harness_cpu_ms_per_query ?? Number.NaN) * 1000;
        resolve({perSecond: result.requests_per_second, cpu_us, busy: result.process_busy_ratio});
      }
    });
  });
}

async function findPgbench(): Promise<string | null> {
  const majors = [18, 17, 16, 15, 14, 13];
  const places = ['pgbench', ...majors.map(major => `/usr/lib/postgresql/${major}/bin/pgbench`)];
  for (const place of places) {
    const isThere = await run(place, ['--version']).then(
      () => true,
      () => false,
    );
    if (isThere) return place;
  }
  return null;
}

async function versionOf(pgbench: string): Promise<string> {
  return (await run(pgbench, ['--version'])).stdout.trim();
}

function report(rounds: readonly Round[], version: string): number {
  const summary = {
    cpus: os.cpus().length,
    load: os.loadavg().map(load => Math.round(load * 100) / 100),
    node: process.version,
    pgbench_version: version,
    pgbench: spread(rounds.map(each => each.pgbench)),
    pool: spread(rounds.map(each => each.pool.perSecond)),
    poolctl: spread(rounds.map(each => each.poolctl.perSecond)),
    process_busy_ratio: median(rounds.map(each => each.busy)),
    poolctl_writing: spread(rounds.map(each => each.writing.perSecond)),
    ratio: spread(rounds.map(each => each.poolctl.perSecond / each.pgbench)),
    ratio_writing: spread(rounds.map(each => each.writing.perSecond / each.pgbench)),
    cpu_pool_us: spread(rounds.map(each => each.pool.cpu_us)),
    cpu_us: spread(rounds.map(each => each.poolctl.cpu_us)),
    cpu_writing_us: spread(rounds.map(each => each.writing.cpu_us)),
    overhead_pool_us: spread(rounds.map(each => 1e6 / each.pool.perSecond - 1e6 / each.pgbench)),
    overhead_us: spread(rounds.map(each => 1e6 / each.poolctl.perSecond - 1e6 / each.pgbench)),
    overhead_writing_us: spread(rounds.map(each => 1e6 / each.writing.perSecond - 1e6 / each.pgbench)),
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
  else process.stdout.write(toText(summary));
  return 0;
}

type Spread = {median: number; least: number; most: number};

type Summary = Record<
  | 'pgbench'
  | 'pool'
  | 'poolctl'
  | 'poolctl_writing'
  | 'ratio'
  | 'ratio_writing'
  | 'cpu_pool_us'
  | 'cpu_us'
  | 'cpu_writing_us'
  | 'overhead_pool_us'
  | 'overhead_us'
  | 'overhead_writing_us',
  Spread
> &
  Record<string, unknown>;

function toText(summary: Summary) {
  const microseconds = (value: number) => `${Math.round(value)} µs`;
  const perSecond = (value: number) => `${whole(value)}/s`;
  const percent = (value: number) => `${Math.round(value * 100)} %`;
  const line = (name: string, {median, least, most}: Spread, write: (value: number) => string) =>
    `${name.padEnd(26)} ${write(median)}  (${write(least)} to ${write(most)})\n`;
  return [
    `SELECT 1, ${connections} connections, one client thread, on ${summary.cpus} CPUs at load ${summary.load}\n`,
    line(String(summary.pgbench_version).replace(/ \(.*\) *$/, ''), summary.pgbench, perSecond),
    line('pg.Pool alone', summary.pool, perSecond),
    line('poolctl replay', summary.poolctl, perSecond),
    line('  with --allow-writes', summary.poolctl_writing, perSecond),
    line('poolctl of pgbench', summary.ratio, percent),
    line('  with --allow-writes', summary.ratio_writing, percent),
    line('processor, pg.Pool alone', summary.cpu_pool_us, microseconds),
    line('  poolctl replay', summary.cpu_us, microseconds),
    line('  with --allow-writes', summary.cpu_writing_us, microseconds),
    line('overhead, pg.Pool alone', summary.overhead_pool_us, microseconds),
    line('  poolctl replay', summary.overhead_us, microseconds),
    line('  with --allow-writes', summary.overhead_writing_us, microseconds),
  ].join('');
}

function spread(values: readonly number[]): Spread {
  return {median: median(values), least: Math.min(...values), most: Math.max(...values)};
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en');
}

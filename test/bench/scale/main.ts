import {mkdtemp, rm} from 'node:fs/promises';
import os, {tmpdir} from 'node:os';
import {join} from 'node:path';
import process from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import type {Terminal} from '../../helpers/terminal.ts';
import {switchTo} from '../figures/view-switch.ts';
import {readMemory, readUsage} from '../process-usage.ts';
import {poolctlBefore, programs} from '../programs.ts';
import {closeAllPrograms, withTerminal} from '../running-program.ts';
import {readWhenWritten, type Watched} from '../watched.ts';
import {big, type Size, type SizedServer, small, startSized, watcher} from './size.ts';

const usage = `npm run bench:scale -- [--sessions N] [--seconds N] [--before DIR] [--json]

What poolctl costs on a big server beside a small one, in one run: ${describe(small)}; and ${describe(big)}.
Two minutes at a refresh of 1 s for each (--seconds), and the time to make the servers. --sessions: fewer on the big one.
--before DIR: measures the build of another checkout instead.`;

const {values: flags} = parseArgs({
  options: {
    sessions: {type: 'string'},
    seconds: {type: 'string', default: '120'},
    before: {type: 'string'},
    json: {type: 'boolean', default: false},
    help: {type: 'boolean', default: false},
  },
});
const window_ms = Number(flags.seconds) * 1000;
/** The first readings, and what is read once at the start, are not what a refresh costs. */
const settle_ms = 15_000;
const switches = 30;

type Figures = Record<string, {unit: string; value: number}>;

const stops: (() => Promise<void>)[] = [];
if (flags.help) console.log(usage);
else await main();

async function main(): Promise<void> {
  const sizes = [small, {...big, sessions: Number(flags.sessions ?? big.sessions)}];
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void cleanUp().finally(() => process.exit(130)));
  try {
    const measured: Figures[] = [];
    for (const size of sizes) {
      console.error(`making the ${size.name} server`);
      const sized = await startSized(size, stop => stops.push(stop));
      console.error(`measuring on it for ${window_ms / 1000} s`);
      measured.push(await measure(sized));
      await sized.stop();
    }
    const [ofSmall = {}, ofBig = {}] = measured;
    console.log(flags.json ? JSON.stringify({small: ofSmall, big: ofBig}) : table(sizes, ofSmall, ofBig));
  } finally {
    await cleanUp();
  }
}

async function cleanUp(): Promise<void> {
  await closeAllPrograms();
  for (const stop of stops.splice(0)) await stop();
}

async function measure(sized: SizedServer): Promise<Figures> {
  const program = flags.before === undefined ? programs[0] : poolctlBefore(flags.before);
  if (program?.whenWatched === undefined) throw new Error('no program to measure');
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-scale-'));
  const file = join(folder, 'watched.json');
  const preload = fileURLToPath(new URL('../watched.mjs', import.meta.url));
  const command = program.whenWatched(sized.address, {interval_ms: 1000, preload});
  const env = {...command.env, BENCH_WATCHED_FILE: file, XDG_STATE_HOME: folder};
  try {
    return await withTerminal({...command, env}, async terminal => {
      await terminal.waitFor(({screen}) => program.isComplete(screen()), {timeout_ms: 60_000});
      await sleep(settle_ms);
      const report = async (): Promise<Watched> => {
        await rm(file, {force: true});
        terminal.kill('SIGUSR1');
        return readWhenWritten(file);
      };
      const before = {
        watched: await report(),
        usage: readUsage(terminal.pid),
        server: await readServer(sized),
      };
      const started_ms = performance.now();
      const keys_ms = await switchViews(terminal, program.views, window_ms);
      const minutes = (performance.now() - started_ms) / 60_000;
      const after = {
        usage: readUsage(terminal.pid),
        server: await readServer(sized),
        watched: await report(),
      };
      const grown = (read: (of: Awaited<ReturnType<typeof readServer>>) => number) =>
        read(after.server) - read(before.server);
      const refreshes = Math.max(
        1,
        grown(({refreshes: count}) => count),
      );
      const {resident_MB} = readMemory(terminal.pid);
      const figure = (value: number, unit: string) => ({value, unit});
      return {
        'execution on the server': figure(grown(of => of.exec_ms) / refreshes, 'ms a refresh'),
        // Of time, the process's own: others that want the processor do not count.
        'CPU on the server': figure(grown(of => of.cpu_ms) / refreshes, 'ms a refresh'),
        'buffers on the server': figure(grown(of => of.blocks) / refreshes, 'a refresh'),
        'temporary files on the server': figure(
          (grown(of => of.temp_blocks) * 8192) / 1024 / refreshes,
          'kB a refresh',
        ),
        'bytes over the wire': figure(
          (after.watched.wire_bytes - before.watched.wire_bytes) / 1024 / refreshes,
          'kB a refresh',
        ),
        'CPU of poolctl': figure((after.usage.cpu_s - before.usage.cpu_s) / minutes, 's a minute'),
        'loop blocked, p99': figure(after.watched.loop_blocked_ms.p99, 'ms'),
        'loop blocked, at most': figure(after.watched.loop_blocked_ms.max, 'ms'),
        'key to screen, p50': figure(percentile(keys_ms, 0.5), 'ms'),
        'key to screen, p90': figure(percentile(keys_ms, 0.9), 'ms'),
        'resident memory': figure(resident_MB, 'MB'),
        'heap in use': figure(after.watched.heapUsed / 2 ** 20, 'MB'),
        refreshes: figure(refreshes, ''),
      };
    });
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

/** How long each key took, spread over the window at moments that never fall in with a refresh of 1 s. */
async function switchViews(
  terminal: Terminal,
  views: NonNullable<(typeof programs)[number]>['views'],
  during_ms: number,
): Promise<number[]> {
  const taken: number[] = [];
  const began_ms = performance.now();
  for (let turn = 0; turn < switches; turn++) {
    await sleep(
      Math.max(
        100,
        began_ms + ((turn + 1) * during_ms) / (switches + 1) - performance.now() + ((turn * 137) % 400),
      ),
    );
    taken.push(await switchTo(terminal, views[turn % 2 === 0 ? 0 : 1]));
  }
  await sleep(Math.max(0, began_ms + during_ms - performance.now()));
  return taken;
}

/** Counters of poolctl's role. A refresh is a call of the statement that lists the sessions. */
async function readServer({query}: SizedServer) {
  const [row] = await query<{
    exec_ms: number;
    blocks: number;
    temp_blocks: number;
    refreshes: number;
    pid: number;
  }>(
    `SELECT (SELECT min(a.pid) FROM pg_stat_activity a WHERE a.usename = '${watcher}') AS pid,
       coalesce(sum(s.total_exec_time), 0)::float8 AS exec_ms,
       coalesce(sum(s.shared_blks_hit + s.shared_blks_read), 0)::float8 AS blocks,
       coalesce(sum(s.temp_blks_written), 0)::float8 AS temp_blocks,
       coalesce(max(s.calls) FILTER (WHERE s.query ~ 'pg_stat_get_activity' AND s.query ~ 'own_now_us'), 0)::float8 AS refreshes
     FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = '${watcher}'`,
  );
  if (row === undefined) throw new Error('pg_stat_statements said nothing');
  return {...row, cpu_ms: readUsage(row.pid).cpu_s * 1000};
}

function percentile(samples: number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function table(sizes: Size[], ofSmall: Figures, ofBig: Figures): string {
  const rows = Object.entries(ofSmall).map(([name, {value, unit}]) => {
    const other = ofBig[name]?.value ?? Number.NaN;
    const ratio = value === 0 ? (other === 0 ? '1.00' : '-') : (other / value).toFixed(2);
    return `| ${name} | ${unit} | ${number(value)} | ${number(other)} | ${ratio} |`;
  });
  const load = os.loadavg().map(each => each.toFixed(1));
  return [
    ...sizes.map(size => `- ${size.name}: ${describe(size)}`),
    `- ${os.availableParallelism()} cores, load average ${load.join(' ')} at the end, Node ${process.version}, a refresh of 1 s for ${window_ms / 1000} s`,
    '',
    '| | unit | small | big | big / small |',
    '|---|---|---:|---:|---:|',
    ...rows,
  ].join('\n');
}

function describe({sessions, statements, tables, databases, roles, applications}: Size): string {
  return `${sessions} sessions of ${applications} applications, ${statements} statements, ${tables} tables with ${2 * tables} indexes, ${databases} databases, ${roles} roles`;
}

function number(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', {maximumFractionDigits: 3});
}

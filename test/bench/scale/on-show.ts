import {readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import os, {tmpdir} from 'node:os';
import {join} from 'node:path';
import process from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';
import {parseArgs} from 'node:util';
import {programs} from '../programs.ts';
import {closeAllPrograms, withTerminal} from '../running-program.ts';
import {type SizedServer, small, startSized, watcher} from './size.ts';

const usage = `npm run bench:cost -- [--sessions 500,2000] [--rounds 5] [--seconds 40] [--interval 2s]

What a refresh costs the server while a view is on show: processor time of poolctl's own backend (user and system, from
/proc/PID/schedstat), the views in turn, in one run. Then the execution time of each query.`;

const {values: flags} = parseArgs({
  options: {
    sessions: {type: 'string', default: '500,2000'},
    rounds: {type: 'string', default: '5'},
    seconds: {type: 'string', default: '40'},
    interval: {type: 'string', default: '2s'},
    help: {type: 'boolean', default: false},
  },
});
const window_ms = Number(flags.seconds) * 1000;
/** The first readings of a view have all of it. */
const settle_ms = 8000;

const views = [
  {name: 'Overview', key: '1', shown: /\bslots\b/},
  {name: 'Waits', key: '9', shown: /busy sessions on average/},
  {name: 'Server', key: '0', shown: /wraparound/},
] as const;

type Query = {query: string; calls: number; exec_ms: number};
type Reading = {pid: number; cpu_ms: number; refreshes: number; queries: Map<string, Query>};
type Measured = Record<string, {cpu_ms: number[]; queries: Map<string, Query>; refreshes: number}>;

const stops: (() => Promise<void>)[] = [];
if (flags.help) console.log(usage);
else await main();

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void cleanUp().finally(() => process.exit(130)));
  try {
    for (const sessions of flags.sessions.split(',').map(Number)) {
      const sized = await startSized({...small, sessions}, stop => stops.push(stop));
      console.log(report(sessions, await measure(sized)));
      await sized.stop();
    }
  } finally {
    await cleanUp();
  }
}

async function cleanUp(): Promise<void> {
  await closeAllPrograms();
  for (const stop of stops.splice(0)) await stop();
}

async function measure(sized: SizedServer): Promise<Measured> {
  const [program] = programs;
  if (program === undefined) throw new Error('no program to measure');
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-cost-'));
  const {command, args, env} = program.command(sized.address);
  const paced = args.map((each, index) => (args[index - 1] === '--interval' ? flags.interval : each));
  const measured: Measured = Object.fromEntries(
    views.map(({name}) => [name, {cpu_ms: [], queries: new Map(), refreshes: 0}]),
  );
  try {
    return await withTerminal(
      {command, args: paced, env: {...env, XDG_STATE_HOME: folder}},
      async terminal => {
        await terminal.waitFor(({screen}) => program.isComplete(screen()), {timeout_ms: 60_000});
        for (let round = 0; round < Number(flags.rounds); round++) {
          // In another order each round: what else the machine does is not always of the same view.
          for (let turn = 0; turn < views.length; turn++) {
            const view = views[(turn + round) % views.length];
            const of = view && measured[view.name];
            if (view === undefined || of === undefined) continue;
            terminal.write(view.key);
            await terminal.waitFor(({screen}) => screen().some(row => view.shown.test(row)), {
              timeout_ms: 30_000,
            });
            await sleep(settle_ms);
            const before = await read(sized);
            await sleep(window_ms);
            const after = await read(sized);
            if (after.pid !== before.pid) throw new Error('poolctl connected again');
            const refreshes = after.refreshes - before.refreshes;
            of.cpu_ms.push((after.cpu_ms - before.cpu_ms) / refreshes);
            of.refreshes += refreshes;
            add(of.queries, before.queries, after.queries);
          }
        }
        return measured;
      },
    );
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

function add(to: Map<string, Query>, before: Map<string, Query>, after: Map<string, Query>): void {
  for (const [id, {query, calls, exec_ms}] of after) {
    const since = before.get(id);
    const sum = to.get(id) ?? {query, calls: 0, exec_ms: 0};
    sum.calls += calls - (since?.calls ?? 0);
    sum.exec_ms += exec_ms - (since?.exec_ms ?? 0);
    to.set(id, sum);
  }
}

/** Counters of poolctl's role and backend. A refresh is a call of the statement that lists the sessions. */
async function read({query}: SizedServer): Promise<Reading> {
  const rows = await query<Query & {id: string; pid: number}>(
    `SELECT (SELECT min(a.pid) FROM pg_stat_activity a WHERE a.usename = '${watcher}') AS pid, s.queryid::text AS id,
       s.query, s.calls::float8, s.total_exec_time AS exec_ms
     FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = '${watcher}'`,
  );
  const [first] = rows;
  if (first === undefined) throw new Error('pg_stat_statements has none of its statements');
  const sessions = rows.find(
    ({query: text}) => text.includes('pg_stat_get_activity') && text.includes('own_now_us'),
  );
  return {
    pid: first.pid,
    // In nanoseconds, where /proc/PID/stat has ticks of 10 ms.
    cpu_ms: Number(readFileSync(`/proc/${first.pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e6,
    refreshes: sessions?.calls ?? Number.NaN,
    queries: new Map(rows.map(({id, query: text, calls, exec_ms}) => [id, {query: text, calls, exec_ms}])),
  };
}

function report(sessions: number, measured: Measured): string {
  const load = os.loadavg().map(each => each.toFixed(1));
  const lines = Object.entries(measured).map(([name, {cpu_ms, refreshes}]) => {
    const sorted = cpu_ms.toSorted((a, b) => a - b);
    const [least, median, most] = [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map(
      shown,
    );
    return `| ${name} | ${median} | ${least} to ${most} | ${refreshes} |`;
  });
  const queries = Object.entries(measured).flatMap(([name, {queries: all, refreshes}]) => [
    '',
    `${name}, execution by query:`,
    ...[...all.values()]
      .filter(({calls}) => calls > 0)
      .sort((a, b) => b.exec_ms - a.exec_ms)
      .slice(0, 12)
      .map(
        ({query, calls, exec_ms}) =>
          `- ${shown(exec_ms / refreshes)} ms a refresh, ${shown(exec_ms / calls)} ms a call: ${query.replace(/\s+/g, ' ').slice(0, 90)}`,
      ),
  ]);
  return [
    `## ${sessions} sessions, a refresh every ${flags.interval}, ${flags.rounds} windows of ${flags.seconds} s each; load average ${load.join(' ')}`,
    '',
    '| on show | CPU of the backend, ms a refresh: median | least to most | refreshes |',
    '|---|---:|---:|---:|',
    ...lines,
    ...queries,
    '',
  ].join('\n');
}

function shown(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(2);
}

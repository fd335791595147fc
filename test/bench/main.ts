import os from 'node:os';
import process from 'node:process';
import {parseArgs} from 'node:util';
import type {Setting} from './figures/figure.ts';
import {measureFirstFrame} from './figures/first-frame.ts';
import {measureFrozen} from './figures/frozen.ts';
import {hourWindow_ms, measureHour} from './figures/hour.ts';
import {measureRecovery} from './figures/recovery.ts';
import {measureSteady, steadyWindow_ms} from './figures/steady.ts';
import {measureViewSwitch} from './figures/view-switch.ts';
import {type Condition, createResults} from './measurement.ts';
import {programs as knownPrograms, poolctlBefore} from './programs.ts';
import {type Facts, toMarkdown} from './report.ts';
import {closeAllPrograms, columns, rows} from './running-program.ts';
import {roundTrip_ms, type Stage, sessions, setStage} from './stage.ts';

const defaultTimeLimit_ms = 20 * 60_000;

const usage = `npm run bench -- [--quick] [--only FIGURE,...] [--programs NAME,...] [--before DIR] [--hour] [--json]

Measures poolctl (run \`npm run build\` first) and its peers through a real terminal against a server of its own
with ${sessions} sessions. Some 9 minutes with both peers, --quick 4; ended by force after ${defaultTimeLimit_ms / 60_000}.
FIGURE: first_frame, view_switch, steady, hour, frozen, recovery. NAME: ${knownPrograms.map(({name}) => name).join(', ')}.
--hour: also poolctl's memory after an hour's readings, made in ${hourWindow_ms(false) / 60_000} minutes (--quick: a tenth, in ${hourWindow_ms(true) / 60_000}).
--before DIR: also measures the build of another checkout of poolctl, beside this one, as "before".
The report goes to stdout, progress to stderr.`;

/** In this order: each leaves the server as the next one needs it; recovery leaves it without its load. */
const figures: Record<string, {conditions: Condition[]; measure(setting: Setting): Promise<void>}> = {
  first_frame: {conditions: ['quiet', 'saturated', '50 ms link'], measure: measureFirstFrame},
  view_switch: {conditions: ['quiet', 'saturated', '50 ms link'], measure: measureViewSwitch},
  steady: {conditions: ['quiet', '50 ms link'], measure: measureSteady},
  hour: {conditions: ['quiet'], measure: measureHour},
  frozen: {conditions: ['quiet'], measure: measureFrozen},
  recovery: {conditions: ['quiet'], measure: measureRecovery},
};

const {values: flags} = parseArgs({
  options: {
    quick: {type: 'boolean', default: false},
    json: {type: 'boolean', default: false},
    hour: {type: 'boolean', default: false},
    only: {type: 'string'},
    programs: {type: 'string'},
    before: {type: 'string'},
    help: {type: 'boolean', default: false},
  },
});

const programs = flags.before === undefined ? knownPrograms : [...knownPrograms, poolctlBefore(flags.before)];
let stopStage = async () => {};
let isLeaving = false;
if (flags.help) process.stdout.write(`${usage}\n`);
else await main();

async function main(): Promise<void> {
  const chosen = choose(flags.only, Object.keys(figures)).filter(name => name !== 'hour' || flags.hour);
  const timeLimit_ms = defaultTimeLimit_ms + (flags.hour ? hourWindow_ms(flags.quick) : 0);
  const names = programs.map(({name}) => name);
  const wanted = choose(flags.programs, names);
  const timer = setTimeout(() => leave('the time limit is over', 1), timeLimit_ms);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => leave(`ended by ${signal}`, 130));
  }
  try {
    await bench(chosen, wanted);
  } catch (error) {
    // What is interrupted fails, as expected.
    if (!isLeaving) throw error;
  } finally {
    clearTimeout(timer);
    if (!isLeaving) await cleanUp();
  }
}

async function bench(chosen: string[], wanted: string[]): Promise<void> {
  const startedAt_ms = performance.now();
  const loadBefore = os.loadavg();
  const versions = await Promise.all(
    programs.map(async program => ({
      program,
      version: wanted.includes(program.name) ? await program.version() : null,
    })),
  );
  const present = versions.filter(({version}) => version !== null).map(({program}) => program);
  progress('server and load');
  const stage = await setStage(
    present.map(({role}) => role),
    stop => {
      stopStage = stop;
    },
  );
  const results = createResults();
  for (const [name, {conditions, measure}] of Object.entries(figures)) {
    if (!chosen.includes(name)) continue;
    for (const condition of conditions) {
      await under(stage, condition, () =>
        measure({stage, programs: present, results, condition, isQuick: flags.quick, progress}),
      );
    }
  }
  const report = {
    facts: factsOf(stage, loadBefore, performance.now() - startedAt_ms),
    programs: versions.map(({program, version}) => ({name: program.name, version})),
    measurements: results.all(),
  };
  process.stdout.write(`${flags.json ? JSON.stringify(report, null, 2) : toMarkdown(report)}\n`);
}

async function under(stage: Stage, condition: Condition, measure: () => Promise<void>): Promise<void> {
  if (condition === 'saturated') await stage.load.saturate();
  await measure();
  if (condition === 'saturated') await stage.load.calm();
}

function factsOf(stage: Stage, loadBefore: number[], took_ms: number): Facts {
  const [cpu] = os.cpus();
  const load = [loadBefore, os.loadavg()].map(([minute = 0]) => minute.toFixed(2)).join(' before, ');
  const pgVersion = `${Math.floor(stage.server.version / 10_000)}.${stage.server.version % 10_000}`;
  return [
    {label: 'at', text: `${new Date().toISOString()}, took ${Math.round(took_ms / 1000)} s`},
    {
      label: 'machine',
      text: `${os.availableParallelism()} cores (${cpu?.model.trim() ?? '?'}), ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.type()} ${os.release()}, load average ${load} after`,
    },
    {label: 'node', text: process.version},
    {
      label: 'server',
      text: `PostgreSQL ${pgVersion}, ${sessions} sessions (60 % idle, 20 % idle in transaction, 20 % active) and some 80 small transactions/s; saturated: 8 sessions that compute without a pause`,
    },
    {label: 'terminal', text: `${columns}x${rows}, each program at a refresh of 1 s`},
    {
      label: 'scaled',
      text: `CPU and bytes are measured for ${steadyWindow_ms(flags.quick) / 1000} s and scaled to a minute`,
    },
    {
      label: 'link',
      text: `a proxy that holds everything ${roundTrip_ms / 2} ms each way, and a connect one round trip`,
    },
  ];
}

function choose(given: string | undefined, all: string[]): string[] {
  const chosen = given?.split(',') ?? all;
  const unknown = chosen.filter(name => !all.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`unknown: ${unknown.join(', ')}\n\n${usage}\n`);
    process.exit(2);
  }
  return chosen;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function cleanUp(): Promise<void> {
  await closeAllPrograms();
  await stopStage();
}

async function leave(reason: string, exitCode: number): Promise<void> {
  if (isLeaving) return;
  isLeaving = true;
  progress(reason);
  await cleanUp();
  process.exit(exitCode);
}

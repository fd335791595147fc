import {type Call, jsonFlag, logFlag, ratesFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';
import {readEachSnapshot, readSnapshot, withConnection} from '../../cli/connection.ts';
import type {CliContext, Output} from '../../cli/context.ts';
import {readDuration, readRates} from '../../cli/flag-values.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {loadOver} from '../../core/activity/load-over.ts';
import {summarizeLoad, waitsOfAll} from '../../core/activity/load-summary.ts';
import {addLoad, type LoadHistory, noLoad} from '../../core/activity/session-load.ts';
import {applicationsOf} from '../../core/assessment/applications.ts';
import {addSample, samplesOf} from '../../core/assessment/samples.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import type {Sample} from '../../model/assessment.ts';
import type {Pooler, PoolerReading} from '../../model/pooler.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot, Statement} from '../../model/snapshot.ts';
import type {Connection} from '../../postgres/connect/connect.ts';

export const usage = {
  name: 'snapshot',
  summary: 'Print one snapshot of the server as JSON',
  arguments: [{shown: '[url]'}],
  flags: {
    for: {
      type: 'string',
      value: 'TIME',
      help: 'Read for this long, 1s to 1h, and print the last snapshot with what the applications did and waited for',
    },
    every: {
      type: 'string',
      value: 'TIME',
      help: 'With --for: time between snapshots, 0.5s to 60s',
      default: '1s',
    },
    ...ratesFlag,
    json: {...jsonFlag.json, help: 'No effect: the output is always JSON'},
    ...logFlag,
    ...serverFlags,
  },
  details: [],
} as const satisfies Usage;

/** `poolctl snapshot [url]`: prints a snapshot; with `--rates`, the second of two with the rates between them. */
export async function run(context: CliContext, {words: [url], flags}: Call<typeof usage>): Promise<ExitCode> {
  const request = await locateServer(context, {url, flags});
  const rates_over_ms = readRates(flags);
  const times = readTimes(flags);
  return withConnection(context, request, flags, async (connection, signal) => {
    if (times === null) {
      const snapshot = await readSnapshot(connection, {rates_over_ms, signal, server: true});
      printSnapshot(snapshot, context.output, {pooler: await readPoolerOf(connection)});
      return exitCodes.ok;
    }
    const {for_ms, every_ms} = times;
    let last: Snapshot | null = null;
    let samples: Sample[] = [];
    let load = noLoad;
    const count = Math.round(for_ms / every_ms) + 1;
    await readEachSnapshot(connection, {count, every_ms, signal, server: true}, snapshot => {
      samples = addSample(samples, snapshot, {}, Number.POSITIVE_INFINITY);
      load = addLoad(load, snapshot);
      last = snapshot;
    });
    if (last !== null)
      printSnapshot(last, context.output, {samples, load, pooler: await readPoolerOf(connection)});
    return exitCodes.ok;
  });
}

const second_ms = 1000;

/** null without `--for`. Throws AbortError (exit 2). */
function readTimes(flags: {[name in 'for' | 'every' | 'rates']?: string | undefined}) {
  if (flags.for === undefined) {
    if (flags.every === undefined) return null;
    throw usageError('--every needs --for', 'Use --for 60s --every 1s.');
  }
  if (flags.rates !== undefined)
    throw usageError(
      '--rates and --for exclude each other',
      'With --for, rates are those of the last interval.',
    );
  const for_ms = readDuration('--for', flags.for, {min: second_ms, max: 3600 * second_ms});
  const every_ms = readDuration('--every', flags.every ?? '1s', {min: 500, max: 60 * second_ms});
  return {for_ms, every_ms: Math.min(every_ms, for_ms)};
}

/** Loaded only where one is known. */
async function readPoolerOf(connection: Connection): Promise<PoolerReading | null> {
  if (connection.request.pooler === null && !connection.is_pooled) return null;
  return (await import('../../postgres/facts/pooler.ts')).readPooler(connection);
}

type Readings = {samples: readonly Sample[]; load: LoadHistory};

/** Prints JSON, indented on a terminal. Reports unavailable sections on stderr, too. */
export function printSnapshot(
  whole: Snapshot,
  output: Output,
  {
    pooler = null,
    samples = samplesOf([whole]),
    load = addLoad(noLoad, whole),
  }: Partial<Readings> & {pooler?: PoolerReading | null} = {},
): void {
  const missing = pooler?.problem ? [{section: 'poolers', sqlstate: null, ...pooler.problem}] : [];
  const snapshot = {
    ...whole,
    unavailable: [...whole.unavailable, ...missing.map(({address: _, ...rest}) => rest)],
  };
  const document = snapshotDocument(snapshot, {samples, load}, pooler?.pooler ?? null);
  output.stdout(jsonText(document, output.isTty ? 2 : 0));
  for (const {section, reason, remedy} of snapshot.unavailable) {
    output.stderr(`${section}: ${reason}. ${remedy}`);
  }
}

/** The documented JSON: `schema_version` comes first, and rates are next to their counters. */
export function snapshotDocument(whole: Snapshot, {samples, load}: Readings, pooler: Pooler | null) {
  const {schema_version, ...snapshot} = whole;
  const over = loadOver(load, Infinity);
  return {
    schema_version,
    ...snapshot,
    applications: applicationsOf({snapshot: whole, samples, facts: {}}),
    /** null: what some sessions do is hidden from this role, or no sample was taken. */
    waits: over === null || over.hidden > 0 ? null : waitsOfAll(over),
    load: over && summarizeLoad(over),
    /** null: no PgBouncer is known, or it cannot be read. */
    poolers: pooler === null ? null : [pooler],
    statements: snapshot.statements.map(flattenStatement),
    databases: snapshot.databases.map(({rates, ...database}) => ({...database, ...rates})),
  };
}

/** Adds `interval_` to mean and deviation of the interval, as those since the reset have the same names. */
function flattenStatement({rates, ...statement}: Statement) {
  if (rates === undefined) return statement;
  const {mean_exec_time_ms, stddev_exec_time_ms, ...perSecond} = rates;
  return {
    ...statement,
    ...perSecond,
    interval_mean_exec_time_ms: mean_exec_time_ms,
    interval_stddev_exec_time_ms: stddev_exec_time_ms,
  };
}

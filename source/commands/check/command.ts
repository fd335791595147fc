import {writeFile} from 'node:fs/promises';
import type {Call} from '../../cli/call/usage.ts';
import {readSnapshots, withConnection} from '../../cli/connection.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {openPoolerClients, type PoolerClients} from '../../cli/health/pooler-clients.ts';
import {
  poolerLimits,
  requireMeasuredApplication,
  requireMeasuredLimits,
} from '../../cli/health/require-limits.ts';
import {openWatching, watchHealth} from '../../cli/health/watch-health.ts';
import {raceInterrupt} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {loadRecipeData} from '../../cli/recipe-data.ts';
import {loadRecipesAndReport} from '../../cli/recipes.ts';
import {assess} from '../../core/assessment/assess.ts';
import {withoutIgnored} from '../../core/assessment/ignore.ts';
import {samplesOf} from '../../core/assessment/samples.ts';
import {AbortError, BugError, exitCodes, usageError} from '../../core/errors.ts';
import {watchApplications} from '../../core/health/applications.ts';
import {type Baseline, compare} from '../../core/health/baseline.ts';
import {followLimits} from '../../core/health/follow-limits.ts';
import {assessHealth, limitsFor} from '../../core/health/health.ts';
import {measure, slowestStatement} from '../../core/health/measure.ts';
import {statsBetween} from '../../core/health/statistics.ts';
import {loadDiagnosisData} from '../../core/recipe/diagnose.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {usage} from './flags.ts';
import {junitError} from './junit.ts';
import {type CheckOptions, junitPath, readCheckOptions, type WatchTimes} from './options.ts';
import {nagiosCodes, nagiosFailure, type PrintPorts, printHealthReport, writeJunit} from './print-report.ts';

type CheckFlags = Call<typeof usage>['flags'];

/** `poolctl check [url]`. With `--nagios` it reports its own errors as a plugin, too. */
export async function run(context: CliContext, {words: [url], flags}: Call<typeof usage>): Promise<ExitCode> {
  try {
    return await check(context, await locateServer(context, {url, flags}), flags);
  } catch (error) {
    if (!(error instanceof AbortError) || error.exitCode === exitCodes.interrupted) throw error;
    // A system that reads the file must not find the last one, or none.
    const junit = junitPath(context, flags);
    if (junit !== null && error.exitCode !== exitCodes.usage) {
      const ports = {output: context.output, writeFile};
      // `error` is what the user has to fix first, or is this one.
      await writeJunit(ports, junit, junitError(error.message)).catch(() => {});
    }
    if (!flags.nagios) throw error;
    const isDown = error.exitCode === exitCodes.connection || error.exitCode === exitCodes.noSlot;
    context.output.stdout(redactSecrets(nagiosFailure(isDown ? 'CRITICAL' : 'UNKNOWN', error.message)));
    return isDown ? nagiosCodes.critical : nagiosCodes.unknown;
  }
}

async function check(context: CliContext, request: ConnectionRequest, flags: CheckFlags): Promise<ExitCode> {
  const has_pooler = request.pooler !== null;
  const {watch, ...options} = await readCheckOptions(context, flags, request.settings, has_pooler);
  if (flags.metrics !== undefined && watch !== null)
    throw usageError('--metrics and --for cannot be used together', '--metrics serves until Ctrl-C.');
  const recipes = await loadRecipesAndReport(context.output, flags, request.settings);
  if (flags.metrics !== undefined) {
    const {serveMetrics} = await import('./serve-metrics.ts');
    return serveMetrics(context, request, {flags, recipes, ...options});
  }
  const pooler = await openPoolerClients(context, request.pooler, {
    isRequired: flags.pooler !== undefined || poolerLimits(options.limits).length > 0,
  });
  const checking = {flags, options, recipes, askPooler: pooler.ask};
  try {
    return watch === null
      ? await checkServer(context, request, checking)
      : await watchServer(context, request, {...checking, watch});
  } finally {
    await pooler.close();
  }
}

type Checking = {
  flags: CheckFlags;
  options: CheckOptions;
  recipes: Recipe[];
  askPooler: PoolerClients['ask'];
};

function checkServer(
  context: CliContext,
  request: ConnectionRequest,
  {flags, options, recipes, askPooler}: Checking,
): Promise<ExitCode> {
  return withConnection(context, request, flags, (connection, signal) =>
    checkOnce(
      {
        recipes,
        read: rates => readSnapshots(connection, {...rates, signal}),
        load: needs => raceInterrupt(loadRecipeData(connection, needs), signal),
        askPooler,
        output: context.output,
        writeFile,
      },
      options,
    ),
  );
}

async function watchServer(
  context: CliContext,
  request: ConnectionRequest,
  {flags, options, recipes, askPooler, watch}: Checking & {watch: WatchTimes},
): Promise<ExitCode> {
  const watching = await openWatching(context, request, {flags, ...watch});
  try {
    const report = await watchHealth({recipes, askPooler, ...watching.ports}, {...options, ...watch});
    requireMeasuredApplication(report, options.asked_application);
    return await printHealthReport({output: context.output, writeFile}, report, options);
  } finally {
    watching.release();
  }
}

export type CheckPorts = {
  recipes: readonly Recipe[];
  /** Reads the snapshots of an assessment, the oldest first; with `rates_over_ms`, two that far apart. */
  read(options: {rates_over_ms: number | null}): Promise<Snapshot[]>;
  /** Reads what diagnoses need beyond the snapshot. Throws AbortError if it cannot be read. */
  load(needs: DataRequirements): Promise<RecipeData>;
  askPooler: PoolerClients['ask'];
} & PrintPorts;

/**
 * Assesses the server over two seconds, and compares every limit with the first snapshot (with `rates_over_ms`, with what
 * changed until the second one). Exit 0 without a finding or crossed limit, else 1. Reports on
 * stderr what could not be read. Throws AbortError (exit 5) if a given limit depends on it.
 */
export async function checkOnce(ports: CheckPorts, flags: CheckOptions): Promise<ExitCode> {
  const {recipes, output} = ports;
  const snapshots = await ports.read({rates_over_ms: flags.rates_over_ms});
  const last = snapshots.at(-1);
  const snapshot = flags.rates_over_ms === null ? snapshots[0] : last;
  if (snapshot === undefined || last === undefined) throw new BugError('nothing was read');
  const data = await loadDiagnosisData(recipes, ports.load);
  const {facts, unread} = data;
  const samples = samplesOf(snapshots);
  const assessment = assess({recipes, snapshot: last, samples, data});
  const {diagnosed, failed} = assessment;
  const waiting = await ports.askPooler();
  const measured = flags.rates_over_ms === null ? withTexts(snapshot, last) : snapshot;
  const metrics = measure({snapshot: measured, facts, findings: diagnosed, ...waiting});
  const found = followLimits(withoutIgnored(assessment, flags.ignored), metrics, flags.limits);
  const {unavailable} = snapshot;
  const applications = watchApplications(flags.applications);
  for (const each of snapshots) applications.add(each);
  const health = assessHealth(metrics, limitsFor(flags.limits), {...found, unavailable});
  requireMeasuredLimits(health, {unavailable, unread}, {given: flags.limits, asked: flags.asked});
  const slowest = slowestStatement(measured);
  const report = {
    health,
    target: snapshot.target.id,
    slowest: slowest && {queryid: slowest.statement.queryid, query: slowest.statement.query},
    recipes: recipes.map(({id, title}) => ({id, title})),
    comparison: flags.baseline && compareSnapshot(flags.baseline, last, flags.slower_ratio),
    applications: applications.result(),
  };
  requireMeasuredApplication(report, flags.asked_application);
  const code = await printHealthReport(ports, report, flags);
  for (const {section, reason, remedy} of snapshot.unavailable) {
    printMessage(output, `incomplete check, ${section}: ${reason}. ${remedy}`);
  }
  const gaps = [...unread, ...failed.map(({recipe, reason}) => ({fact: recipe, reason}))];
  for (const {fact, reason} of gaps) {
    printMessage(output, `incomplete check, ${fact}: ${reason}`);
  }
  return code;
}

/** The first reading with the statements of the last one, which alone has their texts; their rates are of a second only. */
function withTexts(first: Snapshot, last: Snapshot): Snapshot {
  return {...first, statements: last.statements.map(({rates: _, ...statement}) => statement)};
}

/** Compares the statements called since the baseline. */
function compareSnapshot(baseline: Baseline, current: Snapshot, slower_ratio: number) {
  return compare({baseline, current, after: statsBetween(baseline.reading, current), slower_ratio});
}

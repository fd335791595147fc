import {statementKey} from '../../core/activity/rates.ts';
import {type Assessor, createAssessor} from '../../core/assessment/assess.ts';
import {type Ignored, withoutIgnored} from '../../core/assessment/ignore.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {type ApplicationCheck, watchApplications} from '../../core/health/applications.ts';
import {type Baseline, type Comparison, compare} from '../../core/health/baseline.ts';
import {followLimits} from '../../core/health/follow-limits.ts';
import {type GivenLimits, limitsFor} from '../../core/health/health.ts';
import {measure, slowestStatement} from '../../core/health/measure.ts';
import {metricOf} from '../../core/health/metrics.ts';
import {statsBetween} from '../../core/health/statistics.ts';
import {createWatch, type Watch, type WatchedHealth, type WatchOptions} from '../../core/health/watching.ts';
import {type DiagnosisData, noDiagnosisData} from '../../core/recipe/diagnose.ts';
import {formatAge, formatRatio} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {SampleEvent} from '../../model/ports.ts';
import type {Finding, Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {openSampler} from '../connection.ts';
import {type CliContext, printMessage} from '../context.ts';
import {catchInterrupts} from '../interrupts.ts';
import {cacheDiagnosisData, readRecipeData} from '../recipe-data.ts';
import type {PoolerClients} from './pooler-clients.ts';
import {formatMetric, type HealthReport} from './reasons.ts';
import {requireMeasuredLimits} from './require-limits.ts';

export type WatchPorts = {
  recipes: readonly Recipe[];
  /** Ends after `for_ms`, or when interrupted. */
  events: AsyncIterable<SampleEvent>;
  load(needs: DataRequirements): Promise<RecipeData>;
  askPooler: PoolerClients['ask'];
  /** Asks for the texts of statements; those not known yet come with a snapshot that follows immediately. */
  readTexts(keys: readonly string[]): void;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Replaces the progress line. */
  progress(line: string): void;
  /** Aborted when the user interrupts. */
  signal: AbortSignal;
};

export type Watching = {
  ports: Omit<WatchPorts, 'recipes' | 'askPooler'>;
  /** Stops handling signals. */
  release(): void;
};

type WatchingOptions = {
  flags: {wait?: string | undefined};
  every_ms: number;
  /** null: until interrupted. */
  for_ms: number | null;
  /** The server may be down at the start; connects as soon as it answers. */
  mayBeDown?: boolean;
  /** Set if the caller handles interrupts. */
  signal?: AbortSignal;
};

/**
 * Reads snapshots at an interval, for a time or until interrupted, and reconnects after a loss. Throws AbortError
 * (exit 3 or 4) if the first connection fails.
 */
export async function openWatching(
  context: CliContext,
  request: ConnectionRequest,
  {flags, every_ms, for_ms, mayBeDown = false, signal: outer}: WatchingOptions,
): Promise<Watching> {
  const {signal, release} = outer ? {signal: outer, release: () => {}} : catchInterrupts(context);
  const opened = await openSampler(context, request, {flags, interval_ms: every_ms, signal, mayBeDown}).catch(
    error => {
      release();
      throw error;
    },
  );
  const {sampler, connection} = opened;
  sampler.setVisible({statements: true, texts: []});
  const end = for_ms === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(for_ms)]);
  return {
    release,
    ports: {
      events: sampler.events(end),
      load: required => readRecipeData(connection(), required),
      now: () => performance.now(),
      readTexts: keys => sampler.setVisible({statements: true, texts: [...keys]}),
      progress: createProgress(context),
      signal,
    },
  };
}

const logEveryMs = 60_000;

/** Rewrites one line on a terminal; prints a line a minute to a log. */
function createProgress({stderr, output}: CliContext): (line: string) => void {
  if (stderr.isTTY) {
    return line => {
      stderr.write(`\r\x1b[K${sanitise(line).slice(0, (stderr.columns || 80) - 1)}`);
    };
  }
  let printedAt_ms = Number.NEGATIVE_INFINITY;
  return line => {
    if (line === '' || performance.now() - printedAt_ms < logEveryMs) return;
    printedAt_ms = performance.now();
    printMessage(output, line);
  };
}

export type WatchFlags = WatchOptions & {
  limits: GivenLimits;
  baseline: Baseline | null;
  slower_ratio: number;
  applications?: readonly ApplicationCheck[];
  ignored?: readonly Ignored[];
  /** The limits that the flags of the call give: each must be measured. */
  asked?: GivenLimits;
};

/** What a watch has read: the first snapshot with statements, the last snapshot, the slowest statement. */
type Observed = {
  first: Snapshot | null;
  last: Snapshot | null;
  slowest: {ms: number; queryid: string; query: string | null} | null;
};

/**
 * Watches a server for `for_ms`, or until a limit stays critical for `sustain_ms`. Throws AbortError: exit 130 when
 * interrupted, 3 without a single snapshot, 5 if a given limit could not be measured.
 */
export async function watchHealth(
  ports: WatchPorts,
  flags: WatchFlags & {onAvailable?: (available_ms: number) => Promise<void>},
): Promise<HealthReport & {health: WatchedHealth}> {
  const started_ms = ports.now();
  const watch = createWatch(flags, started_ms);
  const applications = watchApplications(flags.applications ?? []);
  const observed: Observed = {first: null, last: null, slowest: null};
  const readData = cacheDiagnosisData(ports.recipes, ports.load, ports.now);
  const assessor = createAssessor(ports.recipes);
  let data: DiagnosisData = noDiagnosisData;
  let findings: readonly Finding[] = [];
  let reason = 'no snapshot';
  for await (const event of ports.events) {
    if (event.kind === 'lost') {
      reason = event.message;
      watch.addLoss(ports.now(), {reason, is_refused: event.sqlstate === '53300'});
    } else {
      data = await readData(findings);
      applications.add(event.snapshot);
      findings = await addSnapshot(event.snapshot, {ports, watch, flags, observed, assessor, data});
      await flags.onAvailable?.(watch.availableMs());
    }
    ports.progress(progressLine(watch, {flags, started_ms, now_ms: ports.now(), last: observed.last, event}));
    if (watch.failure() !== null || ports.now() - started_ms >= flags.for_ms) break;
  }
  ports.progress('');
  if (ports.signal.aborted) throw new AbortError('interrupted', {exitCode: exitCodes.interrupted});
  const health = watch.result(ports.now());
  if (health === null || observed.last === null) {
    throw new AbortError(`the server could not be read: ${reason}`, {exitCode: exitCodes.connection});
  }
  const gaps = {unavailable: observed.last.unavailable, unread: data.unread};
  if (health.status === 'ok' || health.status === 'unknown')
    requireMeasuredLimits(health, gaps, {given: flags.limits, asked: flags.asked ?? {}});
  return {
    health,
    target: observed.last.target.id,
    slowest: observed.slowest,
    recipes: ports.recipes.map(({id, title}) => ({id, title})),
    comparison: comparisonOf(observed, health, flags),
    applications: applications.result(),
  };
}

type Watched = {
  ports: WatchPorts;
  watch: Watch;
  flags: WatchFlags;
  observed: Observed;
  assessor: Assessor;
  data: DiagnosisData;
};

/** Adds a snapshot to the watch; resolves to its findings. */
async function addSnapshot(
  snapshot: Snapshot,
  {ports, watch, flags, observed, assessor, data}: Watched,
): Promise<readonly Finding[]> {
  const assessment = withoutIgnored(assessor.assess(snapshot, data), flags.ignored ?? []);
  const {diagnosed} = assessment;
  const waiting = await ports.askPooler();
  const metrics = measure({
    snapshot,
    facts: data.facts,
    findings: diagnosed,
    ...waiting,
    is_interval: true,
  });
  const found = {...followLimits(assessment, metrics, flags.limits), unavailable: snapshot.unavailable};
  watch.addSample(ports.now(), {metrics, limits: limitsFor(flags.limits), found});
  if (snapshot.statements.length > 0) observed.first ??= snapshot;
  observed.last = snapshot;
  const slowest = slowestStatement(snapshot, {is_interval: true});
  ports.readTexts(slowestKeys(snapshot));
  // Before its text was read, a statement may have been taken for work that is none, such as pg_sleep.
  const isReplaced =
    slowest?.statement.queryid !== observed.slowest?.queryid && observed.slowest?.query === null;
  if (slowest !== null && (isReplaced || slowest.mean_exec_time_ms >= (observed.slowest?.ms ?? 0))) {
    const {queryid, query} = slowest.statement;
    observed.slowest = {ms: slowest.mean_exec_time_ms, queryid, query};
  }
  return found.findings;
}

const slowestWithText = 10;

/** Of the statements called since the snapshot before, the slowest on average. */
function slowestKeys({statements}: Snapshot): string[] {
  return statements
    .flatMap(each => (each.rates ? [{key: statementKey(each), ms: each.rates.mean_exec_time_ms}] : []))
    .sort((a, b) => b.ms - a.ms)
    .slice(0, slowestWithText)
    .map(({key}) => key);
}

/** Compares the statements called during the watch with the baseline. */
function comparisonOf(
  {first, last}: Observed,
  {metrics, watch}: WatchedHealth,
  flags: WatchFlags,
): Comparison | null {
  const {baseline, slower_ratio} = flags;
  if (baseline === null || last === null) return null;
  const after = statsBetween(first ?? last, last);
  const average = metrics.average_used_ratio;
  const used_after = average === null || watch.readings === 0 ? undefined : average * last.budget.usable;
  return compare({
    baseline,
    current: last,
    after: {...after, calls: after.calls.filter(({n}) => n > 0)},
    used_after,
    slower_ratio,
  });
}

type Progress = {
  flags: WatchFlags;
  started_ms: number;
  now_ms: number;
  last: Snapshot | null;
  event: SampleEvent;
};

/** `12m04s of 2h00m, readable 100%, slots 54 of 57, critical for 12s of 30s: slots used`. */
function progressLine(watch: Watch, {flags, started_ms, now_ms, last, event}: Progress): string {
  const [worst] = watch.criticalMetrics(now_ms);
  const {used, usable} = last?.budget ?? {used: 0, usable: 0};
  return [
    `${formatAge(now_ms - started_ms)} of ${formatAge(flags.for_ms)}`,
    `readable ${formatRatio(watch.availability(now_ms), 0)}`,
    ...(last === null
      ? []
      : [`slots ${used} of ${usable} (${formatMetric('used_ratio', used / Math.max(1, usable))})`]),
    ...(worst === undefined
      ? []
      : [
          `critical for ${formatAge(worst.critical_ms)} of ${formatAge(flags.sustain_ms)}: ${metricOf(worst.name).title}`,
        ]),
    ...(event.kind === 'lost' ? [`not readable: ${event.message}`] : []),
  ].join(', ');
}

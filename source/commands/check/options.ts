import {resolve} from 'node:path';
import type {Call} from '../../cli/call/usage.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {readDuration, readRates} from '../../cli/flag-values.ts';
import {readBaseline} from '../../cli/health/read-baseline.ts';
import {poolerLimits, requireMeasurableLimits, toLimitFlag} from '../../cli/health/require-limits.ts';
import {type Ignored, parseIgnored} from '../../core/assessment/ignore.ts';
import type {TargetSettings} from '../../core/configuration.ts';
import {usageError} from '../../core/errors.ts';
import {type ApplicationCheck, applicationLimits} from '../../core/health/applications.ts';
import type {Baseline} from '../../core/health/baseline.ts';
import {type GivenLimits, limitExamples, metricByLimitName, parseLimit} from '../../core/health/health.ts';
import {metricOf} from '../../core/health/metrics.ts';
import {intervalFor, thresholds, watchDefaults} from '../../core/health/thresholds.ts';
import {writeDuration} from '../../core/text/time.ts';
import type {Severity} from '../../model/recipe.ts';
import type {usage} from './flags.ts';
import type {CheckFormat, PrintOptions} from './print-report.ts';

export type CheckOptions = {
  /** They replace the default limits. */
  limits: GivenLimits;
  /** The limits given by flags, each of which must be measured. */
  asked: GivenLimits;
  rates_over_ms: number | null;
  baseline: Baseline | null;
  /** A statement this many times slower than in the baseline is reported. */
  slower_ratio: number;
  ignored: Ignored[];
  applications: readonly ApplicationCheck[];
  /** The one that a flag names, whose limits must be measured. */
  asked_application: string | null;
} & PrintOptions;

type CheckFlags = Call<typeof usage>['flags'];

/** Reads the options of `check`. Throws AbortError (exit 2) for invalid or contradictory flags. */
export async function readCheckOptions(
  context: CliContext,
  flags: CheckFlags,
  configured: Pick<TargetSettings, 'limits' | 'applications'>,
  has_pooler: boolean,
): Promise<CheckOptions & {watch: WatchTimes | null}> {
  const {ownLimits, application} = readApplication(flags, readLimits(flags));
  const limits = {...configured.limits, ...ownLimits};
  const watch = readWatchTimes(flags);
  if (watch !== null && flags.rates !== undefined)
    throw usageError('--rates and --for cannot be used together', '--for measures rates itself.');
  // A limit in config.toml is skipped if it cannot be measured; a limit given as a flag must be measurable.
  requireMeasurableLimits(ownLimits, {has_pooler, is_watched: watch !== null});
  if (!has_pooler)
    for (const name of poolerLimits(limits))
      printMessage(
        context.output,
        `incomplete check, ${metricOf(name).limit_name} of config.toml: no PgBouncer is known. Name its admin console: pooler_url of the target, POOLCTL_POOLER_URL or --pooler`,
      );
  return {
    limits,
    asked: ownLimits,
    watch,
    rates_over_ms: readRates(flags) ?? (needsRates(limits) ? 1000 : null),
    baseline: flags.baseline === undefined ? null : await readBaseline(context, flags.baseline),
    slower_ratio: readSlower(flags),
    ignored: readIgnored(flags),
    applications: [...configured.applications.filter(({name}) => name !== flags.application), ...application],
    asked_application: flags.application ?? null,
    fail_on: readFailOn(flags),
    format: readFormat(flags),
    junit: junitPath(context, flags),
  };
}

export type WatchTimes = {for_ms: number; every_ms: number; sustain_ms: number};

const maxWatchMs = 30 * 86_400_000;

/** Where JUnit goes: a path, `-` for stdout, or null. */
export function junitPath({cwd}: Pick<CliContext, 'cwd'>, {junit}: Pick<CheckFlags, 'junit'>): string | null {
  return junit === undefined || junit === '-' ? (junit ?? null) : resolve(cwd, junit);
}

function readWatchTimes(flags: CheckFlags): WatchTimes | null {
  if (flags.for === undefined) {
    if (flags.sustain !== undefined)
      throw usageError('--sustain requires --for', 'Add --for 10min, or leave out --sustain.');
    if (flags.every !== undefined && flags.metrics === undefined)
      throw usageError('--every requires --for or --metrics', 'Add one of them, or leave out --every.');
    return null;
  }
  const for_ms = readDuration('--for', flags.for, {min: 1000, max: maxWatchMs});
  const every_ms = flags.every === undefined ? intervalFor(for_ms) : readEvery(flags);
  // --for judges percentiles over time, which a single reading does not have.
  if (for_ms <= every_ms)
    throw usageError('--for must be longer than --every', 'Watch for at least two snapshots.');
  return {
    for_ms,
    every_ms,
    sustain_ms: readDuration('--sustain', flags.sustain ?? writeDuration(watchDefaults.sustain_ms), {
      min: 0,
      max: maxWatchMs,
    }),
  };
}

export function readEvery({every}: CheckFlags): number {
  return readDuration('--every', every ?? writeDuration(watchDefaults.every_ms), {min: 500, max: 60_000});
}

/** Whether a limit is of a metric that needs two snapshots. */
function needsRates(limits: GivenLimits): boolean {
  return [...metricByLimitName.values()].some(
    name => metricOf(name).needs_rates && limits[name] !== undefined,
  );
}

function readLimits(flags: CheckFlags): GivenLimits {
  const limits: GivenLimits = {};
  const values: Record<string, unknown> = flags;
  for (const [limit_name, name] of metricByLimitName) {
    const value = values[limit_name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (value === undefined) continue;
    const limit = parseLimit(name, value);
    if (limit === null) {
      throw usageError(
        `invalid limit "${value}" for ${toLimitFlag(name)}`,
        `Use ${limitExamples[metricOf(name).kind].replaceAll('"', '')}.`,
      );
    }
    limits[name] = limit;
  }
  return limits;
}

/** The limits that --application takes for itself, and the rest. Throws AbortError (exit 2) for a comparison without time. */
function readApplication(
  {application, against, for: time, metrics}: CheckFlags,
  given: GivenLimits,
): {ownLimits: GivenLimits; application: ApplicationCheck[]} {
  const isOverTime = time !== undefined || metrics !== undefined;
  if (against !== undefined && (application === undefined || !isOverTime))
    throw usageError(
      '--against requires --application, and --for or --metrics',
      'Compare two applications over a time: --application web-canary --against web --for 10min.',
    );
  if (application === undefined) return {ownLimits: given, application: []};
  const isOwn = (name: string) => (applicationLimits as readonly string[]).includes(name);
  const split = (isTaken: boolean): GivenLimits =>
    Object.fromEntries(Object.entries(given).filter(([name]) => isOwn(name) === isTaken));
  return {
    ownLimits: split(false),
    application: [{name: application, against: against ?? null, limits: split(true)}],
  };
}

function readFormat({json, markdown, nagios}: CheckFlags): CheckFormat {
  const chosen = Object.entries({json, markdown, nagios}).filter(([, isChosen]) => isChosen);
  if (chosen.length > 1)
    throw usageError(
      `${chosen.map(([name]) => `--${name}`).join(' and ')} cannot be used together`,
      'Leave out all but one.',
    );
  return (chosen[0]?.[0] as CheckFormat | undefined) ?? 'text';
}

function readIgnored({ignore}: CheckFlags): Ignored[] {
  const ignored = ignore === undefined ? [] : parseIgnored(ignore);
  if (ignored !== null) return ignored;
  throw usageError(
    `invalid value "${ignore}" for --ignore`,
    'Use a recipe, or a recipe and a subject: apply-indexes, kill-idle-sessions:application:web/role:app.',
  );
}

function readFailOn({failOn = 'warning'}: CheckFlags): Severity {
  if (failOn === 'warning' || failOn === 'critical') return failOn;
  throw usageError(`invalid level "${failOn}" for --fail-on`, 'Use warning or critical.');
}

function readSlower({slower = String(thresholds.slower_times.warning)}: CheckFlags): number {
  const ratio = /^\d{1,4}(\.\d+)?x?$/.test(slower) ? Number.parseFloat(slower) : 0;
  if (ratio >= 1) return ratio;
  throw usageError(`invalid factor "${slower}" for --slower`, 'Use a number from 1, such as 1.5.');
}

import {resolve} from 'node:path';
import type {Flags} from '../../cli/call/parse-call.ts';
import type {CliContext} from '../../cli/context.ts';
import {readDuration, readRates} from '../../cli/flag-values.ts';
import type {CheckFormat} from '../../cli/health/health-report.ts';
import {readBaseline} from '../../cli/health/read-baseline.ts';
import {requireMeasurableLimits, toLimitFlag} from '../../cli/health/require-limits.ts';
import {usageError} from '../../core/errors.ts';
import {type GivenLimits, limitExamples, metricByLimitName, parseLimit} from '../../core/health/health.ts';
import {metricOf} from '../../core/health/metrics.ts';
import {thresholds, watchDefaults} from '../../core/health/thresholds.ts';
import {writeDuration} from '../../core/text/duration.ts';
import type {CheckOptions} from './check-once.ts';

/** What the flags of `check` say. Throws AbortError (exit 2) for what they cannot say. */
export async function readCheckOptions(
  context: CliContext,
  flags: Flags,
  configured: GivenLimits,
): Promise<CheckOptions & {watch: WatchTimes | null}> {
  const asked = limitsOf(flags);
  const limits = {...configured, ...asked};
  const watch = watchTimesOf(flags);
  if (watch !== null && flags.rates !== undefined)
    throw usageError('--rates and --for: leave out one of them', '--for has rates of its own.');
  // A target's own limits hold wherever they can be measured; what a call asks for it has to be able to.
  requireMeasurableLimits(asked, {has_pooler: flags.pooler !== undefined, is_watched: watch !== null});
  return {
    limits,
    watch,
    rates_over_ms: readRates(flags) ?? (asksForRates(limits) ? 1000 : null),
    baseline: flags.baseline === undefined ? null : await readBaseline(context, flags.baseline),
    slower_ratio: slowerOf(flags),
    format: formatOf(flags),
    junit:
      flags.junit === undefined || flags.junit === '-'
        ? (flags.junit ?? null)
        : resolve(context.cwd, flags.junit),
  };
}

export type WatchTimes = {for_ms: number; every_ms: number; sustain_ms: number};

const longestWatchMs = 30 * 86_400_000;

function watchTimesOf(flags: Flags): WatchTimes | null {
  if (flags.for === undefined) {
    if (flags.sustain !== undefined)
      throw usageError('--sustain goes with --for', 'Add --for 10min, or leave it out.');
    if (flags.every !== undefined && flags.metrics === undefined)
      throw usageError('--every goes with --for or --metrics', 'Add one of them, or leave it out.');
    return null;
  }
  const for_ms = readDuration('--for', flags.for, {least: 1000, most: longestWatchMs});
  return {
    for_ms,
    every_ms: readEvery(flags),
    sustain_ms: readDuration('--sustain', flags.sustain ?? writeDuration(watchDefaults.sustain_ms), {
      least: 0,
      most: longestWatchMs,
    }),
  };
}

export function readEvery({every}: Flags): number {
  return readDuration('--every', every ?? writeDuration(watchDefaults.every_ms), {least: 500, most: 60_000});
}

/** A metric that two readings tell is asked for by its limit. */
function asksForRates(limits: GivenLimits): boolean {
  return [...metricByLimitName.values()].some(
    name => metricOf(name).needs_rates && limits[name] !== undefined,
  );
}

function limitsOf(flags: Flags): GivenLimits {
  const limits: GivenLimits = {};
  const given: Record<string, unknown> = flags;
  for (const [limit_name, name] of metricByLimitName) {
    const value = given[limit_name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (value === undefined) continue;
    const limit = parseLimit(name, value);
    if (limit === null) {
      throw usageError(
        `${toLimitFlag(name)} ${value}: no limit`,
        `Write it as ${limitExamples[metricOf(name).kind].replaceAll('"', '')}.`,
      );
    }
    limits[name] = limit;
  }
  return limits;
}

function formatOf({json, markdown, nagios}: Flags): CheckFormat {
  const asked = Object.entries({json, markdown, nagios}).filter(([, isAsked]) => isAsked);
  if (asked.length > 1)
    throw usageError(`${asked.map(([name]) => `--${name}`).join(' and ')}: leave out all but one`);
  return (asked[0]?.[0] as CheckFormat | undefined) ?? 'text';
}

function slowerOf({slower = String(thresholds.slower_times.warning)}: Flags): number {
  const ratio = /^\d{1,4}(\.\d+)?x?$/.test(slower) ? Number.parseFloat(slower) : 0;
  if (ratio >= 1) return ratio;
  throw usageError(`--slower ${slower}: no factor`, 'Write it as --slower 1.5, from 1 on.');
}

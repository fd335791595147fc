import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import type {GivenLimits, Health, Limit} from '../../core/health/health.ts';
import {type MetricName, metricNames, metricOf} from '../../core/health/metrics.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import type {HealthReport} from './reasons.ts';

/** The flag that sets a metric's limit, as typed. */
export function toLimitFlag(name: MetricName): string {
  return `--${metricOf(name).limit_name.replaceAll('_', '-')}`;
}

/** The given limits of what PgBouncer's admin console reports. */
export function poolerLimits(given: GivenLimits): MetricName[] {
  return metricNames.filter(name => given[name] !== undefined && metricOf(name).section === 'pooler admin');
}

/** Throws AbortError (exit 2) for a limit that the flags of this call do not measure. */
export function requireMeasurableLimits(
  given: GivenLimits,
  {has_pooler, is_watched}: {has_pooler: boolean; is_watched: boolean},
): void {
  for (const name of metricNames.filter(each => given[each] !== undefined)) {
    if (metricOf(name).needs_time && !is_watched)
      throw unmeasurable(name, 'It is measured over time: add --for.');
    if (metricOf(name).section === 'pooler admin' && !has_pooler) {
      throw unmeasurable(name, "Add --pooler URL, with the URL of PgBouncer's admin console.");
    }
  }
}

/** Throws AbortError (exit 5) if a given limit could not be measured. */
export function requireMeasuredLimits(
  {metrics}: Health,
  {
    unavailable,
    unread,
  }: {unavailable: readonly Unavailable[]; unread: readonly {fact: string; reason: string}[]},
  {given, asked}: {given: GivenLimits; asked: GivenLimits},
): void {
  for (const name of metricNames) {
    if (given[name] === undefined || metrics[name] !== null) continue;
    const isAsked = asked[name] !== undefined && !passesAnything(name, asked[name]);
    const {section: source} = metricOf(name);
    const missing = unavailable.find(({section}) => section === source);
    const reason =
      missing?.reason ??
      unread.find(({fact}) => fact === source)?.reason ??
      versionReason(name) ??
      (isAsked ? nothingRead(name) : null);
    if (reason === null) continue;
    throw new AbortError(`${toLimitFlag(name)} cannot be checked: ${reason}`, {
      ...(missing && {hint: missing.remedy}),
      exitCode: exitCodes.privilege,
    });
  }
}

/** Throws AbortError (exit 5) if a limit or comparison of the application that a flag names could not be measured. */
export function requireMeasuredApplication(
  {health, applications}: Pick<HealthReport, 'health' | 'applications'>,
  asked: string | null,
): void {
  const own = applications.find(({figures}) => figures.name === asked);
  if (own?.level !== 'unknown' || (health.status !== 'ok' && health.status !== 'unknown')) return;
  const missing = health.unavailable.find(({section}) => section === 'backends');
  const reason = missing?.reason ?? own.left_out[0];
  throw new AbortError(`${asked} cannot be checked: ${reason}`, {
    ...(missing && {hint: missing.remedy}),
    exitCode: exitCodes.privilege,
  });
}

function nothingRead(name: MetricName): string {
  return metricOf(name).is_reported
    ? 'no application reports how long requests wait for its pool (poolctl/kit does)'
    : 'the server has done too little to measure it';
}

/** A limit that no value can cross, such as a minimum of 0% or a maximum of 100%: it needs no measurement. */
function passesAnything(name: MetricName, {warning, critical}: Limit): boolean {
  const {kind, side} = metricOf(name);
  const widest = side === 'min' ? 0 : kind === 'ratio' ? 1 : Number.POSITIVE_INFINITY;
  return [warning, critical].every(limit => limit === null || limit === widest);
}

/** Why this version of the server does not have the metric; null if it has. */
function versionReason(name: MetricName): string | null {
  if (name === 'fatal_sessions_per_minute') return 'it requires PostgreSQL 14';
  return name === 'statement_evictions_per_minute' ? 'it requires pg_stat_statements 1.9' : null;
}

function unmeasurable(name: MetricName, hint: string): AbortError {
  return usageError(`${toLimitFlag(name)} cannot be measured`, hint);
}

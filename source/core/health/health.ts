import type {Assessed, Assessment, Contention, Writable} from '../../model/assessment.ts';
import type {Finding, Severity} from '../../model/recipe.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import {compareFindings} from '../assessment/rank.ts';
import {parseDurationMs} from '../text/time.ts';
import {type MetricName, type Metrics, metricNames, metricOf} from './metrics.ts';
import type {Threshold} from './session-thresholds.ts';
import {thresholds} from './thresholds.ts';

export type Level = 'ok' | Severity;

/**
 * A limit and its result. `max` or `min` is the warning limit, or else the critical one. `unknown`: the metric was
 * not measured. Judged by findings, the limit is the default for scripts to compare with, and is never crossed.
 */
export type CheckedLimit = Limit & {
  level: Level | 'unknown';
  is_crossed: boolean;
  judged_by: 'limit' | 'findings';
} & ({max: number | null} | {min: number | null});

type Thresholds = Record<MetricName, CheckedLimit>;

/** A finding in `check --json`. */
type FindingDocument = Omit<Finding, 'params'>;

/** `check --json`. */
export type Health = {
  schema_version: 1;
  /** `unknown`: nothing was found, but sessions are hidden from this role. */
  status: Level | 'unknown';
  /** Critical ones first, then by the harm that they explain. */
  findings: FindingDocument[];
  /** Seen, but explains no harm. */
  also: FindingDocument[];
  writable: Writable;
  contention: Contention[];
  assessed: Assessed;
  metrics: Metrics;
  thresholds: Thresholds;
  /** What could not be read, and why: metrics of it are null. */
  unavailable: readonly Unavailable[];
};

/** What a check takes of an assessment. */
export type Found = Pick<Assessment, 'also' | 'assessed' | 'contention' | 'writable'> & {
  findings: readonly Finding[];
  unavailable: readonly Unavailable[];
};

/** Compares metrics with their limits; the status is the worst level of limits and findings. */
export function assessHealth(
  metrics: Metrics,
  limits: Limits,
  {findings, also, writable, contention, assessed, unavailable}: Found,
): Health {
  const thresholds = Object.fromEntries(
    metricNames.map(name => [name, thresholdOf(name, metrics[name], limits[name])]),
  ) as Thresholds;
  const sorted = [...findings].sort(compareFindings);
  const toDocument = ({params: _, ...document}: Finding): FindingDocument => document;
  const status = worst([
    ...Object.values(thresholds).map(({level}) => level),
    ...sorted.map(each => each.severity),
  ]);
  return {
    schema_version: 1,
    status: status === 'ok' && isHidden(metrics) ? 'unknown' : status,
    findings: sorted.map(toDocument),
    also: also.map(toDocument),
    writable,
    contention,
    assessed,
    metrics,
    thresholds,
    unavailable,
  };
}

/** Sessions are hidden from this role. */
function isHidden({longest_transaction_ms}: Metrics): boolean {
  return longest_transaction_ms === null;
}

export function worst(levels: readonly (Level | 'unknown')[]): Level {
  if (levels.includes('critical')) return 'critical';
  return levels.includes('warning') ? 'warning' : 'ok';
}

/** Whether a value exceeds a limit (or falls below it, for a minimum); a value equal to it does not. */
export function isBeyond(name: MetricName, value: number | null, limit: number | null): boolean {
  if (value === null || limit === null) return false;
  return metricOf(name).side === 'max' ? value > limit : value < limit;
}

function thresholdOf(name: MetricName, value: number | null, limit: Limit | null): CheckedLimit {
  const crossed: Level = isBeyond(name, value, limit?.critical ?? null)
    ? 'critical'
    : isBeyond(name, value, limit?.warning ?? null)
      ? 'warning'
      : 'ok';
  const {warning, critical} = limit ?? defaultLimit(name);
  return {
    [metricOf(name).side]: warning ?? critical,
    warning,
    critical,
    level: value === null ? 'unknown' : crossed,
    is_crossed: crossed !== 'ok',
    judged_by: limit === null ? 'findings' : 'limit',
  } as CheckedLimit;
}

/** Ratios from 0 to 1, times in milliseconds; null: no limit. */
export type Limit = {warning: number | null; critical: number | null};

/** Limits that replace the defaults. */
export type GivenLimits = Partial<Record<MetricName, Limit>>;

/** null: findings judge the metric. */
export type Limits = Record<MetricName, Limit | null>;

/** Metrics by the key of their limit in config.toml and rollout plans. */
export const metricByLimitName: ReadonlyMap<string, MetricName> = new Map(
  metricNames.map(name => [metricOf(name).limit_name, name]),
);

/** The metric that a key of `[thresholds]` or of a plan's thresholds sets; null for none. `min_seen` is poolctl 0.1's. */
export function metricForLimit(key: string): MetricName | null {
  return metricByLimitName.get(key === 'min_seen' ? 'min_availability' : key) ?? null;
}

export const limitExamples = {
  ratio: 'a share: "80%" or 0.8, or a warning and a critical one: "80%,90%"',
  duration: 'a duration as PostgreSQL reads intervals: "30s", or a warning and a critical one: "30s,5min"',
  count: 'a whole number, or a warning and a critical one: "5,20"',
} as const;

/**
 * Parses a limit: one value is critical, of two the first is the warning. A duration
 * needs a unit. null if it is invalid or in the wrong order.
 */
export function parseLimit(name: MetricName, written: unknown): Limit | null {
  const {kind, side} = metricOf(name);
  if (kind === 'duration' && typeof written === 'number') return null;
  if (typeof written !== 'string' && typeof written !== 'number') return null;
  const parts = String(written).split(',');
  const [first, second] = parts.map(part => parsers[kind](part));
  if (first === undefined || first === null || parts.length > 2) return null;
  if (second === undefined) return {warning: null, critical: first};
  const isInOrder = second !== null && (side === 'max' ? second >= first : second <= first);
  return isInOrder ? {warning: first, critical: second} : null;
}

const parsers = {
  ratio: parseRatio,
  duration: (text: string) =>
    /^\s*\d+(\.\d+)?\s*$/.test(text) && Number(text) !== 0 ? null : parseDurationMs(text),
  count: (text: string) => (/^\s*\d{1,9}\s*$/.test(text) ? Number(text) : null),
};

/** The default limits of what no finding judges, with `given` ones in their place. */
export function limitsFor(given: GivenLimits): Limits {
  const defaults = metricNames.map(name => [
    name,
    metricOf(name).judged_by_findings ? null : defaultLimit(name),
  ]);
  return {...(Object.fromEntries(defaults) as Limits), ...given};
}

function defaultLimit(name: MetricName): Limit {
  const {warning, critical}: Threshold = thresholds[name];
  return {warning: warning ?? null, critical: critical ?? null};
}

/** Parses `80%` or `0.8`; null if invalid, as a bare 80. */
function parseRatio(text: string): number | null {
  const [, amount, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  const ratio = sign === '%' ? Number(amount) / 100 : Number(amount);
  return ratio >= 0 && ratio <= 1 ? ratio : null;
}

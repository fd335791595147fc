import type {Finding, Severity} from '../../model/finding.ts';
import type {Limit, Limits} from './limits.ts';
import {type MetricName, type Metrics, metricNames, metricOf} from './metrics.ts';

export type Level = 'ok' | Severity;

/**
 * A limit and what became of it. `max` or `min` is the milder of what is a warning and what is critical; null is not
 * looked at. `unknown`: nothing was measured.
 */
export type Threshold = Limit & {level: Level | 'unknown'; is_crossed: boolean} & (
    | {max: number | null}
    | {min: number | null}
  );

type Thresholds = Record<MetricName, Threshold>;

/** A finding as scripts read it. */
type FindingDocument = Omit<Finding, 'params'>;

/** The answer of `poolctl check`, as the contract has it. */
export type Health = {
  schema_version: 1;
  status: Level;
  /** The worst first. */
  findings: FindingDocument[];
  metrics: Metrics;
  thresholds: Thresholds;
};

/** What was measured and found, against every limit: the worst of all is the status. */
export function assessHealth(metrics: Metrics, limits: Limits, findings: readonly Finding[]): Health {
  const thresholds = Object.fromEntries(
    metricNames.map(name => [name, thresholdOf(name, metrics[name], limits[name])]),
  ) as Thresholds;
  const sorted = [...findings].sort((a, b) => rank[a.severity] - rank[b.severity]);
  return {
    schema_version: 1,
    status: worst([
      ...Object.values(thresholds).map(({level}) => level),
      ...sorted.map(each => each.severity),
    ]),
    findings: sorted.map(({recipe, severity, subject, summary, evidence}) => ({
      recipe,
      severity,
      subject,
      summary,
      evidence,
    })),
    metrics,
    thresholds,
  };
}

export function worst(levels: readonly (Level | 'unknown')[]): Level {
  if (levels.includes('critical')) return 'critical';
  return levels.includes('warning') ? 'warning' : 'ok';
}

/** Whether a value lies beyond a limit, on the metric's wrong side of it. */
export function isBeyond(name: MetricName, value: number | null, limit: number | null): boolean {
  if (value === null || limit === null) return false;
  return metricOf(name).side === 'max' ? value > limit : value < limit;
}

const rank: Record<Severity, number> = {critical: 0, warning: 1};

function thresholdOf(name: MetricName, value: number | null, {warning, critical}: Limit): Threshold {
  const crossed: Level = isBeyond(name, value, critical)
    ? 'critical'
    : isBeyond(name, value, warning)
      ? 'warning'
      : 'ok';
  return {
    [metricOf(name).side]: warning ?? critical,
    warning,
    critical,
    level: value === null ? 'unknown' : crossed,
    is_crossed: crossed !== 'ok',
  } as Threshold;
}

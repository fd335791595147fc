import type {Finding} from '../../model/recipe.ts';
import {type Found, type GivenLimits, isBeyond} from './health.ts';
import type {MetricName, Metrics} from './metrics.ts';

const metricOfCause: Partial<Record<string, MetricName>> = {
  'leaked-sessions': 'longest_idle_in_transaction_ms',
  'outside-call': 'longest_idle_in_transaction_ms',
  'long-statement': 'longest_transaction_ms',
  'slow-statement': 'slowest_mean_exec_time_ms',
  'temp-spills': 'slowest_mean_exec_time_ms',
  'stale-statistics': 'slowest_mean_exec_time_ms',
  chatty: 'n_plus_one_suspects',
};

const metricOfRecipe: Partial<Record<string, MetricName>> = {
  'repair-invalid-indexes': 'invalid_indexes',
  'analyze-stale-tables': 'stale_tables',
};

/** The metric whose limit decides on a finding; null for none. A role's or database's own connection limit has no flag. */
function metricFor({harm, cause, recipe, evidence, subject}: Finding, given: GivenLimits): MetricName | null {
  if (subject.startsWith('pooler:'))
    return given.pooler_max_wait_ms === undefined ? 'pooler_waiting_clients' : 'pooler_max_wait_ms';
  if (harm?.kind === 'slots') return 'usable' in evidence ? 'used_ratio' : null;
  if (harm?.kind === 'waiting') return 'blocked_sessions';
  return (cause === undefined ? metricOfRecipe[recipe] : metricOfCause[cause]) ?? null;
}

/** The finding's own figure, which is of more than one reading, or else the metric. */
function figureOf(name: MetricName, {evidence}: Finding, metrics: Metrics): number | null {
  const own = {
    used_ratio: evidence.slots_used_ratio,
    slowest_mean_exec_time_ms: evidence.mean_exec_time_ms,
    pooler_max_wait_ms: evidence.maxwait_ms,
  };
  const figure = own[name as keyof typeof own];
  return typeof figure === 'number' ? figure : metrics[name];
}

/**
 * Lets given limits decide on the findings of what they limit: within its limit, a finding goes below, beyond the warning
 * only, it is a warning. A limit whose metric is unknown decides nothing.
 */
export function followLimits<Own extends Pick<Found, 'findings' | 'also'>>(
  found: Own,
  metrics: Metrics,
  given: GivenLimits,
): Own {
  const levelOf = (finding: Finding): Finding['severity'] | 'within' => {
    const name = metricFor(finding, given);
    const limit = name === null ? undefined : given[name];
    const figure = name === null ? null : figureOf(name, finding, metrics);
    if (name === null || limit === undefined || figure === null) return finding.severity;
    if (isBeyond(name, figure, limit.critical)) return finding.severity;
    return isBeyond(name, figure, limit.warning) ? 'warning' : 'within';
  };
  const graded = found.findings.map(finding => ({finding, level: levelOf(finding)}));
  const within = graded.filter(({level}) => level === 'within').map(({finding: {acts: _, ...rest}}) => rest);
  return {
    ...found,
    findings: graded.flatMap(({finding, level}) =>
      level === 'within' ? [] : [{...finding, severity: level}],
    ),
    also: [...within, ...found.also],
  };
}

import type {Finding, Severity} from './recipe.ts';
import type {Snapshot, Statement} from './snapshot.ts';

/** What a health check measures. null: it could not be read, or there is nothing to measure yet. */
type Metrics = {
  /** Of the slots an ordinary role can get. */
  used_ratio: number;
  /** 0 where no session is. */
  longest_idle_in_transaction_ms: number;
  longest_transaction_ms: number;
  /** Sessions that wait for a lock. */
  blocked_sessions: number;
  /** Since the counters began; of the time between two readings, where there are two. */
  slowest_mean_exec_time_ms: number | null;
  /** Of the database connected to, as is the index hit ratio. */
  cache_hit_ratio: number | null;
  index_hit_ratio: number | null;
};

export type MetricName = keyof Metrics;

/** Which side of a limit is the wrong one: only what lies beyond it crosses it. */
const sides = {
  used_ratio: 'max',
  longest_idle_in_transaction_ms: 'max',
  longest_transaction_ms: 'max',
  blocked_sessions: 'max',
  slowest_mean_exec_time_ms: 'max',
  cache_hit_ratio: 'min',
  index_hit_ratio: 'min',
} as const satisfies Record<MetricName, 'max' | 'min'>;

export const metricNames = Object.keys(sides) as MetricName[];

/** A limit and whether it was crossed; a limit of null is not looked at. */
type Threshold = {is_crossed: boolean} & ({max: number | null} | {min: number | null});

/** The answer of `poolctl check`, as the contract has it. */
export type Health = {
  schema_version: 1;
  status: 'ok' | Severity;
  findings: Omit<Finding, 'params'>[];
  metrics: Metrics;
  thresholds: Record<MetricName, Threshold>;
};

/**
 * What a reading says of a server's health: every finding, the worst first, and every limit with whether it was
 * crossed, which is a warning. `given` takes the place of the default limits.
 */
export function assessHealth(
  snapshot: Snapshot,
  findings: readonly Finding[],
  given: Partial<Record<MetricName, number>>,
): Health {
  const metrics = measure(snapshot);
  const limits: Record<MetricName, number | null> = {...defaultLimits(snapshot), ...given};
  const thresholds = Object.fromEntries(
    metricNames.map(name => [name, thresholdOf(sides[name], metrics[name], limits[name])]),
  ) as Record<MetricName, Threshold>;
  const sorted = [...findings].sort((a, b) => rank[a.severity] - rank[b.severity]);
  const isAnyCrossed = Object.values(thresholds).some(({is_crossed}) => is_crossed);
  return {
    schema_version: 1,
    status: sorted[0]?.severity === 'critical' ? 'critical' : sorted[0] || isAnyCrossed ? 'warning' : 'ok',
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

/** A statement and its mean execution time. */
export type SlowStatement = {statement: Statement; mean_exec_time_ms: number};

/** The statement that `slowest_mean_exec_time_ms` is of; null where none was called. */
export function slowestStatement({statements}: Snapshot): SlowStatement | null {
  let slowest: SlowStatement | null = null;
  for (const statement of statements) {
    const mean_exec_time_ms = meanOf(statement);
    if (mean_exec_time_ms > (slowest?.mean_exec_time_ms ?? 0)) slowest = {statement, mean_exec_time_ms};
  }
  return slowest;
}

/** Since the counters began, a single call is a migration or a person's, and would be held up for ever. */
function meanOf({calls, mean_exec_time_ms, rates}: Statement): number {
  return rates?.mean_exec_time_ms ?? (calls > 1 ? mean_exec_time_ms : 0);
}

const rank: Record<Severity, number> = {critical: 0, warning: 1};

/** Fewer blocks than these, asked for since the counters began, tell how young a server is, not how it caches. */
const tellingBlocks = 100_000;

function defaultLimits(snapshot: Snapshot): Record<MetricName, number | null> {
  const {blks_hit = 0, blks_read = 0} = connectedDatabase(snapshot) ?? {};
  const hitRatio = blks_hit + blks_read < tellingBlocks ? null : 0.99;
  return {
    used_ratio: 0.8,
    longest_idle_in_transaction_ms: 30_000,
    longest_transaction_ms: 300_000,
    // Locks are waited for all the time, by one or two for a moment; so many at once are a queue.
    blocked_sessions: 5,
    slowest_mean_exec_time_ms: 1000,
    cache_hit_ratio: hitRatio,
    index_hit_ratio: hitRatio,
  };
}

function measure(snapshot: Snapshot): Metrics {
  const {backends, budget, unavailable} = snapshot;
  const isIdleInTransaction = (state: string | null) => state?.startsWith('idle in transaction') ?? false;
  const idle = backends.filter(({state}) => isIdleInTransaction(state));
  const database = connectedDatabase(snapshot);
  const hasStatements = !unavailable.some(({section}) => section === 'statements');
  return {
    used_ratio: budget.used_ratio,
    longest_idle_in_transaction_ms: Math.max(0, ...idle.map(({state_age_ms}) => state_age_ms ?? 0)),
    longest_transaction_ms: Math.max(0, ...backends.map(({xact_age_ms}) => xact_age_ms ?? 0)),
    blocked_sessions: backends.filter(({blocked_by}) => blocked_by.length > 0).length,
    slowest_mean_exec_time_ms: hasStatements ? (slowestStatement(snapshot)?.mean_exec_time_ms ?? 0) : null,
    cache_hit_ratio: database?.cache_hit_ratio ?? null,
    index_hit_ratio: database?.index_hit_ratio ?? null,
  };
}

function connectedDatabase({databases, target}: Snapshot) {
  return databases.find(({datname}) => datname === target.database);
}

function thresholdOf(side: 'max' | 'min', value: number | null, limit: number | null): Threshold {
  const isKnown = value !== null && limit !== null;
  return side === 'max'
    ? {max: limit, is_crossed: isKnown && value > limit}
    : {min: limit, is_crossed: isKnown && value < limit};
}

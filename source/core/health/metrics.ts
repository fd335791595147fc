import type {ThresholdName} from './thresholds.ts';

type Metric = {
  /** Its name in reports. */
  title: string;
  kind: 'ratio' | 'duration' | 'count';
  /** Whether its thresholds are upper or lower bounds; a value equal to one does not cross it. */
  side: 'max' | 'min';
  /** Its key in config.toml and in a rollout's plan; in kebab-case, its flag. */
  limit_name: string;
  /** The section of `Snapshot.unavailable`, or the fact, that it is read from. */
  section: string;
  /** Measured between two snapshots. */
  needs_rates?: true;
  /** Measured by `check --for` only. */
  needs_time?: true;
  /** Measured where applications report their pools. */
  is_reported?: true;
  /** Findings judge it: its default limit is shown but not applied, which would be a second verdict beside theirs. */
  judged_by_findings?: true;
  /** `check --for` compares its worst value, too, not only its 95th percentile. */
  is_peak_judged?: true;
};

/** What a health check measures, in the order it is shown. Default thresholds: `thresholds` under the same name. */
const metricTable = {
  used_ratio: {
    title: 'slots used',
    kind: 'ratio',
    side: 'max',
    limit_name: 'max_used',
    section: 'budget',
    is_peak_judged: true,
  },
  average_used_ratio: {
    title: 'slots used, on average',
    kind: 'ratio',
    side: 'max',
    limit_name: 'max_average_used',
    section: 'budget',
    needs_time: true,
  },
  longest_idle_in_transaction_ms: {
    title: 'longest idle in transaction',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_idle_in_transaction',
    section: 'backends',
    judged_by_findings: true,
    is_peak_judged: true,
  },
  longest_transaction_ms: {
    title: 'longest transaction',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_transaction',
    section: 'backends',
    judged_by_findings: true,
    is_peak_judged: true,
  },
  blocked_sessions: {
    title: 'sessions waiting for a lock',
    kind: 'count',
    side: 'max',
    limit_name: 'max_blocked',
    section: 'backends',
    judged_by_findings: true,
  },
  pool_wait_ms: {
    title: "wait for an application's pool, 95th percentile",
    kind: 'duration',
    side: 'max',
    limit_name: 'max_pool_wait',
    section: 'backends',
    judged_by_findings: true,
    is_reported: true,
  },
  slowest_mean_exec_time_ms: {
    title: 'slowest statement, on average',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_mean',
    section: 'statements',
    judged_by_findings: true,
  },
  cache_hit_ratio: {
    title: 'cache hit ratio',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_cache_hit',
    section: 'databases',
    judged_by_findings: true,
  },
  index_hit_ratio: {
    title: 'index hit ratio',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_index_hit',
    section: 'index_hits',
    judged_by_findings: true,
  },
  invalid_indexes: {
    title: 'invalid indexes',
    kind: 'count',
    side: 'max',
    limit_name: 'max_invalid_indexes',
    section: 'catalog',
    judged_by_findings: true,
  },
  stale_tables: {
    title: 'tables with stale statistics',
    kind: 'count',
    side: 'max',
    limit_name: 'max_stale_tables',
    section: 'maintenance',
    judged_by_findings: true,
  },
  statement_evictions_per_minute: {
    title: 'statement evictions per minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_evictions',
    section: 'statements',
    needs_rates: true,
  },
  n_plus_one_suspects: {
    title: 'N+1 suspects',
    kind: 'count',
    side: 'max',
    limit_name: 'max_n1',
    section: 'statements',
    judged_by_findings: true,
    needs_rates: true,
  },
  fatal_sessions_per_minute: {
    title: 'sessions ended by errors or timeouts per minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_fatal_sessions',
    section: 'databases',
    needs_rates: true,
  },
  refused_connections_per_minute: {
    title: 'connections refused to poolctl (53300) per minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_refused',
    section: 'refused',
    needs_time: true,
  },
  pooler_waiting_clients: {
    title: 'clients waiting in the pooler',
    kind: 'count',
    side: 'max',
    limit_name: 'max_pooler_waiting',
    section: 'pooler admin',
  },
  pooler_max_wait_ms: {
    title: 'longest wait in the pooler',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_pooler_wait',
    section: 'pooler admin',
    judged_by_findings: true,
  },
  availability_ratio: {
    title: 'time the server could be read',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_availability',
    section: 'watch',
    needs_time: true,
  },
} as const satisfies Partial<Record<ThresholdName, Metric>>;

export type MetricName = keyof typeof metricTable;

export const metricNames = Object.keys(metricTable) as MetricName[];

export function metricOf(name: MetricName): Metric {
  return metricTable[name];
}

/** null: it could not be read, or there is nothing to measure yet. */
export type Metrics = Record<MetricName, number | null>;

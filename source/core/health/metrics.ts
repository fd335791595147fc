type Metric = {
  /** As a person reads it. */
  title: string;
  kind: 'ratio' | 'duration' | 'count';
  /** Which side of a limit is the wrong one: only what lies beyond it crosses it. */
  side: 'max' | 'min';
  /** Of its limit, in config.toml and in a rollout's plan; its flag is the same in kebab-case. */
  limit_name: string;
  /** What `Snapshot.unavailable` or the unread facts call its source. */
  source: string;
  warning: number | null;
  critical: number | null;
  /** Two readings: one cannot tell it. */
  needs_rates?: true;
  /** Only a watch over some time can tell it. */
  needs_time?: true;
  /** Over a watch its worst reading counts, not only its 95th percentile. */
  is_peak_judged?: true;
};

/** What a health check measures, in the order it is shown, and the limits it has where nobody says otherwise. */
const metricTable = {
  used_ratio: {
    title: 'slots used',
    kind: 'ratio',
    side: 'max',
    limit_name: 'max_used',
    source: 'budget',
    warning: 0.8,
    critical: 0.9,
    is_peak_judged: true,
  },
  average_used_ratio: {
    title: 'slots used, on average',
    kind: 'ratio',
    side: 'max',
    limit_name: 'max_average_used',
    source: 'budget',
    warning: 0.7,
    critical: null,
    needs_time: true,
  },
  longest_idle_in_transaction_ms: {
    title: 'longest idle in transaction',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_idle_in_transaction',
    source: 'backends',
    warning: 30_000,
    critical: 300_000,
    is_peak_judged: true,
  },
  longest_transaction_ms: {
    title: 'longest transaction',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_transaction',
    source: 'backends',
    warning: 300_000,
    critical: 1_800_000,
    is_peak_judged: true,
  },
  // Locks are waited for all the time, by one or two for a moment; so many at once are a queue.
  blocked_sessions: {
    title: 'sessions waiting for a lock',
    kind: 'count',
    side: 'max',
    limit_name: 'max_blocked',
    source: 'backends',
    warning: 5,
    critical: 20,
  },
  slowest_mean_exec_time_ms: {
    title: 'slowest statement, on average',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_mean',
    source: 'statements',
    warning: 100,
    critical: 1000,
  },
  cache_hit_ratio: {
    title: 'cache hit ratio',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_cache_hit',
    source: 'databases',
    warning: 0.99,
    critical: null,
  },
  index_hit_ratio: {
    title: 'index hit ratio',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_index_hit',
    source: 'index_hits',
    warning: 0.99,
    critical: null,
  },
  invalid_indexes: {
    title: 'invalid indexes',
    kind: 'count',
    side: 'max',
    limit_name: 'max_invalid_indexes',
    source: 'catalog',
    warning: 0,
    critical: null,
  },
  stale_tables: {
    title: 'tables with stale statistics',
    kind: 'count',
    side: 'max',
    limit_name: 'max_stale_tables',
    source: 'maintenance',
    warning: 0,
    critical: null,
  },
  // Each eviction throws out 5 % of all entries (entry_dealloc in pg_stat_statements.c).
  statement_evictions_per_minute: {
    title: 'statement evictions a minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_evictions',
    source: 'statements',
    warning: 1,
    critical: null,
    needs_rates: true,
  },
  // A statement that looks like it may be right to; so many at once are a habit.
  n_plus_one_suspects: {
    title: 'N+1 suspects',
    kind: 'count',
    side: 'max',
    limit_name: 'max_n1',
    source: 'statements',
    warning: 5,
    critical: null,
    needs_rates: true,
  },
  fatal_sessions_per_minute: {
    title: 'sessions ended by errors or timeouts a minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_fatal_sessions',
    source: 'databases',
    warning: 10,
    critical: null,
    needs_rates: true,
  },
  refused_connections_per_minute: {
    title: 'connections refused to poolctl (53300) a minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_refused',
    source: 'refused',
    warning: 0,
    critical: null,
    needs_time: true,
  },
  pooler_waiting_clients: {
    title: 'clients waiting in the pooler',
    kind: 'count',
    side: 'max',
    limit_name: 'max_pooler_waiting',
    source: 'pooler admin',
    warning: 5,
    critical: 50,
  },
  seen_ratio: {
    title: 'time the server could be read',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_seen',
    source: 'watch',
    warning: null,
    critical: 0.5,
    needs_time: true,
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metricTable;

export const metricNames = Object.keys(metricTable) as MetricName[];

export function metricOf(name: MetricName): Metric {
  return metricTable[name];
}

/** null: it could not be read, or there is nothing to measure yet. */
export type Metrics = Record<MetricName, number | null>;

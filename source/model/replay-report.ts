/** What `poolctl replay --json` prints: a contract, so every name is snake_case and says its unit. */
export type ReplayDocument = {
  schema_version: 1;
  /** The route. */
  endpoint: string;
  file: string;
  target: string;
  prisma: ReplaySemantics;
  seed: number;
  results: ReplayResult[];
  recommendation: LimitRecommendation | null;
  /** What limits the results: skipped cases, a poolctl process at its own limit. */
  notes: string[];
  /** false if it ended before everything was measured. */
  is_complete: boolean;
};

/** The measured pool: that of Prisma's `major` version (null without Prisma), or its emulation by node-postgres. */
export type ReplaySemantics = {major: number | null; semantics: string; is_emulated: boolean};

export type ReplayResult = {
  variant: string;
  connection_limit: number;
  /** Users; in an open loop (`rate_per_second`), the most requests in flight. */
  concurrency: number;
  instances: number;
  rate_per_second: number | null;
  requests: number;
  duration_ms: number;
  queries_per_request: number;
  rows_per_request: number;
  bytes_per_request: number;
  /** Counted by the server; null if it did not answer. */
  peak_connections: number | null;
  /** The most connections checked out concurrently, counted by the pools. */
  peak_in_use: number;
  requests_per_second: number;
  latency_ms: ReplayTimes & {max: number | null};
  /** Per request: time during which a query waited for a connection and none ran. */
  wait_ms: ReplayTimes;
  /** Per request: time during which at least one query ran. */
  execute_ms: ReplayTimes;
  /** Mean of each query's own wait for a connection and of its execution, also while others of the request ran. */
  mean_query_wait_ms: number | null;
  mean_query_execute_ms: number | null;
  errors: ReplayErrors;
  failures: ReplayFailure[];
  /** The most expensive ones of `statement_count`. */
  statements: ReplayStatement[];
  statement_count: number;
  /** Share of the time that poolctl's process was busy. Near 1, poolctl was the limit instead of the server. */
  process_busy_ratio: number;
  /** Cores that poolctl took, the endpoint's code among it; null if simulated. */
  harness_cores: number | null;
  harness_cpu_ms_per_query: number | null;
  /** Simulated, not measured. */
  is_simulated: boolean;
};

/** Milliseconds. A simulation gives no p99 and no maximum: its check does not cover them. */
export type ReplayTimes = {p50: number; p95: number; p99: number | null};

/** Requests that failed. */
export type ReplayErrors = {
  pool_timeout: number;
  too_many_connections: number;
  other: number;
  by_sqlstate: Record<string, number>;
};

/** One kind of failure at one line of the endpoint's file. */
export type ReplayFailure = {
  kind: string;
  sqlstate: string | null;
  line: number | null;
  message: string;
  count: number;
};

export type ReplayStatement = {
  query: string;
  line: number | null;
  calls: number;
  calls_per_request: number;
  /** The most calls in one request. */
  most_per_request: number;
  rows_per_call: number;
  bytes_per_call: number;
  mean_wait_ms: number;
  mean_execute_ms: number;
  /** One request repeats the statement. */
  is_n_plus_one: boolean;
};

/** The evidence for tune-connection-limit. */
export type LimitRecommendation = {
  variant: string;
  connection_limit: number;
  /** Of all instances together. */
  connections: number;
  concurrency: number;
  requests_per_second: number;
  p95_ms: number;
  reason: string;
};

/** What a replay reports while it runs. */
export type ReplayUpdate =
  /** The preparation in progress. */
  | {kind: 'stage'; text: string}
  /** The current measurement, and the number of all. */
  | {kind: 'case'; index: number; of: number; variant: string; connection_limit: number; concurrency: number}
  /** Progress of the current measurement. */
  | {kind: 'progress'; elapsed_ms: number; requests: number; failed: number}
  | {kind: 'result'; result: ReplayResult};

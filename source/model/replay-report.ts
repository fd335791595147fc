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
  /** What bears on how far the figures carry: cells left out, a harness at its own limit. */
  notes: string[];
  /** false: it was ended before all was measured. */
  is_complete: boolean;
};

/** Whose pool it was: of no Prisma (null), of Prisma 7, or Prisma 6's as node-postgres imitates it. */
export type ReplaySemantics = {major: number | null; semantics: string; is_emulated: boolean};

export type ReplayResult = {
  variant: string;
  connection_limit: number;
  /** Users; of an open load (`rate_per_second`), the most requests under way at once. */
  concurrency: number;
  instances: number;
  rate_per_second: number | null;
  requests: number;
  duration_ms: number;
  queries_per_request: number;
  rows_per_request: number;
  bytes_per_request: number;
  /** As the server saw them; null where it could not be asked. */
  peak_connections: number | null;
  /** At work at once, as the pools saw them. */
  peak_in_use: number;
  requests_per_second: number;
  latency_ms: ReplayTimes & {max: number};
  /** Per request: time in which some query of it waited for a connection and none ran. */
  wait_ms: ReplayTimes;
  /** Per request: time in which at least one query of it ran. */
  execute_ms: ReplayTimes;
  errors: ReplayErrors;
  failures: ReplayFailure[];
  statements: ReplayStatement[];
  /** Of the harness's own process; near 1 it is the harness that was measured. */
  process_busy_ratio: number;
  /** Continued by a queueing simulation, not measured. */
  is_simulated: boolean;
};

export type ReplayTimes = {p50: number; p95: number; p99: number};

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
  /** In one request at most. */
  most_per_request: number;
  rows_per_call: number;
  bytes_per_call: number;
  mean_wait_ms: number;
  mean_execute_ms: number;
  /** The same statement again and again within one request. */
  is_n_plus_one: boolean;
};

/** What tune-connection-limit takes as measured evidence. */
export type LimitRecommendation = {
  variant: string;
  connection_limit: number;
  /** All instances together. */
  connections: number;
  concurrency: number;
  requests_per_second: number;
  p95_ms: number;
  reason: string;
};

/** What a replay says while it runs. */
export type ReplayUpdate =
  /** What is being made ready. */
  | {kind: 'stage'; text: string}
  /** The measurement under way, of so many. */
  | {kind: 'case'; index: number; of: number; variant: string; connection_limit: number; concurrency: number}
  /** Of the measurement under way, since it began. */
  | {kind: 'progress'; elapsed_ms: number; requests: number; failed: number}
  | {kind: 'result'; result: ReplayResult};

import type {ReplayDocument, ReplayResult} from '../../../source/model/replay-report.ts';

type Given = Partial<Omit<ReplayResult, 'errors'>> & {p95_ms?: number; pool_timeout?: number};

/** A healthy result of 100 requests, with the given fields changed. */
export function resultOf({p95_ms = 10, pool_timeout = 0, ...given}: Given): ReplayResult {
  return {
    variant: 'before',
    connection_limit: 10,
    concurrency: 10,
    instances: 1,
    rate_per_second: null,
    requests: 100,
    duration_ms: 1000,
    queries_per_request: 1,
    rows_per_request: 1,
    bytes_per_request: 60,
    peak_connections: 10,
    peak_in_use: 10,
    requests_per_second: 100,
    latency_ms: {p50: p95_ms / 2, p95: p95_ms, p99: p95_ms, max: p95_ms},
    wait_ms: {p50: 0, p95: 0, p99: 0},
    execute_ms: {p50: p95_ms / 2, p95: p95_ms, p99: p95_ms},
    mean_query_wait_ms: 0,
    mean_query_execute_ms: p95_ms / 2,
    errors: {pool_timeout, too_many_connections: 0, other: 0, by_sqlstate: {}},
    failures: [],
    statements: [],
    statement_count: given.statements?.length ?? 0,
    harness_cores: 0.5,
    harness_cpu_ms_per_query: 0.1,
    process_busy_ratio: 0.1,
    is_simulated: false,
    ...given,
  };
}

export function documentOf(results: ReplayResult[], given: Partial<ReplayDocument> = {}): ReplayDocument {
  return {
    schema_version: 1,
    endpoint: 'GET /x',
    file: 'x.sql',
    target: 'localhost:5432/app',
    prisma: {major: 7, semantics: 'a pool', is_emulated: false},
    seed: 1,
    results,
    recommendation: null,
    notes: [],
    is_complete: true,
    ...given,
  };
}

import type {Histogram} from 'hdr-histogram-js';
import {formatCount, formatMs} from '../../core/text/format.ts';
import type {
  LimitRecommendation,
  ReplayErrors,
  ReplayResult,
  ReplayStatement,
  ReplayTimes,
} from '../../model/replay-report.ts';
import type {BenchmarkCase, Measured} from './measure.ts';
import type {RunStats, StatementStats} from './run-stats.ts';

/** A statement that one request sends at least this often from one line is reported as N+1. */
const nPlusOneRepetitions = 3;
/** Statements of transactions and sessions, which a request rightly repeats. */
const isControl = /^\s*(?:begin|start|commit|end|rollback|abort|savepoint|release|set|reset|deallocate)\b/i;
/** Limits the statements of dynamic SQL. */
const maxStatements = 50;

/** Converts a measurement to the JSON contract. */
export function toResult(benchmark: BenchmarkCase, measured: Measured): ReplayResult {
  const {stats, elapsed_ms} = measured;
  const {requests} = stats;
  const perRequest = (total: number) => (requests === 0 ? 0 : round(total / requests));
  const statements = [...stats.statements.values()].flat().filter(({calls}) => calls > 0);
  const perQuery = (read: (each: StatementStats) => number) =>
    stats.queries === 0 ? null : round(statements.reduce((sum, each) => sum + read(each), 0) / stats.queries);
  return {
    variant: benchmark.variant.name,
    connection_limit: benchmark.connection_limit,
    concurrency: benchmark.concurrency,
    instances: benchmark.instances,
    rate_per_second: benchmark.rate,
    requests,
    duration_ms: round(elapsed_ms),
    queries_per_request: perRequest(stats.queries),
    rows_per_request: perRequest(stats.rows),
    bytes_per_request: perRequest(stats.bytes),
    peak_connections: measured.peak_connections,
    peak_in_use: measured.peak_in_use,
    // Only answered requests: errors are fast and would inflate the rate.
    requests_per_second: elapsed_ms > 0 ? round(((requests - stats.failed) * 1000) / elapsed_ms) : 0,
    latency_ms: {...atMost(times(stats.latency_us), stats.max_ms), max: round(stats.max_ms)},
    wait_ms: times(stats.wait_us),
    execute_ms: times(stats.execute_us),
    mean_query_wait_ms: perQuery(each => each.waited_ms),
    mean_query_execute_ms: perQuery(each => each.executed_ms),
    errors: errorsOf(stats),
    failures: [...stats.failures.values()].sort((a, b) => b.count - a.count),
    statements: statementsOf(statements, stats.requests),
    statement_count: statements.length,
    process_busy_ratio: round(measured.process_busy_ratio),
    harness_cores: elapsed_ms > 0 ? round(measured.cpu_ms / elapsed_ms) : null,
    harness_cpu_ms_per_query: stats.queries === 0 ? null : round(measured.cpu_ms / stats.queries),
    is_simulated: false,
  };
}

function times(histogram: Histogram): Record<'p50' | 'p95' | 'p99', number> {
  const at = (percentile: number) =>
    histogram.totalCount === 0 ? 0 : round(histogram.getValueAtPercentile(percentile) / 1000);
  return {p50: at(50), p95: at(95), p99: at(99)};
}

/** Caps percentiles: a histogram returns the upper end of a bucket, which may be 0.1 % above the maximum. */
function atMost({p50, p95, p99}: ReturnType<typeof times>, max_ms: number): ReplayTimes {
  const max = round(max_ms);
  return {p50: Math.min(p50, max), p95: Math.min(p95, max), p99: Math.min(p99, max)};
}

function errorsOf({failures}: RunStats): ReplayErrors {
  const errors: ReplayErrors = {pool_timeout: 0, too_many_connections: 0, other: 0, by_sqlstate: {}};
  for (const {kind, sqlstate, count} of failures.values()) {
    if (kind === 'pool_timeout' || kind === 'too_many_connections') errors[kind] += count;
    else if (kind !== 'leak') errors.other += count;
    if (sqlstate !== null) errors.by_sqlstate[sqlstate] = (errors.by_sqlstate[sqlstate] ?? 0) + count;
  }
  return errors;
}

/** Most expensive first. */
function statementsOf(statements: readonly StatementStats[], requests: number): ReplayStatement[] {
  return [...statements]
    .sort((a, b) => b.executed_ms - a.executed_ms)
    .slice(0, maxStatements)
    .map(each => ({
      query: each.text,
      line: each.line,
      calls: each.calls,
      calls_per_request: round(each.calls / Math.max(1, requests)),
      most_per_request: each.most_per_request,
      rows_per_call: round(each.rows / each.calls),
      bytes_per_call: round(each.bytes / each.calls),
      mean_wait_ms: round(each.waited_ms / each.calls),
      mean_execute_ms: round(each.executed_ms / each.calls),
      is_n_plus_one: each.most_per_request >= nPlusOneRepetitions && !isControl.test(each.text),
    }));
}

/** Rounds to 1 µs, the precision of the measurement. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Each case's result with the median throughput of several rounds, which ignores a disturbed round. */
export function medianOf(rounds: readonly (readonly ReplayResult[])[]): ReplayResult[] {
  const byCase = new Map<string, ReplayResult[]>();
  for (const result of rounds.flat()) {
    const key = `${result.variant} ${result.connection_limit} ${result.concurrency}`;
    byCase.set(key, [...(byCase.get(key) ?? []), result]);
  }
  return [...byCase.values()].flatMap(results => {
    const sorted = results.sort((a, b) => a.requests_per_second - b.requests_per_second);
    return sorted[sorted.length >> 1] ?? [];
  });
}

/** A limit suffices if it reaches this share of the best throughput ... */
const enoughThroughput = 0.95;
/** ... and its p95 is at most this many times the lowest p95 of such limits. */
const enoughLatency = 1.1;

/**
 * Recommends the knee: the lowest connection_limit beyond which more connections gain almost nothing. Uses the last
 * variant, the one to ship, at the highest measured concurrency. null for fewer than three measured limits.
 */
export function recommend(results: readonly ReplayResult[]): LimitRecommendation | null {
  const last = results.at(-1);
  if (last === undefined) return null;
  const maxConcurrency = Math.max(...results.map(({concurrency}) => concurrency));
  const measured = results
    .filter(
      ({variant, concurrency, is_simulated}) =>
        variant === last.variant && concurrency === maxConcurrency && !is_simulated,
    )
    .sort((a, b) => a.connection_limit - b.connection_limit);
  const answering = measured.filter(each => each.requests > failedOf(each));
  if (measured.length < 3 || answering.length === 0) return null;
  // Limits with failed requests only count if every limit has some.
  const eligible = answering.some(each => failedOf(each) === 0)
    ? answering.filter(each => failedOf(each) === 0)
    : answering;
  const maxThroughput = Math.max(...eligible.map(each => each.requests_per_second));
  const sufficient = eligible.filter(each => each.requests_per_second >= enoughThroughput * maxThroughput);
  const lowestP95 = Math.min(...sufficient.map(({latency_ms}) => latency_ms.p95));
  const knee =
    sufficient.find(({latency_ms}) => latency_ms.p95 <= enoughLatency * lowestP95) ?? sufficient[0];
  if (knee === undefined) return null;
  return {
    variant: knee.variant,
    connection_limit: knee.connection_limit,
    connections: knee.connection_limit * knee.instances,
    concurrency: knee.concurrency,
    requests_per_second: knee.requests_per_second,
    p95_ms: knee.latency_ms.p95,
    reason: reasonOf(knee, measured),
  };
}

function reasonOf(knee: ReplayResult, measured: readonly ReplayResult[]): string {
  const at = `connection_limit ${knee.connection_limit}${knee.instances > 1 ? ` on each of ${knee.instances} instances` : ''}`;
  const reached = `${at}: ${formatCount(knee.requests_per_second)} requests/s and p95 ${formatMs(knee.latency_ms.p95)} at ${knee.concurrency} users`;
  const above = measured.at(-1);
  const below = measured.filter(each => each.connection_limit < knee.connection_limit).at(-1);
  const less = below === undefined ? '' : `; ${below.connection_limit} gives ${describe(below)}`;
  if (above === undefined || above === knee) {
    return `${reached}${less}; it is the highest measured limit, so more may help: sweep further`;
  }
  return `${reached}${less}; higher limits gain almost nothing: ${above.connection_limit} gives ${describe(above)}`;
}

function describe(result: ReplayResult): string {
  const failed = failedOf(result);
  const errors = failed === 0 ? '' : `, ${formatCount(failed)} errors`;
  return `${formatCount(result.requests_per_second)}/s, p95 ${formatMs(result.latency_ms.p95)}${errors}`;
}

function failedOf({errors}: ReplayResult): number {
  return errors.pool_timeout + errors.too_many_connections + errors.other;
}

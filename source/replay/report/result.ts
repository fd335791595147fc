import type {Histogram} from 'hdr-histogram-js';
import type {ReplayErrors, ReplayResult, ReplayStatement, ReplayTimes} from '../../model/replay-report.ts';
import type {BenchmarkCase, Measured} from '../measure/measure.ts';
import type {RunStats} from '../measure/run-stats.ts';

/** A statement that one request sends at least this often from one line is reported as N+1. */
const nPlusOneRepetitions = 3;
/** Limits the statements of dynamic SQL. */
const maxStatements = 50;

/** Converts a measurement to the JSON contract. */
export function toResult(benchmark: BenchmarkCase, measured: Measured): ReplayResult {
  const {stats, elapsed_ms} = measured;
  const {requests} = stats;
  const perRequest = (total: number) => (requests === 0 ? 0 : round(total / requests));
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
    errors: errorsOf(stats),
    failures: [...stats.failures.values()].sort((a, b) => b.count - a.count),
    statements: statementsOf(stats),
    process_busy_ratio: round(measured.process_busy_ratio),
    is_simulated: false,
  };
}

function times(histogram: Histogram): ReplayTimes {
  const at = (percentile: number) =>
    histogram.totalCount === 0 ? 0 : round(histogram.getValueAtPercentile(percentile) / 1000);
  return {p50: at(50), p95: at(95), p99: at(99)};
}

/** Caps percentiles: a histogram returns the upper end of a bucket, which may be 0.1 % above the maximum. */
function atMost({p50, p95, p99}: ReplayTimes, max_ms: number): ReplayTimes {
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
function statementsOf(stats: RunStats): ReplayStatement[] {
  return [...stats.statements.values()]
    .flat()
    .filter(({calls}) => calls > 0)
    .sort((a, b) => b.executed_ms - a.executed_ms)
    .slice(0, maxStatements)
    .map(each => ({
      query: each.text,
      line: each.line,
      calls: each.calls,
      calls_per_request: round(each.calls / Math.max(1, stats.requests)),
      most_per_request: each.most_per_request,
      rows_per_call: round(each.rows / each.calls),
      bytes_per_call: round(each.bytes / each.calls),
      mean_wait_ms: round(each.waited_ms / each.calls),
      mean_execute_ms: round(each.executed_ms / each.calls),
      is_n_plus_one: each.most_per_request >= nPlusOneRepetitions,
    }));
}

/** Rounds to 1 µs, the precision of the measurement. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

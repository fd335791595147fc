import {formatCount, formatMs} from '../../core/text/format.ts';
import type {LimitRecommendation, ReplayResult} from '../../model/replay-report.ts';

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

function reasonOf(knee: ReplayResult, measured: readonly ReplayResult[]): string {
  const at = `connection_limit ${knee.connection_limit}${knee.instances > 1 ? ` on each of ${knee.instances} instances` : ''}`;
  const reached = `${at}: ${formatCount(knee.requests_per_second)} requests/s and p95 ${formatMs(knee.latency_ms.p95)} at ${knee.concurrency} users`;
  const above = measured.at(-1);
  const below = measured.filter(each => each.connection_limit < knee.connection_limit).at(-1);
  const less = below === undefined ? '' : `; ${below.connection_limit} gives ${describe(below)}`;
  if (above === undefined || above === knee) {
    return `${reached}${less}; it is the highest measured limit, so more may help: sweep further`;
  }
  return `${reached}${less}; more gain almost nothing: ${above.connection_limit} gives ${describe(above)}`;
}

function describe(result: ReplayResult): string {
  const failed = failedOf(result);
  const errors = failed === 0 ? '' : `, ${formatCount(failed)} errors`;
  return `${formatCount(result.requests_per_second)}/s, p95 ${formatMs(result.latency_ms.p95)}${errors}`;
}

function failedOf({errors}: ReplayResult): number {
  return errors.pool_timeout + errors.too_many_connections + errors.other;
}

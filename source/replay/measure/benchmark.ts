import {AbortError} from '../../core/errors.ts';
import {randomFrom} from '../../core/random.ts';
import {counted, formatCount, formatRatio} from '../../core/text/format.ts';
import type {ReplayResult} from '../../model/replay-report.ts';
import type {Variant} from '../endpoint/endpoint.ts';
import type {Guard, Room} from './guard.ts';
import type {Load} from './load.ts';
import type {BenchmarkCase, Measured, MeasureOptions, Progress} from './measure.ts';
import {toResult} from './results.ts';

/** Measures every variant at every connection_limit and concurrency. */
export type BenchmarkMatrix = Omit<Load, 'concurrency'> & {
  variants: readonly Pick<Variant, 'name'>[];
  connection_limits: readonly number[];
  concurrencies: readonly number[];
  instances: number;
  warm_up_ms: number;
  seed: number;
};

/** What differs from case to case. */
export type CaseOptions = Pick<MeasureOptions, 'random' | 'countSessions' | 'signal' | 'onProgress'>;

export type BenchmarkOptions = {
  guard: Guard;
  signal: AbortSignal;
  /** Measures one case. */
  measure(benchmark: BenchmarkCase, options: CaseOptions): Promise<Measured>;
  /** Runs the endpoint's setup before each variant; returns why it failed, or null. */
  setUp?(connection_limit: number, signal: AbortSignal): Promise<string | null>;
  onCase?: (benchmark: BenchmarkCase, position: {index: number; of: number}) => void;
  onProgress?: (benchmark: BenchmarkCase, progress: Progress) => void;
  onResult?: (result: ReplayResult) => void;
};

export type BenchmarkResult = {
  results: ReplayResult[];
  notes: string[];
  is_complete: boolean;
};

/**
 * Measures case by case. A case that cannot be measured becomes a note: its variant's requests all fail, or the server has
 * too few slots for its connection_limit. If the signal aborts, returns the results so far.
 */
export async function runBenchmark(
  matrix: BenchmarkMatrix,
  options: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const {guard} = options;
  const signal = AbortSignal.any([options.signal, guard.signal]);
  const result: BenchmarkResult = {results: [], notes: [], is_complete: true};
  const cases = casesOf(matrix);
  const skipped = new Set<BenchmarkCase['variant']>();
  const skip = ({variant}: BenchmarkCase, reason: string) => {
    skipped.add(variant);
    result.notes.push(`${variant.name}: ${reason}`);
    result.is_complete = false;
  };
  for (const [index, benchmark] of cases.entries()) {
    if (signal.aborted) break;
    if (skipped.has(benchmark.variant)) continue;
    const room = await guard.room().catch(() => null);
    if (room === null) {
      guard.lose();
      break;
    }
    if (benchmark.connection_limit * benchmark.instances > room.connections) {
      const note = noRoom(benchmark, room);
      if (!result.notes.includes(note)) result.notes.push(note);
      result.is_complete = false;
      continue;
    }
    options.onCase?.(benchmark, {index, of: cases.length});
    const measured = await measureCase(benchmark, matrix.seed, {...options, signal});
    if (typeof measured === 'string') {
      skip(benchmark, measured);
      continue;
    }
    result.results.push(measured);
    options.onResult?.(measured);
    result.notes.push(...unmetRateNote(measured));
    if (failsAlways(measured)) skip(benchmark, 'all its requests failed, so it is not measured further');
  }
  const busiest = Math.max(0, ...result.results.map(each => each.process_busy_ratio));
  if (busiest > busyProcess) result.notes.push(busyProcessNote(busiest));
  const reason = guard.reason();
  if (reason !== null) result.notes.push(reason);
  if (signal.aborted) result.is_complete = false;
  return result;
}

/** The case's result, or why its variant cannot be measured. */
async function measureCase(
  benchmark: BenchmarkCase & {isFirst: boolean},
  seed: number,
  options: BenchmarkOptions,
): Promise<ReplayResult | string> {
  const {signal, measure, setUp} = options;
  try {
    const problem = benchmark.isFirst ? await setUp?.(benchmark.connection_limit, signal) : null;
    if (typeof problem === 'string') return `skipped, its setup failed: ${problem}`;
    const measured = await measure(benchmark, {
      signal,
      // Each case gets the same requests in the same order.
      random: randomFrom(seed),
      countSessions: options.guard.count,
      onProgress: progress => options.onProgress?.(benchmark, progress),
    });
    const {requests, failed, queries} = measured.stats;
    return queries === 0 && requests > failed ? noQuery : toResult(benchmark, measured);
  } catch (error) {
    if (error instanceof AbortError) return error.message;
    throw error;
  }
}

function casesOf(matrix: BenchmarkMatrix): (BenchmarkCase & {isFirst: boolean})[] {
  const {variants, connection_limits, concurrencies, instances, warm_up_ms} = matrix;
  const {requests, duration_ms, rate} = matrix;
  return variants.flatMap(variant =>
    connection_limits.flatMap((connection_limit, limitIndex) =>
      concurrencies.map((concurrency, index) => ({
        variant,
        connection_limit,
        concurrency,
        instances,
        warm_up_ms,
        requests,
        duration_ms,
        rate,
        isFirst: limitIndex === 0 && index === 0,
      })),
    ),
  );
}

const noQuery =
  'not measured: its requests sent no query through the measured client (prisma, sql or a pg pool)';

/** Above this, poolctl's own process may be the limit instead of the server. */
export const busyProcess = 0.9;

function busyProcessNote(ratio: number): string {
  return `poolctl's own process was busy ${formatRatio(ratio, 0)} of the time: the server may handle more than was measured`;
}

/** Fewer answers than expected are chance within this many standard deviations of Poisson arrivals. */
const sigmas = 3;

/**
 * Arrivals are random: fewer answers than the rate are reported as a queue only if chance does not explain them and the
 * longest response time is at least half of what the missing answers would take.
 */
function unmetRateNote(result: ReplayResult): string[] {
  const {variant, connection_limit, rate_per_second, requests_per_second, latency_ms, duration_ms} = result;
  if (rate_per_second === null) return [];
  const expected = (rate_per_second * duration_ms) / 1000;
  const missing = expected - result.requests;
  const backlog_ms = (missing * 1000) / rate_per_second;
  if (missing < sigmas * Math.sqrt(expected) || (latency_ms.max ?? 0) < backlog_ms / 2) return [];
  return [
    `${variant} at connection_limit ${connection_limit}: ${formatCount(rate_per_second)} requests/s arrived, ${formatCount(requests_per_second)}/s were answered: the queue and the response times grew until the end`,
  ];
}

/** Failures for lack of connections do not count: another connection_limit may avoid them. */
function failsAlways({requests, errors}: ReplayResult): boolean {
  return requests > 0 && errors.other === requests;
}

function noRoom({variant, connection_limit, instances}: BenchmarkCase, room: Room): string {
  if (room.connections < 1) return `skipped: ${room.reason}; free some first (kill-idle-sessions)`;
  const connections = counted(connection_limit, 'connection');
  const needed = instances === 1 ? connections : `${instances} x ${connections}`;
  return `${variant.name} at connection_limit ${connection_limit}: skipped, it needs ${needed}, and ${room.connections} may be opened: ${room.reason}`;
}

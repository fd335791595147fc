import {decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram} from 'hdr-histogram-js';
import type {Measured} from './measure.ts';
import {createTally, noteKind, statementTally, type Tally} from './run-stats.ts';

const histograms = ['latency_us', 'wait_us', 'execute_us'] as const;
const sums = ['requests', 'failed', 'queries', 'rows', 'bytes'] as const;

/** A measurement as it goes from process to process, as JSON. */
export type PackedMeasured = Omit<Measured, 'tally'> & {
  tally: Omit<Tally, (typeof histograms)[number] | 'statements' | 'failures'> & {
    histograms: Record<(typeof histograms)[number], string>;
    statements: ReturnType<typeof statementTally>[];
    failures: (Parameters<typeof noteKind>[1] & {count: number})[];
  };
};

export function packMeasured({tally, ...rest}: Measured): PackedMeasured {
  const {latency_us, wait_us, execute_us, statements, failures, ...numbers} = tally;
  return {
    ...rest,
    tally: {
      ...numbers,
      histograms: {
        latency_us: encodeIntoCompressedBase64(latency_us),
        wait_us: encodeIntoCompressedBase64(wait_us),
        execute_us: encodeIntoCompressedBase64(execute_us),
      },
      statements: [...statements.values()].flat(),
      failures: [...failures.values()],
    },
  };
}

/** One measurement of what ran at the same time in several processes; how many sessions there were is not in it. */
export function mergeMeasured(parts: readonly PackedMeasured[]): Measured {
  const tally = createTally();
  for (const part of parts) addTally(tally, part.tally);
  return {
    tally,
    elapsed_ms: Math.max(...parts.map(({elapsed_ms}) => elapsed_ms)),
    peak_connections: null,
    peak_in_use: parts.reduce((sum, {peak_in_use}) => sum + peak_in_use, 0),
    process_busy_ratio: Math.max(...parts.map(({process_busy_ratio}) => process_busy_ratio)),
    isComplete: parts.every(({isComplete}) => isComplete),
  };
}

function addTally(tally: Tally, part: PackedMeasured['tally']): void {
  for (const name of histograms) addHistogram(tally[name], part.histograms[name]);
  for (const name of sums) tally[name] += part[name];
  tally.max_ms = Math.max(tally.max_ms, part.max_ms);
  tally.execute_ms.push(...part.execute_ms);
  for (const {text, line, most_per_request, ...counts} of part.statements) {
    const statement = statementTally(tally, text, line);
    statement.calls += counts.calls;
    statement.rows += counts.rows;
    statement.bytes += counts.bytes;
    statement.waited_ms += counts.waited_ms;
    statement.executed_ms += counts.executed_ms;
    statement.requests += counts.requests;
    statement.most_per_request = Math.max(statement.most_per_request, most_per_request);
  }
  for (const {count, ...failure} of part.failures) noteKind(tally, failure, count);
}

function addHistogram(to: Histogram, packed: string): void {
  const histogram = decodeFromCompressedBase64(packed, 32, false);
  // An empty one has nothing to add, and no highest value to begin from.
  if (histogram.totalCount > 0) to.add(histogram as Parameters<Histogram['add']>[0]);
}

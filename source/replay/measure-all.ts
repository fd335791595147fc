import {formatRatio} from '../core/format.ts';
import type {ReplayResult} from '../core/replay.ts';
import type {Variant} from './endpoint.ts';
import type {Guard} from './guard.ts';
import type {Load} from './load.ts';
import {type Cell, type MeasureOptions, measure, type Progress} from './measure.ts';
import {setUp} from './measure-instance.ts';
import {randomFrom} from './measure-random.ts';
import {toResult} from './report-result.ts';

/** Every variant at every connection_limit and every concurrency. */
export type Matrix = Omit<Load, 'concurrency'> & {
  variants: readonly Variant[];
  connection_limits: readonly number[];
  concurrencies: readonly number[];
  instances: number;
  warm_up_ms: number;
  seed: number;
};

export type MatrixOptions = Omit<MeasureOptions, 'random' | 'countSessions' | 'onProgress'> & {
  guard: Guard;
  onCell?: (cell: Cell, place: {index: number; of: number}) => void;
  onProgress?: (cell: Cell, progress: Progress) => void;
  onResult?: (result: ReplayResult) => void;
};

export type MatrixResult = {
  results: ReplayResult[];
  notes: string[];
  is_complete: boolean;
};

/**
 * Measures cell by cell. What cannot be measured is a note, and the rest stands: a variant that fails from its first
 * request on, a connection_limit for which the server has no room. Ends early, with what there is, by the signal.
 */
export async function measureAll(matrix: Matrix, options: MatrixOptions): Promise<MatrixResult> {
  const {guard} = options;
  const signal = AbortSignal.any([options.signal, guard.signal]);
  const result: MatrixResult = {results: [], notes: [], is_complete: true};
  const cells = cellsOf(matrix);
  const givenUp = new Set<Variant>();
  for (const [index, cell] of cells.entries()) {
    if (signal.aborted) break;
    if (givenUp.has(cell.variant)) continue;
    const wanted = cell.connection_limit * cell.instances;
    const room = await guard.room();
    if (wanted > room) {
      result.notes.push(noRoom(cell, room));
      result.is_complete = false;
      continue;
    }
    options.onCell?.(cell, {index, of: cells.length});
    // The same requests in the same order for each cell.
    const random = randomFrom(matrix.seed);
    const own: MeasureOptions = {
      ...options,
      signal,
      random,
      countSessions: guard.count,
      onProgress: progress => options.onProgress?.(cell, progress),
    };
    const problem = cell.isFirst ? await setUp(cell, own) : null;
    if (problem !== null) {
      givenUp.add(cell.variant);
      result.notes.push(`${cell.variant.name}: left out, its setup failed: ${problem}`);
      result.is_complete = false;
      continue;
    }
    const measured = toResult(cell, await measure(cell, own));
    result.results.push(measured);
    options.onResult?.(measured);
    if (failsAlways(measured)) {
      givenUp.add(cell.variant);
      result.notes.push(`${cell.variant.name}: no request of it succeeds, so it is not measured further`);
      result.is_complete = false;
    }
  }
  const busiest = Math.max(0, ...result.results.map(each => each.process_busy_ratio));
  if (busiest > busyProcess) result.notes.push(processIsBusy(busiest));
  const reason = guard.reason();
  if (reason !== null) result.notes.push(reason);
  if (signal.aborted) result.is_complete = false;
  return result;
}

export function cellsOf(matrix: Matrix): (Cell & {isFirst: boolean})[] {
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

/** From here on this process, and not the server, may be what is measured. */
const busyProcess = 0.9;

function processIsBusy(ratio: number): string {
  return `poolctl itself was busy ${formatRatio(ratio, 0)} of the time: at that load a server may do more than was measured`;
}

/** Not for want of connections, which another connection_limit may mend. */
function failsAlways({requests, errors}: ReplayResult): boolean {
  return requests > 0 && errors.other === requests;
}

function noRoom({variant, connection_limit, instances}: Cell, room: number): string {
  const wanted = instances === 1 ? `${connection_limit}` : `${instances} x ${connection_limit}`;
  return `${variant.name} at connection_limit ${connection_limit}: left out, it wants ${wanted} connections and the server has room for ${room} besides what others and its reserve need`;
}

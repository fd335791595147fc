import {AbortError} from '../../core/errors.ts';
import {counted, formatCount, formatRatio} from '../../core/text/format.ts';
import type {ReplayResult} from '../../model/replay-report.ts';
import type {Variant} from '../endpoint/endpoint.ts';
import {toResult} from '../report/result.ts';
import type {Guard} from './guard.ts';
import {setUp} from './instance.ts';
import type {Load} from './load.ts';
import {type Cell, type MeasureOptions, measure, type Progress} from './measure.ts';
import {randomFrom} from './random.ts';

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
  /** How one cell is measured, where not in this process alone. */
  measure?: typeof measure;
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
  const giveUp = ({variant}: Cell, why: string) => {
    givenUp.add(variant);
    result.notes.push(`${variant.name}: ${why}`);
    result.is_complete = false;
  };
  for (const [index, cell] of cells.entries()) {
    if (signal.aborted) break;
    if (givenUp.has(cell.variant)) continue;
    const room = await guard.room();
    if (cell.connection_limit * cell.instances > room) {
      const note = room < 1 ? noRoomAtAll : noRoom(cell, room);
      if (!result.notes.includes(note)) result.notes.push(note);
      result.is_complete = false;
      continue;
    }
    options.onCell?.(cell, {index, of: cells.length});
    const measured = await measureCell(cell, matrix.seed, {...options, signal});
    if (typeof measured === 'string') {
      giveUp(cell, measured);
      continue;
    }
    result.results.push(measured);
    options.onResult?.(measured);
    result.notes.push(...unmetRate(measured));
    if (failsAlways(measured)) giveUp(cell, 'no request of it succeeds, so it is not measured further');
  }
  const busiest = Math.max(0, ...result.results.map(each => each.process_busy_ratio));
  if (busiest > busyProcess) result.notes.push(processIsBusy(busiest));
  const reason = guard.reason();
  if (reason !== null) result.notes.push(reason);
  if (signal.aborted) result.is_complete = false;
  return result;
}

/** The cell's result, or why its variant cannot be measured. */
async function measureCell(
  cell: Cell & {isFirst: boolean},
  seed: number,
  options: MatrixOptions,
): Promise<ReplayResult | string> {
  const own: MeasureOptions = {
    ...options,
    // The same requests in the same order for each cell.
    random: randomFrom(seed),
    countSessions: options.guard.count,
    onProgress: progress => options.onProgress?.(cell, progress),
  };
  const problem = cell.isFirst ? await setUp(cell, own) : null;
  if (problem !== null) return `left out, its setup failed: ${problem}`;
  try {
    const measured = await (options.measure ?? measure)(cell, own);
    const {requests, failed, queries} = measured.tally;
    return queries === 0 && requests > failed ? noQuery : toResult(cell, measured);
  } catch (error) {
    if (error instanceof AbortError) return error.message;
    throw error;
  }
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

const noQuery =
  'not measured: its requests were answered, and sent no query through the measured client (prisma, sql, a pool of pg)';

/** From here on this process, and not the server, may be what is measured. */
const busyProcess = 0.9;

function processIsBusy(ratio: number): string {
  return `poolctl itself was busy ${formatRatio(ratio, 0)} of the time: at that load a server may do more than was measured`;
}

/** Below it the queue of what has come grows all the time, and the times tell how long the measurement was. */
const metShare = 0.95;

function unmetRate({
  variant,
  connection_limit,
  rate_per_second,
  requests_per_second,
}: ReplayResult): string[] {
  if (rate_per_second === null || requests_per_second >= metShare * rate_per_second) return [];
  return [
    `${variant} at connection_limit ${connection_limit}: ${formatCount(rate_per_second)} requests a second came and ${formatCount(requests_per_second)} were answered: they queued before they were sent, longer and longer`,
  ];
}

/** Not for want of connections, which another connection_limit may mend. */
function failsAlways({requests, errors}: ReplayResult): boolean {
  return requests > 0 && errors.other === requests;
}

const noRoomAtAll =
  'left out: the server has no room for one more connection besides what others and its reserve need; free some first (kill-idle-sessions)';

function noRoom({variant, connection_limit, instances}: Cell, room: number): string {
  const connections = counted(connection_limit, 'connection');
  const wanted = instances === 1 ? connections : `${instances} x ${connections}`;
  return `${variant.name} at connection_limit ${connection_limit}: left out, it wants ${wanted} and the server has room for ${room} besides what others and its reserve need`;
}

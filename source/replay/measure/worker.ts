import type {Endpoint} from '../endpoint/endpoint.ts';
import {takeRefusals} from '../sandbox/outbound.ts';
import {type Cell, type MeasureOptions, measure, type Progress} from './measure.ts';
import {type PackedMeasured, packMeasured} from './merge.ts';
import {randomFrom} from './random.ts';
import {watchStrayRejections} from './unhandled-rejections.ts';

/** What a measuring process is told. `assignment` is what its options are made of, and the same each time. */
export type WorkerTask<Assignment> =
  | {kind: 'measure'; assignment: Assignment; cell: WorkerCell; seed: number}
  /** All of them are ready: from now on it counts. */
  | {kind: 'go'}
  | {kind: 'stop'};
type WorkerCell = Omit<Cell, 'variant'> & {variant: string};

/** What it answers. */
export type WorkerReport =
  | {kind: 'ready'}
  | {kind: 'progress'; progress: Progress}
  | {kind: 'measured'; measured: PackedMeasured; notes: string[]; refusals: string[]}
  | {kind: 'failed'; message: string};

export type WorkerOptions = Pick<
  MeasureOptions,
  'endpoint' | 'connection' | 'pool_timeout_ms' | 'allowWrites' | 'Pool' | 'openPrisma' | 'patience_ms'
>;

/** The process's own end: carries out what it is told, one measurement at a time; the sessions are counted elsewhere. */
export function createWorker<Assignment>(
  open: (assignment: Assignment) => Promise<WorkerOptions>,
  report: (report: WorkerReport) => void,
): (task: WorkerTask<Assignment>) => void {
  let opened: Promise<WorkerOptions> | null = null;
  let go = () => {};
  let controller = new AbortController();
  const run = async ({assignment, cell, seed}: Extract<WorkerTask<Assignment>, {kind: 'measure'}>) => {
    controller = new AbortController();
    const {signal} = controller;
    opened ??= open(assignment);
    const options = await opened;
    const stray = watchStrayRejections(options.endpoint.file);
    const measured = await measure(withVariant(cell, options.endpoint), {
      ...options,
      signal,
      random: randomFrom(seed),
      countSessions: async () => null,
      onProgress: progress => report({kind: 'progress', progress}),
      onWarm: () =>
        new Promise(resolve => {
          go = resolve;
          if (signal.aborted) resolve();
          report({kind: 'ready'});
        }),
    });
    report({
      kind: 'measured',
      measured: packMeasured(measured),
      notes: stray.end(),
      refusals: takeRefusals(),
    });
  };
  return task => {
    if (task.kind === 'stop') controller.abort();
    if (task.kind !== 'measure') return go();
    run(task).catch(error =>
      report({kind: 'failed', message: error instanceof Error ? error.message : String(error)}),
    );
  };
}

function withVariant(cell: WorkerCell, {variants, file}: Endpoint): Cell {
  const variant = variants.find(({name}) => name === cell.variant);
  if (variant === undefined) throw new Error(`${file} has no variant "${cell.variant}" any more`);
  return {...cell, variant};
}

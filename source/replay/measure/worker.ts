import type {Endpoint} from '../endpoint/endpoint.ts';
import {takeRefusals} from '../sandbox/outbound.ts';
import type {InstanceOptions} from './instance.ts';
import {randomFrom} from './load.ts';
import {type BenchmarkCase, type MeasureOptions, measure, type Progress} from './measure.ts';
import {type PackedMeasured, packMeasured} from './shares.ts';
import {collectUnhandledRejections} from './unhandled-rejections.ts';

/** A message to a worker process. `assignment`, from which the worker opens its options, is the same each time. */
export type WorkerTask<Assignment> =
  | {kind: 'measure'; assignment: Assignment; benchmark: WorkerCase; seed: number}
  /** All processes have warmed up: start counting. */
  | {kind: 'go'}
  | {kind: 'stop'};
type WorkerCase = Omit<BenchmarkCase, 'variant'> & {variant: string};

/** A message from a worker process. */
export type WorkerReport =
  | {kind: 'ready'}
  | {kind: 'progress'; progress: Progress}
  | {kind: 'measured'; measured: PackedMeasured; notes: string[]; refusals: string[]}
  | {kind: 'failed'; message: string};

export type WorkerOptions = InstanceOptions & Pick<MeasureOptions, 'hang_timeout_ms'>;

/** Handles the tasks of a worker process, one measurement at a time. */
export function createWorker<Assignment>(
  open: (assignment: Assignment) => Promise<WorkerOptions>,
  report: (report: WorkerReport) => void,
): (task: WorkerTask<Assignment>) => void {
  let opened: Promise<WorkerOptions> | null = null;
  let go = () => {};
  let controller = new AbortController();
  const run = async ({
    assignment,
    benchmark,
    seed,
  }: Extract<WorkerTask<Assignment>, {kind: 'measure'}>): Promise<void> => {
    controller = new AbortController();
    const {signal} = controller;
    opened ??= open(assignment);
    const options = await opened;
    const rejections = collectUnhandledRejections(options.endpoint.file);
    const measured = await measure(withVariant(benchmark, options.endpoint), {
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
      notes: rejections.end(),
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

function withVariant(benchmark: WorkerCase, {variants, file}: Endpoint): BenchmarkCase {
  const variant = variants.find(({name}) => name === benchmark.variant);
  if (variant === undefined) throw new Error(`${file} no longer has a variant "${benchmark.variant}"`);
  return {...benchmark, variant};
}

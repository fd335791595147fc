import type {Clock, Executor} from '../../model/ports.ts';
import type {StepProgress, StepResult} from '../../model/run.ts';
import type {FileStep, Measure, Pins, SqlStep, Step} from '../../model/step.ts';
import {AbortError, BugError, exitCodes} from '../errors.ts';
import {
  type Execution,
  executeSql,
  failedResult,
  messageOf,
  outcomeUnknown,
  skippedResult,
  verify,
} from './execute-sql.ts';
import {applyChange} from './file-change.ts';
import {anyAborted, type Interruption, NoAnswerError, StopRun} from './interruption.ts';
import type {StepPorts} from './ports.ts';

/** What a step is at while it is carried out. */
export type StepChange = {status: 'acting'; progress: StepProgress | null} | {status: 'verifying'};

/** How often a long act is asked how far it is. */
const progressEveryMs = 500;

/**
 * Carries one step out, whose intent is on disk: yields what it is at and returns its result. Throws StopRun where
 * nobody can tell what happened or no further step can succeed.
 */
export async function* executeStep(
  step: Step,
  ports: StepPorts,
  interruption: Interruption,
): AsyncGenerator<StepChange, StepResult> {
  if (step.kind === 'advice') return skippedResult('advice: for a person to carry out');
  if (step.kind === 'file') return changeFile(step, ports);
  const before = await measuredBefore(step, ports.executor, interruption);
  const acting = executeSql(step, ports.executor, interruption);
  yield* followProgress(step, acting, ports, interruption);
  const acted = await acting;
  if (acted.kind === 'refused') {
    if (acted.stop) throw new StopRun(acted.stop, acted.result);
    return acted.result;
  }
  if (acted.kind === 'done' && acted.row_count === 0) {
    return skippedResult(`${acted.objection ?? 'changed since the preview'}: skipped`);
  }
  yield {status: 'verifying'};
  const verified = await verify(step, acted, ports.executor, interruption);
  const pins = await pinsOf(step, acted, ports.executor);
  const result = pins === null ? verified : {...verified, pins};
  if (step.measures === undefined) return result;
  const after = interruption.requested.aborted ? [] : await measure(step.measures, ports.executor);
  const measures = step.measures.map(({name}, index) => ({
    name,
    before: before[index] ?? null,
    after: after[index] ?? null,
  }));
  return {...result, measures};
}

/** Measuring takes a while; who interrupts it wants no act after it. Throws StopRun. */
async function measuredBefore(
  {measures}: SqlStep,
  executor: Executor,
  interruption: Interruption,
): Promise<(string | null)[]> {
  if (measures === undefined) return [];
  const before = await interruption.waitFor(measure(measures, executor)).catch(() => []);
  if (!interruption.requested.aborted) return before;
  throw new StopRun(
    {status: 'interrupted', reason: 'interrupted'},
    skippedResult('interrupted before it began'),
  );
}

/** Where the act was cut off, they are read of what it is found to have made. */
async function pinsOf(
  {pins}: SqlStep,
  acted: Exclude<Execution, {kind: 'refused'}>,
  executor: Executor,
): Promise<Pins | null> {
  if (pins === undefined) return null;
  if (acted.kind === 'done') return acted.pins ?? null;
  const [row] = await executor.read(pins, measureWithinMs).catch(() => []);
  return row === undefined ? null : (row as Pins);
}

/** A cancel that came between two statements of the act is lost: it is sent again. */
const cancelEveryMs = 2000;

/**
 * Until the act is over: tells how far it is, where the server says so. An interruption cancels it: one that may take
 * hours at once, others when they had their time. Throws StopRun where the server answers no more.
 */
async function* followProgress(
  step: SqlStep,
  acting: Promise<unknown>,
  {executor, clock, progress}: StepPorts,
  interruption: Interruption,
): AsyncGenerator<StepChange> {
  const ended = new AbortController();
  const end = () => ended.abort();
  acting.then(end, end);
  const cancelDue = step.progress === undefined ? interruption.cancelDue : interruption.requested;
  let cancelling: Promise<void> | null = null;
  for (;;) {
    if (step.progress === undefined) await anyAborted(ended.signal, cancelDue);
    else await clock.sleep(progressEveryMs, AbortSignal.any([ended.signal, cancelDue])).catch(() => {});
    if (cancelDue.aborted && !ended.signal.aborted) {
      cancelling = cancelUntil(ended.signal, executor, {clock, interruption});
      break;
    }
    if (ended.signal.aborted) return;
    const seen = (await progress?.(step).catch(() => null)) ?? null;
    yield {status: 'acting', progress: seen};
  }
  try {
    // What is verified and swept on the same connection must not meet a cancel on its way.
    await interruption.waitFor(Promise.all([acting, cancelling]));
  } catch (error) {
    if (error instanceof NoAnswerError) throw outcomeUnknown(error.message, interruption);
    throw error;
  }
}

/** Never rejects. */
async function cancelUntil(
  ended: AbortSignal,
  executor: Executor,
  {clock, interruption}: {clock: Clock; interruption: Interruption},
): Promise<void> {
  while (!ended.aborted && !interruption.expired.aborted) {
    await executor.cancel().catch(() => {});
    await clock.sleep(cancelEveryMs, AbortSignal.any([ended, interruption.expired])).catch(() => {});
  }
}

async function changeFile(step: FileStep, {files}: StepPorts): Promise<StepResult> {
  if (files === undefined) throw new BugError('no port carries out file steps');
  try {
    const {path, change} = step;
    const before = await files.read(path);
    const after = applyChange(before, change);
    const folder = 'folder' in change ? change.folder : undefined;
    if (after === undefined || !(await files.replace(path, {before, after, folder}))) {
      return skippedResult('the file changed since the preview: skipped');
    }
    const isThere = (await files.read(path)) === after;
    const result = {row_count: 1, sqlstate: null, message: null, duration_ms: 0};
    return {...result, outcome: isThere ? 'verified' : 'applied'};
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    const result = failedResult(null, messageOf(error));
    return error.hint === undefined ? result : {...result, hint: error.hint};
  }
}

async function measure(measures: Measure[] = [], executor: Executor): Promise<(string | null)[]> {
  const values: (string | null)[] = [];
  for (const each of measures) {
    const lines = await measureLines(each, executor).catch(() => null);
    values.push(lines === null ? null : lines.join('\n'));
  }
  return values;
}

async function measureLines({query, kind}: Measure, executor: Executor): Promise<string[] | null> {
  if (kind === 'plan') {
    const plan = await executor.explain?.(query.text);
    // Of a view or a partial index: what a plan quotes is somebody's data, and the journal keeps none.
    return plan?.map(line => line.replace(/'(?:[^']|'')*'/g, '?')) ?? null;
  }
  const rows = await executor.read(query, measureWithinMs);
  return rows.map(row => String(Object.values(row)[0] ?? ''));
}

const measureWithinMs = 5000;

/** Where the run itself may not go on: its step has its result all the same. */
export function resultOf(error: unknown): StepResult | null {
  return error instanceof StopRun ? error.result : null;
}

/** A world that moved before anything was done is a drift, afterwards an incomplete run. */
export function planDrifted(reason: string, isUntouched: boolean): StopRun {
  return new StopRun({status: 'stopped', reason, ...(isUntouched && {exit_code: exitCodes.drift})});
}

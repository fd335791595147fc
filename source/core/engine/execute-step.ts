import type {Clock, Executor, StepPorts} from '../../model/ports.ts';
import type {StepProgress, StepResult} from '../../model/run.ts';
import type {FileStep, Measure, Pins, SqlStep, Step} from '../../model/step.ts';
import {AbortError, BugError, exitCodes} from '../errors.ts';
import {messageOf} from '../text/redact.ts';
import {
  type Execution,
  executeSql,
  failedResult,
  isMet,
  outcomeUnknown,
  skippedResult,
  verify,
} from './execute-sql.ts';
import {anyAborted, type Interruption, NoAnswerError, StopRun} from './interruption.ts';
import {applyChange, invertChange} from './step.ts';

/** What an executing step is doing. */
export type StepChange = {status: 'acting'; progress: StepProgress | null} | {status: 'verifying'};

/** How often the progress of a long step is read. */
const progressEveryMs = 500;

/**
 * Executes one step whose intent is on disk; yields its progress and returns its result. Throws StopRun if the outcome is
 * unknown or no further step can succeed.
 */
export async function* executeStep(
  step: Step,
  ports: StepPorts,
  interruption: Interruption,
): AsyncGenerator<StepChange, StepResult> {
  if (step.kind === 'advice') return skippedResult('advice: to be done by hand');
  if (step.kind === 'file') return changeFile(step, ports);
  const before = await measuredBefore(step, ports.executor, interruption);
  const acting = executeSql(step, ports.executor, interruption);
  yield* followProgress(step, acting, ports, interruption);
  const execution = await acting;
  if (execution.kind === 'refused') {
    if (execution.stop) throw new StopRun(execution.stop, execution.result);
    return execution.result;
  }
  if (execution.kind === 'done' && execution.row_count === 0) {
    const why = `${execution.objection ?? 'changed since the preview'}: skipped`;
    return skippedResult(why, await isMet(step, ports.executor, interruption));
  }
  yield {status: 'verifying'};
  const verified = await verify(step, execution, ports.executor, interruption);
  const pins = await pinsOf(step, execution, ports.executor);
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

/** Values of the step's measures. Throws StopRun if interrupted meanwhile, so that the step is not executed. */
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
    skippedResult('interrupted before it started'),
  );
}

/** What the step's `pins` returned; read again if the connection was lost. */
async function pinsOf(
  {pins}: SqlStep,
  execution: Exclude<Execution, {kind: 'refused'}>,
  executor: Executor,
): Promise<Pins | null> {
  if (pins === undefined) return null;
  if (execution.kind === 'done') return execution.pins ?? null;
  const [row] = await executor.read(pins, measureWithinMs).catch(() => []);
  return row === undefined ? null : (row as Pins);
}

/** A cancel that arrives between two statements of a step has no effect, so it is repeated. */
const cancelEveryMs = 2000;

/**
 * Yields progress until `acting` settles. An interruption cancels it: immediately if it may take hours, else when `cancelDue`
 * aborts. Throws StopRun if the server does not answer.
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
    // A cancel still in flight would hit the verification or cleanup on the same connection.
    await interruption.waitFor(Promise.all([acting, cancelling]));
  } catch (error) {
    if (error instanceof NoAnswerError) throw outcomeUnknown(error.message, interruption);
    throw error;
  }
}

/** Repeats the cancel until the step has ended. Never rejects. */
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
  if (files === undefined) throw new BugError('no port for file steps');
  try {
    const {path, change} = step;
    const before = await files.read(path);
    const after = applyChange(before, change);
    const folder = 'folder' in change ? change.folder : undefined;
    if (after === undefined || !(await files.replace(path, {before, after, folder}))) {
      const isThere = applyChange(before, invertChange(change)) !== undefined;
      return skippedResult('the file changed since the preview: skipped', isThere);
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
    // A plan quotes literals of views and partial indexes; the journal stores no data.
    return plan?.map(line => line.replace(/'(?:[^']|'')*'/g, '?')) ?? null;
  }
  const rows = await executor.read(query, measureWithinMs);
  return rows.map(row => String(Object.values(row)[0] ?? ''));
}

const measureWithinMs = 5000;

/** The step's result carried by a StopRun; null if it has none. */
export function resultOf(error: unknown): StepResult | null {
  return error instanceof StopRun ? error.result : null;
}

/** The StopRun for a plan that no longer holds: exit 6 if nothing was executed yet. */
export function planDrifted(reason: string, isUnchanged: boolean): StopRun {
  return new StopRun({status: 'stopped', reason, ...(isUnchanged && {exit_code: exitCodes.drift})});
}

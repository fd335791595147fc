import type {ExecutionResult, Executor} from '../../model/ports.ts';
import type {StepResult} from '../../model/run.ts';
import type {SqlStep} from '../../model/step.ts';
import {AbortError, exitCodes} from '../errors.ts';
import {messageOf} from '../text/redact.ts';
import type {Interruption} from './interruption.ts';
import {type Stop, StopRun} from './interruption.ts';
import {endsByItself} from './step.ts';
import {suggestGrant} from './suggest-grant.ts';

export type Execution =
  /** `row_count` is null for a command that returns no rows. */
  | ({kind: 'done'; row_count: number | null; objection: string | null} & Pick<
      ExecutionResult,
      'incomplete' | 'pins'
    >)
  /** The connection was lost while the server worked: it may have taken effect or not. */
  | {kind: 'unknown'; message: string; sqlstate: string | null}
  /** Not executed: refused by the server, or not connected. `stop` also ends the run. */
  | {kind: 'refused'; result: StepResult; stop: Stop | null};

/** Executes one step. Never throws. */
export async function executeSql(
  step: SqlStep,
  executor: Executor,
  interruption: Interruption,
): Promise<Execution> {
  try {
    const {row_count, objection = null, pins, incomplete} = await executor.apply(step);
    return {kind: 'done', row_count, objection, pins: pins ?? null, incomplete: incomplete ?? null};
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof AbortError) {
      // The executor throws AbortError before it sends anything: no connection, no free slot.
      const stop: Stop = {status: 'failed', reason: message, hint: error.hint, exit_code: error.exitCode};
      return {kind: 'refused', result: failedResult(null, message), stop};
    }
    const sqlstate = sqlstateOf(error);
    if (sqlstate === null || isInconclusive(sqlstate, step)) return {kind: 'unknown', message, sqlstate};
    const result = await withCleanup(step, failedResult(sqlstate, message), executor, interruption);
    const hint = await suggestGrant(step, {sqlstate, message}, executor);
    return {kind: 'refused', result: hint === null ? result : {...result, hint}, stop: null};
  }
}

/**
 * Verifies an executed step; the outcome is `verified` only if its verification holds. Throws StopRun if it is unknown
 * whether the step took effect: its intent stays without an outcome and is reconciled at the next start.
 */
export async function verify(
  step: SqlStep,
  execution: Exclude<Execution, {kind: 'refused'}>,
  executor: Executor,
  interruption: Interruption,
): Promise<StepResult> {
  const row_count = execution.kind === 'done' ? (execution.row_count ?? 0) : 0;
  const base = {row_count, sqlstate: null, duration_ms: 0};
  if (execution.kind === 'done' && execution.incomplete) {
    return {
      ...base,
      outcome: 'applied',
      message: `done, but a follow-up statement failed: ${execution.incomplete}`,
    };
  }
  const checked = await check(step, execution, executor, interruption);
  if (checked.holds) {
    if (execution.kind === 'done') return {...base, outcome: 'verified', message: null};
    return endsByItself(step)
      ? {
          ...base,
          outcome: 'unknown',
          message: 'connection lost during execution: the session has ended, whether by poolctl is unknown',
        }
      : {...base, outcome: 'verified', message: 'connection lost during execution, but verified'};
  }
  if (execution.kind === 'done') return {...base, outcome: 'applied', message: checked.message};
  // The server reported the cancel (57014), so the outcome is known: clean up what is left.
  if (execution.sqlstate !== null && isStatement(step))
    return withCleanup(
      step,
      failedResult(execution.sqlstate, cancelledText(step, execution.message)),
      executor,
      interruption,
    );
  throw outcomeUnknown(execution.message, interruption, checked.refusal);
}

/** The StopRun for a step that may or may not have taken effect: its intent stays without an outcome. */
export function outcomeUnknown(why: string, {requested: asked}: Interruption, refusal = ''): StopRun {
  return new StopRun({
    status: asked.aborted ? 'interrupted' : 'failed',
    reason: `interrupted during execution (${why}): whether it took effect is unknown${refusal}`,
    hint: "check the server; 'poolctl journal verify' lists this step as unfinished",
    exit_code: asked.aborted ? exitCodes.interrupted : exitCodes.actFailed,
  });
}

/** Whether cancelling the statement cancels its effect. A signal to another session may have been sent by then. */
function isStatement({cleanup, progress}: SqlStep): boolean {
  return cleanup !== undefined || progress !== undefined;
}

function cancelledText({cleanup, progress}: SqlStep, message: string): string {
  if (progress !== 'drop_index' || cleanup !== undefined) return message;
  return `${message}; the index may be left invalid: repair-invalid-indexes shows it`;
}

export function skippedResult(message: string, isMet = false): StepResult {
  const result: StepResult = {outcome: 'skipped', row_count: 0, sqlstate: null, message, duration_ms: 0};
  return isMet ? {...result, is_met: true} : result;
}

/** Whether what a skipped step was to achieve is so already: the session to end has ended. */
export async function isMet(
  {verify}: SqlStep,
  executor: Executor,
  interruption: Interruption,
): Promise<boolean> {
  return interruption.waitFor(executor.verify(verify, 0)).catch(() => false);
}

export function failedResult(sqlstate: string | null, message: string): StepResult {
  return {outcome: 'failed', row_count: 0, sqlstate, message, duration_ms: 0};
}

async function check(
  step: SqlStep,
  execution: Execution,
  executor: Executor,
  interruption: Interruption,
): Promise<{holds: boolean; message: string; refusal: string}> {
  // A cancelled statement has taken effect already, or never will.
  const timeout_ms = execution.kind === 'unknown' && isStatement(step) ? 0 : verifyWithinMs(step);
  try {
    const holds = await interruption.waitFor(executor.verify(step.verify, timeout_ms));
    const message = 'the server accepted it, but its effect has not been verified in time';
    return {holds, message, refusal: ''};
  } catch (error) {
    const refusal = `; it could not be verified: ${messageOf(error)}`;
    return {holds: false, message: `the server accepted it${refusal}`, refusal};
  }
}

/** A step without a time limit (an index build) has ended before it is verified. */
function verifyWithinMs({timeout_ms}: SqlStep): number {
  return timeout_ms === 0 ? 10_000 : timeout_ms;
}

async function withCleanup(
  step: SqlStep,
  result: StepResult,
  executor: Executor,
  interruption: Interruption,
): Promise<StepResult> {
  const {cleanup, timeout_ms} = step;
  if (cleanup === undefined) return result;
  try {
    const {row_count} = await interruption.waitFor(
      executor.apply({...cleanup, timeout_ms, transaction: false}),
    );
    if (row_count !== 0) return {...result, message: `${result.message}; what it left behind was removed`};
    // A command that PgBouncer has not answered is still its to do, perhaps in another of its processes.
    const isUnanswered = cleanup.apply.console !== undefined && result.sqlstate === '55P03';
    if (!isUnanswered) return result;
    const [verb = ''] = step.apply.text.split(' ');
    const left = `PgBouncer does not show it, and ${verb} may still be in force: look there`;
    return {...result, message: `${result.message}; ${left}`, has_leftover: true};
  } catch (error) {
    // Do not leave it running on the server after poolctl exits.
    if (interruption.expired.aborted) await interruption.waitBriefly(executor.cancel()).catch(() => {});
    const or = cleanup.apply.console === undefined ? ', or run repair-invalid-indexes' : '';
    const left = `what it left behind could not be removed (${messageOf(error)}): undo this run${or}`;
    return {...result, message: `${result.message}; ${left}`, has_leftover: true};
  }
}

/** The SQLSTATE of a server's error. A socket error's code (`EPIPE`) looks like one, but has no severity. */
function sqlstateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/**
 * Whether the step may have taken effect in spite of this error: class 08 is a connection exception, 57P01 to 57P05 a shutdown, a
 * crash or a terminated session. 57014 (cancel or timeout) can arrive after a signal was sent; in a transaction it means
 * rollback.
 */
function isInconclusive(sqlstate: string, step: SqlStep): boolean {
  if (sqlstate === '57014') return !step.transaction;
  return sqlstate.startsWith('08') || /^57P0[1-5]$/.test(sqlstate);
}

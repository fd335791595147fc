import type {ExecutionResult, Executor} from '../../model/ports.ts';
import type {StepResult} from '../../model/run.ts';
import type {SqlStep} from '../../model/step.ts';
import {AbortError, exitCodes} from '../errors.ts';
import {redactSecrets} from '../text/redact.ts';
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
  /** The connection went while the server worked: it may have happened or not. */
  | {kind: 'unknown'; message: string; sqlstate: string | null}
  /** The server or the way there said no: it has not happened. `stop`: nor will any further step. */
  | {kind: 'refused'; result: StepResult; stop: Stop | null};

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
      // The executor throws these before it sends anything: no way in, no slot left.
      const stop: Stop = {status: 'failed', reason: message, hint: error.hint, exit_code: error.exitCode};
      return {kind: 'refused', result: failedResult(null, message), stop};
    }
    const sqlstate = sqlstateOf(error);
    if (sqlstate === null || isUndecided(sqlstate, step)) return {kind: 'unknown', message, sqlstate};
    const result = await withCleanup(step, failedResult(sqlstate, message), executor, interruption);
    const hint = await suggestGrant(step, {sqlstate, message}, executor);
    return {kind: 'refused', result: hint === null ? result : {...result, hint}, stop: null};
  }
}

/**
 * `verified` only where the step's verification held when asked. Throws StopRun where nobody can tell whether
 * it happened: the intent then stays without an outcome, for the next start to name.
 */
export async function verify(
  step: SqlStep,
  acted: Exclude<Execution, {kind: 'refused'}>,
  executor: Executor,
  interruption: Interruption,
): Promise<StepResult> {
  const row_count = acted.kind === 'done' ? (acted.row_count ?? 0) : 0;
  const base = {row_count, sqlstate: null, duration_ms: 0};
  if (acted.kind === 'done' && acted.incomplete) {
    return {...base, outcome: 'applied', message: `done, but not what belongs to it: ${acted.incomplete}`};
  }
  const checked = await check(step, acted, executor, interruption);
  if (checked.holds) {
    if (acted.kind === 'done') return {...base, outcome: 'verified', message: null};
    return endsByItself(step)
      ? {
          ...base,
          outcome: 'unknown',
          message: 'cut off while acting: it has ended, whether poolctl ended it is unknown',
        }
      : {...base, outcome: 'verified', message: 'cut off while acting, but it is done'};
  }
  if (acted.kind === 'done') return {...base, outcome: 'applied', message: checked.message};
  // The server itself said that it stopped (57014): what it left is swept away, and nothing is unknown.
  if (acted.sqlstate !== null && isStatement(step))
    return withCleanup(
      step,
      failedResult(acted.sqlstate, cancelledText(step, acted.message)),
      executor,
      interruption,
    );
  throw outcomeUnknown(acted.message, interruption, checked.refusal);
}

/** Nobody can tell whether the act happened: its intent stays without an outcome. */
export function outcomeUnknown(why: string, {requested: asked}: Interruption, refusal = ''): StopRun {
  return new StopRun({
    status: asked.aborted ? 'interrupted' : 'failed',
    reason: `cut off while acting (${why}): whether it happened is unknown${refusal}`,
    hint: "look at the server; 'poolctl journal verify' lists this step as unfinished",
    exit_code: asked.aborted ? exitCodes.interrupted : exitCodes.actFailed,
  });
}

/** The act is the statement itself, which its cancel ends; a signal to another session may have been sent by then. */
function isStatement({cleanup, progress}: SqlStep): boolean {
  return cleanup !== undefined || progress !== undefined;
}

function cancelledText({cleanup, progress}: SqlStep, message: string): string {
  if (progress !== 'drop_index' || cleanup !== undefined) return message;
  return `${message}; the index may be left invalid: repair-invalid-indexes shows it`;
}

export function skippedResult(message: string): StepResult {
  return {outcome: 'skipped', row_count: 0, sqlstate: null, message, duration_ms: 0};
}

export function failedResult(sqlstate: string | null, message: string): StepResult {
  return {outcome: 'failed', row_count: 0, sqlstate, message, duration_ms: 0};
}

/** What went wrong, on one line and without secrets. */
export function messageOf(error: unknown): string {
  return redactSecrets(error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}

async function check(
  step: SqlStep,
  acted: Execution,
  executor: Executor,
  interruption: Interruption,
): Promise<{holds: boolean; message: string; refusal: string}> {
  // One that was cancelled is not waited for: either it was done by then, or it will not come.
  const patience_ms = acted.kind === 'unknown' && isStatement(step) ? 0 : verifyWithinMs(step);
  try {
    const holds = await interruption.waitFor(executor.verify(step.verify, patience_ms));
    const message = 'the server accepted it, but what it should bring about has not come yet';
    return {holds, message, refusal: ''};
  } catch (error) {
    const refusal = `; it could not be verified: ${messageOf(error)}`;
    return {holds: false, message: `the server accepted it${refusal}`, refusal};
  }
}

/** A step without a time limit (an index build) has come to its end when it is verified. */
function verifyWithinMs({timeout_ms}: SqlStep): number {
  return timeout_ms === 0 ? 10_000 : timeout_ms;
}

async function withCleanup(
  {cleanup, timeout_ms}: SqlStep,
  result: StepResult,
  executor: Executor,
  interruption: Interruption,
): Promise<StepResult> {
  if (cleanup === undefined) return result;
  try {
    const {row_count} = await interruption.waitFor(
      executor.apply({...cleanup, timeout_ms, transaction: false}),
    );
    return row_count === 0
      ? result
      : {...result, message: `${result.message}; what it left behind is removed`};
  } catch (error) {
    // It must not go on at the server when nobody is here any more.
    if (interruption.expired.aborted) await interruption.waitBriefly(executor.cancel()).catch(() => {});
    const left = `what it left behind could not be removed (${messageOf(error)}): undo of this run, or repair-invalid-indexes, removes it`;
    return {...result, message: `${result.message}; ${left}`, has_leftover: true};
  }
}

/** A server's error has a severity; a socket's (`EPIPE`) looks like a SQLSTATE and has none. */
function sqlstateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/**
 * Errors that do not tell whether the act happened: class 08 is a connection exception, 57P01 to 57P05 a
 * shutdown, a crash or our session ended from outside. 57014, a timeout, can come after a signal
 * was sent; inside a transaction it means that all was rolled back.
 */
function isUndecided(sqlstate: string, step: SqlStep): boolean {
  if (sqlstate === '57014') return !step.transaction;
  return sqlstate.startsWith('08') || /^57P0[1-5]$/.test(sqlstate);
}

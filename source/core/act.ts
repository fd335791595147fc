import {AbortError, exitCodes} from './errors.ts';
import type {Executor, StepResult} from './ports.ts';
import type {Step} from './recipe.ts';
import {redactSecrets} from './redact.ts';
import {type Stop, StopRun} from './stop-run.ts';

type SqlStep = Step & {kind: 'sql'};

export type Acted =
  | {kind: 'done'; row_count: number}
  /** The connection went while the server worked: it may have happened or not. */
  | {kind: 'unknown'; message: string}
  /** The server or the way there said no: it has not happened. `stop`: nor will any further step. */
  | {kind: 'refused'; result: StepResult; stop: Stop | null};

export async function act(step: SqlStep, executor: Executor): Promise<Acted> {
  const {timeout_ms, transaction} = step;
  try {
    const {row_count} = await executor.apply(step.apply, {timeout_ms, transaction});
    return {kind: 'done', row_count};
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof AbortError) {
      // The executor throws these before it sends anything: no way in, no slot left.
      const stop: Stop = {status: 'failed', reason: message, hint: error.hint, exit_code: error.exitCode};
      return {kind: 'refused', result: failed(null, message), stop};
    }
    const sqlstate = sqlstateOf(error);
    if (sqlstate === null || isUndecided(sqlstate, step)) return {kind: 'unknown', message};
    return {kind: 'refused', result: failed(sqlstate, explainRefusal(sqlstate, message)), stop: null};
  }
}

/**
 * `verified` only where the step's verification held when asked. Throws StopRun where nobody can tell whether
 * it happened: the intent then stays without an outcome, for the next start to name.
 */
export async function verify(
  step: SqlStep,
  acted: Exclude<Acted, {kind: 'refused'}>,
  executor: Executor,
): Promise<StepResult> {
  const row_count = acted.kind === 'done' ? acted.row_count : 0;
  const base = {row_count, sqlstate: null, duration_ms: 0};
  const checked = await check(step, executor);
  if (checked.holds) {
    const message = acted.kind === 'done' ? null : 'cut off while acting, but it is done';
    return {...base, outcome: 'verified', message};
  }
  if (acted.kind === 'done') return {...base, outcome: 'applied', message: checked.message};
  throw new StopRun({
    status: 'failed',
    reason: `cut off while acting (${acted.message}): whether it happened is unknown`,
    hint: "look at the server; 'poolctl journal verify' lists this step as unfinished",
    exit_code: exitCodes.actFailed,
  });
}

export function skipped(message: string): StepResult {
  return {outcome: 'skipped', row_count: 0, sqlstate: null, message, duration_ms: 0};
}

async function check(step: SqlStep, executor: Executor): Promise<{holds: boolean; message: string}> {
  try {
    const holds = await executor.verify(step.verify, step.timeout_ms);
    return {holds, message: 'the server accepted it, but what it should bring about has not come yet'};
  } catch (error) {
    return {holds: false, message: `the server accepted it; it could not be verified: ${messageOf(error)}`};
  }
}

function failed(sqlstate: string | null, message: string): StepResult {
  return {outcome: 'failed', row_count: 0, sqlstate, message, duration_ms: 0};
}

function explainRefusal(sqlstate: string, message: string): string {
  if (sqlstate !== '42501') return message;
  // insufficient_privilege. Only a superuser may signal a superuser's backend, pg_signal_backend or not.
  return `${message} (a superuser's session needs a superuser, another role's needs pg_signal_backend)`;
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

function messageOf(error: unknown): string {
  return redactSecrets(error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}

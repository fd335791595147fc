import type {ExitCode} from '../model/run.ts';

/** The exit codes. Scripts rely on them: changing one is a breaking change. */
export const exitCodes = {
  ok: 0,
  findings: 1,
  usage: 2,
  connection: 3,
  noSlot: 4,
  privilege: 5,
  drift: 6,
  actFailed: 7,
  journal: 8,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const satisfies Record<string, ExitCode>;

/** An error that the user can fix: one line with the problem, a hint, and the exit code. */
export class AbortError extends Error {
  override readonly name = 'AbortError';
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, options: {hint?: string; exitCode: ExitCode; cause?: unknown}) {
    super(message, {cause: options.cause});
    this.hint = options.hint;
    this.exitCode = options.exitCode;
  }
}

/** An AbortError for an invalid call: exit 2. */
export function usageError(message: string, hint?: string, cause?: unknown): AbortError {
  return new AbortError(message, {exitCode: exitCodes.usage, cause, ...(hint !== undefined && {hint})});
}

/** A defect of poolctl: a state that the code excludes. */
export class BugError extends Error {
  override readonly name = 'BugError';
}

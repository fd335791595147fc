import {accessSync, constants} from 'node:fs';
import {usageError} from '../core/errors.ts';
import type {CliContext} from './context.ts';

/** Pipes, CI and cron have no terminal; Emacs' shell and some CI terminals (TERM=dumb) only print lines. */
export function canShowConsole(context: CliContext): boolean {
  return whyNoConsole(context) === null;
}

/** Throws AbortError (exit 2) with the hint, which says what to use instead, if the console cannot be shown. */
export function requireConsoleTerminal(context: CliContext, hint: string): void {
  const problem = whyNoConsole(context);
  if (problem !== null) throw usageError(problem, hint);
}

function whyNoConsole({stdin, stdout, env}: CliContext): string | null {
  if (stdin.isTTY !== true || stdout.isTTY !== true) return 'the console needs a terminal';
  return env.TERM === 'dumb' ? 'the console needs a terminal with a cursor, and TERM is dumb' : null;
}

/**
 * The terminal for the console, from now on written without waiting. By default Node waits until a terminal has taken
 * what is written to it: one that is not read (a serial line on hold, a window while text is selected) would stop the
 * readings, the run in progress and the signals.
 */
export function consoleStreams({stdin, stdout, stderr}: CliContext): Pick<CliContext, 'stdin' | 'stdout'> {
  writeWithoutWaiting(stdout);
  writeWithoutWaiting(stderr);
  return {stdin, stdout};
}

function writeWithoutWaiting(stream: NodeJS.WriteStream): void {
  const {fd, _handle: handle} = stream as {
    fd?: number;
    _handle?: {setBlocking?(isBlocking: boolean): unknown};
  };
  if (fd !== undefined && stream.isTTY && isOpenedAnew(fd)) handle?.setBlocking?.(false);
}

/**
 * Node opens a terminal anew, so that the mode of its descriptor is its own. Where it may not (after `su`), the mode
 * would be the shell's too, and Node would write again and again without waiting for the terminal.
 */
function isOpenedAnew(fd: number): boolean {
  try {
    accessSync(`/dev/fd/${fd}`, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

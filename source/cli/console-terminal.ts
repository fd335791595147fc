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

/** The terminal for the console. */
export function consoleStreams(context: CliContext): Pick<CliContext, 'stdin' | 'stdout'> {
  writeWithoutWaiting(context);
  const {stdin, stdout} = context;
  return {stdin, stdout};
}

/**
 * Switches the terminal to non-blocking writes. By default a write to a terminal blocks Node until the terminal accepts
 * it. A terminal that accepts nothing (a serial line on hold, a window with selected text, a stopped ssh) would block
 * refreshes, the run in progress between its intent and its outcome, and the handling of signals.
 */
export function writeWithoutWaiting({stdout, stderr}: Pick<CliContext, 'stdout' | 'stderr'>): void {
  for (const stream of [stdout, stderr]) setNonBlocking(stream);
}

function setNonBlocking(stream: NodeJS.WriteStream): void {
  const {fd, _handle: handle} = stream as {
    fd?: number;
    _handle?: {setBlocking?(isBlocking: boolean): unknown};
  };
  if (fd !== undefined && stream.isTTY && isOpenedAnew(fd)) handle?.setBlocking?.(false);
}

/**
 * Whether Node could reopen the terminal, so that its descriptor does not share O_NONBLOCK with the shell's. After `su`
 * it may not: non-blocking mode would affect the shell, and Node would retry writes in a busy loop.
 */
function isOpenedAnew(fd: number): boolean {
  try {
    accessSync(`/dev/fd/${fd}`, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

import {AbortError, exitCodes} from '../core/errors.ts';
import type {ExitCode} from '../model/run.ts';

const signals = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.hungUp,
  // Ctrl-\ on a terminal that is not raw, a limit of CPU time, `timeout -s`. Unhandled, each would leave a step running
  // on the server, and the console's screen on the terminal.
  SIGQUIT: exitCodes.terminated,
  SIGABRT: exitCodes.terminated,
  // An alias of SIGABRT, on which Ink would exit.
  SIGIOT: exitCodes.terminated,
  SIGALRM: exitCodes.terminated,
  SIGUSR2: exitCodes.terminated,
  SIGXCPU: exitCodes.terminated,
} as const;
/** The console reports a lost terminal as SIGHUP, and Ctrl-C in raw mode as SIGINT. */
type Cause = keyof typeof signals;
const names = Object.keys(signals) as Cause[];

export type Interrupts = {
  /** Aborts at the first signal. */
  signal: AbortSignal;
  /** Handles `cause` as if that signal had been received. */
  interrupt(cause: Cause): void;
  /** Stops listening to signals. */
  release(): void;
};

/** The first signal that was received. */
let cause: Cause | null = null;

/** Replaces exit code 130 by that of the received signal; returns every other code unchanged. */
export function exitCodeAfterSignal(exitCode: ExitCode): ExitCode {
  return exitCode === exitCodes.interrupted && cause !== null ? signals[cause] : exitCode;
}

/** The exit code of a command that runs until Ctrl-C: 0 after Ctrl-C, but not after SIGTERM or SIGHUP. */
export function exitCodeOfNormalEnd(): ExitCode {
  return cause === null || cause === 'SIGINT' ? exitCodes.ok : signals[cause];
}

export function isInterrupted(): boolean {
  return cause !== null;
}

/** The part of CliContext that the handlers use. */
type Process = {
  output: {stderr(text: string): void};
  exit(code: ExitCode): never;
  interrupts?: Interrupts;
};

type Options = {
  /** The process exits this long after the first signal, even if the command is still running. */
  within_ms?: number;
};

/**
 * Handles the signals that end a program, except SIGUSR1. The first signal aborts `signal`, and the command finishes. If that takes
 * more than 0.5 s, poolctl prints a message, and a further signal exits immediately. Not earlier: npm and shells forward
 * signals that the terminal has sent already, so one key press can arrive twice. If `interrupts` is set, its handlers
 * are used instead.
 */
export function catchInterrupts({output, exit, interrupts}: Process, {within_ms}: Options = {}): Interrupts {
  if (interrupts !== undefined) return {...interrupts, release: () => {}};
  const controller = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let isAnnounced = false;
  const exitNow = (why: string) => {
    output.stderr(
      `poolctl: ${why}. The outcome of a running step is unknown: 'poolctl journal verify' lists it.`,
    );
    exit(exitCodeAfterSignal(exitCodes.interrupted));
  };
  const interrupt = (name: Cause) => {
    if (isAnnounced && name !== 'SIGHUP') exitNow('ended immediately');
    if (controller.signal.aborted) return;
    cause ??= name;
    controller.abort();
    const announce = () => {
      isAnnounced = true;
      output.stderr('poolctl: interrupted, finishing (press Ctrl-C again to end immediately)');
    };
    timers.push(setTimeout(announce, 500).unref());
    if (within_ms !== undefined)
      timers.push(setTimeout(() => exitNow(`not finished within ${within_ms / 1000} s`), within_ms));
  };
  const listeners = names.map(name => [name, () => interrupt(name)] as const);
  for (const [name, listener] of listeners) process.on(name, listener);
  return {
    signal: controller.signal,
    interrupt,
    release() {
      for (const timer of timers) clearTimeout(timer);
      for (const [name, listener] of listeners) process.off(name, listener);
    },
  };
}

/** Returns the result of `work`. Throws AbortError (exit 130) as soon as the signal aborts. */
export function raceInterrupt<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new AbortError('interrupted', {exitCode: exitCodes.interrupted}));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, {once: true});
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
}

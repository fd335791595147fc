import {AbortError, exitCodes} from '../core/errors.ts';
import type {ExitCode} from '../model/run.ts';

const signals = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.hungUp,
  // Ctrl-\ where the terminal is not raw: a step must not be left running on the server for it.
  SIGQUIT: exitCodes.terminated,
} as const;
/** A lost terminal counts as SIGHUP, Ctrl-C in raw mode as SIGINT. */
type Cause = keyof typeof signals;
const names = Object.keys(signals) as Cause[];

export type Interrupts = {
  /** Aborts at the first signal. */
  signal: AbortSignal;
  /** Acts as if that signal had been received. */
  interrupt(cause: Cause): void;
  /** Stops listening to signals. */
  release(): void;
};

/** The first signal that was received. */
let cause: Cause | null = null;

/** The exit code of the signal that interrupted the program; every other exit code as it is. */
export function exitCodeAfterSignal(exitCode: ExitCode): ExitCode {
  return exitCode === exitCodes.interrupted && cause !== null ? signals[cause] : exitCode;
}

/** For a command that runs until Ctrl-C: that is its normal end, SIGTERM and SIGHUP are not. */
export function exitCodeOfNormalEnd(): ExitCode {
  return cause === null || cause === 'SIGINT' ? exitCodes.ok : signals[cause];
}

export function isInterrupted(): boolean {
  return cause !== null;
}

/** What of the CliContext the handlers need. */
type Process = {
  output: {stderr(text: string): void};
  exit(code: ExitCode): never;
  interrupts?: Interrupts;
};

type Options = {
  /** The process ends this long after the first signal, whatever is still running. */
  within_ms?: number;
};

/**
 * Handles INT, TERM, HUP and QUIT: the first aborts `signal`, and the command ends by itself. Where that takes more
 * than 0.5 s a message says so, and from then on a second signal ends the process at once. Not earlier: npm forwards a
 * Ctrl-C that the terminal has sent already, and a shell its SIGHUP, so one key press can arrive as two signals.
 * Within another command, that command's handlers stay in force.
 */
export function catchInterrupts({output, exit, interrupts}: Process, {within_ms}: Options = {}): Interrupts {
  if (interrupts !== undefined) return {...interrupts, release: () => {}};
  const controller = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let isAnnounced = false;
  const leave = (why: string) => {
    output.stderr(
      `poolctl: ${why}. The outcome of a running step is unknown: 'poolctl journal verify' lists it.`,
    );
    exit(exitCodeAfterSignal(exitCodes.interrupted));
  };
  const interrupt = (name: Cause) => {
    if (isAnnounced && name !== 'SIGHUP') leave('ended at once');
    if (controller.signal.aborted) return;
    cause ??= name;
    controller.abort();
    const announce = () => {
      isAnnounced = true;
      output.stderr('poolctl: interrupted, finishing (press Ctrl-C again to end at once)');
    };
    timers.push(setTimeout(announce, 500).unref());
    if (within_ms !== undefined)
      timers.push(setTimeout(() => leave(`not finished within ${within_ms / 1000} s`), within_ms));
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

/** The result of `work`, or AbortError (exit 130) as soon as the signal aborts. */
export function raceInterrupt<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new AbortError('interrupted', {exitCode: exitCodes.interrupted}));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, {once: true});
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
}

import {AbortError, exitCodes} from '../core/errors.ts';
import type {ExitCode} from '../model/run.ts';

import type {CliContext} from './context.ts';

const signals = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
  SIGHUP: exitCodes.hungUp,
  // Ctrl-\ where the terminal is not raw: what is under way must not be left on the server for it.
  SIGQUIT: exitCodes.terminated,
} as const;
/** A terminal that was lost counts as SIGHUP, Ctrl-C in raw mode as SIGINT. */
type Cause = keyof typeof signals;
const names = Object.keys(signals) as Cause[];

export type Interrupts = {
  /** Aborts at the first signal. */
  signal: AbortSignal;
  /** As if that signal had come. */
  interrupt(cause: Cause): void;
  /** Gives the signals back. */
  release(): void;
};

/** What ended the program: the first signal counts. */
let cause: Cause | null = null;

/** A command that was interrupted says 130, whatever it was: the caller sees the signal's own code. */
export function exitCodeAfterSignal(exitCode: ExitCode): ExitCode {
  return exitCode === exitCodes.interrupted && cause !== null ? signals[cause] : exitCode;
}

/** Of a command that runs until Ctrl-C: that is its normal end, TERM and HUP are not. */
export function exitCodeOfNormalEnd(): ExitCode {
  return cause === null || cause === 'SIGINT' ? exitCodes.ok : signals[cause];
}

/** Whoever read the output may have gone with the terminal. */
export function isInterrupted(): boolean {
  return cause !== null;
}

type Options = {
  /** It leaves by itself after so long, whatever is still under way. */
  within_ms?: number;
};

/**
 * INT, TERM, HUP and QUIT take one path: `signal` aborts, and the command ends in order. Only if that takes a while is there
 * anything to say, and from then on a second signal leaves at once. Not before: npm passes a Ctrl-C on that the
 * terminal has sent already, and a shell its SIGHUP, so that one act of the user's arrives as two signals.
 */
export function catchInterrupts(
  {output, exit}: Pick<CliContext, 'output' | 'exit'>,
  {within_ms}: Options = {},
): Interrupts {
  const controller = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let isTold = false;
  const leave = (why: string) => {
    output.stderr(`poolctl: ${why}; what was under way is unknown: 'poolctl journal verify' lists it`);
    exit(exitCodeAfterSignal(exitCodes.interrupted));
  };
  const interrupt = (name: Cause) => {
    if (isTold && name !== 'SIGHUP') leave('left before the end');
    if (controller.signal.aborted) return;
    cause ??= name;
    controller.abort();
    const tell = () => {
      isTold = true;
      output.stderr('poolctl: interrupted; ending in order (Ctrl-C again leaves at once)');
    };
    timers.push(setTimeout(tell, 500).unref());
    if (within_ms !== undefined)
      timers.push(setTimeout(() => leave(`no end within ${within_ms / 1000}s`), within_ms));
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

/** `work`, or AbortError (exit 130) as soon as the signal aborts; what `work` does later is nobody's concern. */
export function raceInterrupt<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new AbortError('interrupted', {exitCode: exitCodes.interrupted}));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, {once: true});
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

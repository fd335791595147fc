import {AbortError, exitCodes} from '../core/errors.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof signals)[number];

export type Interrupt = {
  /** Aborts at the first signal. */
  signal: AbortSignal;
  /** Gives the signals back: what follows, the console, has its own ways. */
  release(): void;
};

/**
 * Ctrl-C, a supervisor's SIGTERM or a closed terminal, for commands that have something to leave in order. What is
 * under way is seen to its end; only if that takes a while is there anything to say, and from then on a second
 * signal ends the process at once. Not before: npm passes a Ctrl-C on that the terminal has sent already, and a
 * shell its SIGHUP, so that one act of the user's arrives as two signals.
 */
export function takeInterrupts(talk: (text: string) => void): Interrupt {
  const controller = new AbortController();
  let isTold = false;
  const onSignal = (name: Signal) => {
    if (isTold && name !== 'SIGHUP') {
      release();
      process.kill(process.pid, name);
    }
    if (controller.signal.aborted) return;
    controller.abort();
    setTimeout(() => {
      isTold = true;
      talk('poolctl: interrupted; ending in order (Ctrl-C again leaves at once)');
    }, 500).unref();
  };
  const release = () => {
    for (const name of signals) process.off(name, onSignal);
  };
  for (const name of signals) process.on(name, onSignal);
  return {signal: controller.signal, release};
}

/** `work`, or AbortError (exit 130) as soon as the signal aborts; what `work` does later is nobody's concern. */
export function untilInterrupted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new AbortError('interrupted', {exitCode: exitCodes.interrupted}));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, {once: true});
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

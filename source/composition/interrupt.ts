import {AbortError, exitCodes} from '../core/errors.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export type Interrupt = {
  /** Aborts at the first signal. The second one finds no listener and ends the process at once. */
  signal: AbortSignal;
  /** Gives the signals back: what follows, the console, has its own ways. */
  release(): void;
};

/** Ctrl-C, a supervisor's SIGTERM or a closed terminal, for commands that have something to leave in order. */
export function takeInterrupts(talk: (text: string) => void): Interrupt {
  const controller = new AbortController();
  const onSignal = () => {
    release();
    controller.abort();
    // What is under way is seen to its end; only if that takes a while is there anything to say.
    setTimeout(
      () => talk('poolctl: interrupted; ending in order (Ctrl-C again leaves at once)'),
      500,
    ).unref();
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

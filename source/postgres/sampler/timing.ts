/** Waiting that ends early: when woken, and by rejecting when the signal aborts. */
export type InterruptibleTimer = {
  /** Until so long has passed, somebody wakes it, or `lost` resolves, whose error it then throws. */
  sleep(ms: number, lost?: Promise<Error>): Promise<void>;
  /** `promise`, or null when it takes longer than `ms`. What it does later is nobody's concern. */
  within<T>(promise: Promise<T>, ms: number): Promise<T | null>;
  raceAbort<T>(promise: Promise<T>): Promise<T>;
  wake(): void;
};

export function createInterruptibleTimer(signal: AbortSignal): InterruptibleTimer {
  const wakers = new Set<() => void>();

  const losses = new WeakMap<Promise<Error>, {error: Error | null; listeners: Set<(error: Error) => void>}>();

  /** One reaction per connection, however many sleeps: each would live as long as the connection does. */
  function onLost(lost: Promise<Error>, listener: (error: Error) => void): () => void {
    const loss = losses.get(lost) ?? watchLoss(lost);
    if (loss.error !== null) listener(loss.error);
    loss.listeners.add(listener);
    return () => loss.listeners.delete(listener);
  }

  function watchLoss(lost: Promise<Error>) {
    const loss = {error: null as Error | null, listeners: new Set<(error: Error) => void>()};
    losses.set(lost, loss);
    void lost.then(error => {
      loss.error = error;
      for (const listener of [...loss.listeners]) listener(error);
    });
    return loss;
  }

  /** Runs `start` with a way to settle; whatever it returns is called once it has, to clean up. */
  function settle<T>(start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void) {
    return new Promise<T>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        cleanUp();
        reject(signal.reason);
      };
      const finish = () => {
        signal.removeEventListener('abort', onAbort);
        cleanUp();
      };
      const cleanUp = start(
        value => {
          finish();
          resolve(value);
        },
        error => {
          finish();
          reject(error);
        },
      );
      signal.addEventListener('abort', onAbort, {once: true});
    });
  }

  return {
    sleep: (ms, lost) =>
      settle<void>((resolve, reject) => {
        const wake = () => resolve();
        const timer = setTimeout(wake, Math.max(0, ms));
        wakers.add(wake);
        const stopListening = lost ? onLost(lost, reject) : () => {};
        return () => {
          stopListening();
          clearTimeout(timer);
          wakers.delete(wake);
        };
      }),
    within: <T>(promise: Promise<T>, ms: number) =>
      settle<T | null>((resolve, reject) => {
        const timer = setTimeout(() => resolve(null), ms);
        promise.then(resolve, reject);
        return () => clearTimeout(timer);
      }),
    raceAbort: promise =>
      settle((resolve, reject) => {
        promise.then(resolve, reject);
        return () => {};
      }),
    wake() {
      for (const wake of [...wakers]) wake();
    },
  };
}

/** How long to wait between readings. */
export type AdaptiveInterval = {
  /** Milliseconds, kept within 500 and 60,000. */
  setInterval(interval_ms: number): void;
  /** What the last reading took. */
  record(reading_ms: number): void;
  effectiveMs(): number;
};

const shortestMs = 500;
const longestMs = 60_000;

/**
 * Watching may take a tenth of the time at most: where two readings in a row took longer than a tenth of the
 * interval, it becomes ten times the shorter of them. One quick reading brings the interval back.
 */
export function createAdaptiveInterval(interval_ms: number): AdaptiveInterval {
  let asked = clamp(interval_ms);
  let last = 0;
  let beforeLast = 0;
  return {
    setInterval(wanted_ms) {
      asked = clamp(wanted_ms);
    },
    record(reading_ms) {
      beforeLast = last;
      last = reading_ms;
    },
    effectiveMs: () => Math.max(asked, clamp(10 * Math.min(last, beforeLast))),
  };
}

function clamp(interval_ms: number): number {
  return Math.min(longestMs, Math.max(shortestMs, interval_ms));
}

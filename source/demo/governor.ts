import {setTimeout as delay} from 'node:timers/promises';

export type Governor = {
  /** Resolves when there is time to spend again; rejects when the signal says so. */
  turn(signal: AbortSignal): Promise<void>;
  /** Runs it and books how long it took. */
  spend<Value>(work: () => Promise<Value>): Promise<Value>;
};

/**
 * Keeps all statements together below a share of the time: while at least one is under way, time is spent;
 * while none is, it is saved up, to `burstMs` at most. Statements that overlap are booked once.
 */
export function createGovernor(share: number, burstMs = 500): Governor {
  let credit = burstMs;
  let at = performance.now();
  let underWay = 0;
  const settle = () => {
    const now = performance.now();
    credit = Math.min(burstMs, credit + (now - at) * (underWay > 0 ? share - 1 : share));
    at = now;
    return credit;
  };
  return {
    async turn(signal) {
      while (settle() < 0) await delay(Math.min(1000, Math.ceil(-credit / share)), undefined, {signal});
    },
    async spend(work) {
      settle();
      underWay++;
      try {
        return await work();
      } finally {
        settle();
        underWay--;
      }
    },
  };
}

/** Of the checkouts that found every connection of the pool in use. */
export type Waits = {
  count: number;
  p50_ms: number | null;
  p95_ms: number | null;
  max_ms: number | null;
  /** The time that these figures cover. */
  window_ms: number;
};

export const windowMs = 60_000;
/** Beyond it the oldest are dropped, and the window is shorter. */
const mostWaits = 10_000;

export type WaitLog = {
  add(wait_ms: number, now_ms: number): void;
  count(now_ms: number): number;
  read(now_ms: number): Waits;
};

/** The waits of the last minute that ended. */
export function createWaitLog(): WaitLog {
  let ended: {at_ms: number; wait_ms: number}[] = [];
  let first = 0;
  let dropped_ms = Number.NEGATIVE_INFINITY;

  const prune = (now_ms: number) => {
    while (first < ended.length && (ended[first]?.at_ms ?? 0) <= now_ms - windowMs) first++;
    for (; ended.length - first > mostWaits; first++) dropped_ms = ended[first]?.at_ms ?? dropped_ms;
    if (first < mostWaits) return;
    ended = ended.slice(first);
    first = 0;
  };

  return {
    add(wait_ms, now_ms) {
      ended.push({at_ms: now_ms, wait_ms});
      prune(now_ms);
    },
    count(now_ms) {
      prune(now_ms);
      return ended.length - first;
    },
    read(now_ms) {
      prune(now_ms);
      const sorted = Float64Array.from(ended.slice(first), ({wait_ms}) => wait_ms).sort();
      // The nearest rank: a wait that was measured.
      const percentile = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
      return {
        count: sorted.length,
        p50_ms: percentile(0.5),
        p95_ms: percentile(0.95),
        max_ms: sorted.at(-1) ?? null,
        window_ms: Math.min(windowMs, now_ms - dropped_ms),
      };
    },
  };
}

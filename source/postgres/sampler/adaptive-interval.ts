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

import type {LockCounters, LockRates} from '../../model/server-work.ts';

/** What rose between two readings; null without them, or if they were reset meanwhile. */
export function lockRates(
  before: LockCounters | undefined,
  now: LockCounters | undefined,
  interval_ms: number,
): LockRates | null {
  if (before === undefined || now === undefined || before.stats_reset !== now.stats_reset) return null;
  const earlier = new Map(before.types.map(each => [each.locktype, each]));
  const over = now.types.map(({locktype, waits, wait_time_ms, fastpath_exceeded}) => {
    const since = earlier.get(locktype);
    return {
      locktype,
      waits: waits - (since?.waits ?? 0),
      wait_time_ms: wait_time_ms - (since?.wait_time_ms ?? 0),
      exceeded: fastpath_exceeded - (since?.fastpath_exceeded ?? 0),
    };
  });
  const active_ms = now.active_time_ms - before.active_time_ms;
  const waited_ms = over.reduce((sum, each) => sum + within(each), 0);
  /** A wait is counted when it ends: what of it was before the interval is none of it. */
  function within({waits, wait_time_ms}: {waits: number; wait_time_ms: number}): number {
    return Math.min(wait_time_ms, waits * interval_ms);
  }
  return {
    // Autovacuum workers wait, too, and are no sessions.
    wait_share: active_ms > 0 ? Math.min(1, waited_ms / active_ms) : null,
    types: over
      .filter(({waits, exceeded}) => waits > 0 || exceeded > 0)
      .sort((a, b) => b.wait_time_ms - a.wait_time_ms)
      .map(({locktype, waits, wait_time_ms, exceeded}) => ({
        locktype,
        waits_per_second: (waits * 1000) / interval_ms,
        wait_ms: waits > 0 ? wait_time_ms / waits : null,
        average_waiting: within({waits, wait_time_ms}) / interval_ms,
        fastpath_exceeded_per_second: (exceeded * 1000) / interval_ms,
      })),
  };
}

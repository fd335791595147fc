import type {PoolCounts, PoolSample, Sample} from '../../model/assessment.ts';
import type {Backend} from '../../model/snapshot.ts';
import {instancesAtWork} from '../pool/revisions.ts';
import {poolKey} from './sample.ts';

/** Long enough to show what a pool needs, and that it has enough. */
export const countedMs = 300_000;
const spanMs = 10_000;

type Counted = Sample['pool_counts'];

/** Adds a reading of the pools to what they did in the `keep_ms` before it. */
export function nextCounts(
  before: Counted,
  {pools, at_ms}: Pick<Sample, 'pools' | 'at_ms'>,
  sessions: ReadonlyMap<string, readonly Backend[]>,
  keep_ms: number,
): Counted {
  const counted = new Map<string, readonly PoolCounts[]>();
  for (const [key, own] of before) {
    const kept = own.filter(({from_ms}) => at_ms - from_ms <= keep_ms);
    if (kept.length > 0) counted.set(key, kept);
  }
  for (const pool of pools) {
    const key = poolKey(pool);
    const kept = counted.get(key) ?? [];
    const last = kept.at(-1);
    const now = countsOf(pool, at_ms, last?.sessions ?? null);
    if (last !== undefined && at_ms - last.from_ms < spanMs)
      counted.set(key, [...kept.slice(0, -1), sumOf(last, now)]);
    else counted.set(key, [...kept, {...now, instances: instancesAtWork(sessions.get(key) ?? []).instances}]);
  }
  return counted;
}

/** A session may be seen while another one replaces it: `before` is how many the reading before had, null for the first one. */
function countsOf(pool: PoolSample, at_ms: number, before: number | null): PoolCounts {
  const {active, idle_in_transaction, sessions} = pool;
  const busy = active + idle_in_transaction;
  return {
    from_ms: at_ms,
    until_ms: at_ms,
    readings: 1,
    all_busy: busy === sessions ? 1 : 0,
    busy,
    most_busy: busy,
    idle_in_transaction: idle_in_transaction / sessions,
    sessions,
    ceiling: before === null ? 0 : Math.min(sessions, before),
    instances: 0,
  };
}

function sumOf(some: PoolCounts, more: PoolCounts): PoolCounts {
  return {
    from_ms: some.from_ms,
    until_ms: more.until_ms,
    readings: some.readings + more.readings,
    all_busy: some.all_busy + more.all_busy,
    busy: some.busy + more.busy,
    most_busy: Math.max(some.most_busy, more.most_busy),
    idle_in_transaction: some.idle_in_transaction + more.idle_in_transaction,
    sessions: more.sessions,
    ceiling: Math.max(some.ceiling, more.ceiling),
    instances: Math.max(some.instances, more.instances),
  };
}

/** What a pool did in all of the time that is kept; null if it is not known. */
export function countedOf({pool_counts}: Pick<Sample, 'pool_counts'>, key: string): PoolCounts | null {
  const [first, ...others] = pool_counts.get(key) ?? [];
  if (first === undefined) return null;
  const all = others.reduce(sumOf, first);
  return {...all, ceiling: all.ceiling === 0 ? all.sessions : all.ceiling};
}

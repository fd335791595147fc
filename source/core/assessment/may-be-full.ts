import type {UnseenUse} from '../../model/assessment.ts';
import {groupBy} from '../group-by.ts';
import {thresholds} from '../health/thresholds.ts';
import {clientOf} from '../sessions/session-parameters.ts';
import {counted, formatMs, formatRatio, formatSpan} from '../text/format.ts';
import type {PoolHistory} from './context.ts';
import {isAtWork, isLongWork, leastReadings} from './harms/pools-full.ts';

/** A pool that needs fewer sessions closes them: node-postgres after 10 s. */
const leastMs = 20_000;

/**
 * Why one of a pool's instances that report nothing may be full, though sessions of it are idle: in a sentence with the other
 * explanation. null: nothing points to it.
 */
export function mayBeFull(history: PoolHistory): string | null {
  const {samples} = history;
  const window_ms = (samples.at(-1)?.at_ms ?? 0) - (samples[0]?.at_ms ?? 0);
  if (samples.length < leastReadings || window_ms < leastMs) return null;
  const seen = groupBy(
    samples.flatMap(({pool}) => pool.unseen ?? []),
    keyOf,
  );
  const [most = []] = [...seen.values()].sort((a, b) => b.length - a.length);
  const last = most.at(-1);
  const share = most.length / samples.length;
  const isNow = samples.at(-1)?.pool.unseen?.some(each => last && keyOf(each) === keyOf(last));
  if (last === undefined || share < thresholds.pool_busy_ratio.warning || !isNow) return null;
  const over = `in ${formatRatio(share, 0)} of ${counted(samples.length, 'snapshot')} over ${formatSpan(window_ms)}`;
  return last.kind === 'in turn' ? inTurn(last, most, over) : burst(last, most, {history, over});
}

/** A full pool has as many sessions all the time; of a burst, the same ones. */
function keyOf(use: UnseenUse): string {
  const which = use.kind === 'in turn' ? use.sessions : use.busy.pids.toSorted().join();
  return `${use.kind}\0${use.client_addr}\0${which}`;
}

/**
 * Of a pool with free sessions that takes the last one first, most were used much later than the one that was idle longest; where each
 * is kept for a time, or taken in turn, half of them have been idle for half as long.
 */
const leastEven = 0.3;

function inTurn(last: UnseenUse, readings: readonly UnseenUse[], over: string): string | null {
  const own = readings.filter(each => each.kind === 'in turn');
  const sum = (read: (of: (typeof own)[number]) => number) => own.reduce((all, each) => all + read(each), 0);
  if (sum(each => each.median_ms) < sum(each => each.longest_ms) * leastEven) return null;
  const longest_ms = Math.max(...own.map(each => each.longest_ms));
  return `may be saturated: its ${last.sessions} sessions at ${clientOf(last)} are idle for the most part, yet each was used within ${formatMs(longest_ms)} ${over}: requests may keep them for something else while others wait, or the pool may take them in turn. The server does not show which; poolctl/kit in the application reports it`;
}

function burst(
  last: UnseenUse & {kind: 'burst'},
  readings: readonly UnseenUse[],
  {history, over}: {history: PoolHistory; over: string},
): string | null {
  const {pids} = last.busy;
  const own = history.sessions.filter(({pid}) => pids.includes(pid));
  const busy = readings.flatMap(each => (each.kind === 'burst' ? each.busy : []));
  if (!isAtWork(busy) || isLongWork(own)) return null;
  return `may be saturated: ${pids.length} sessions at ${clientOf(last)} that began together are all busy ${over}, beside ${last.sessions - pids.length} in use there: they may be all that one of several processes has. The server does not show which process has a session; poolctl/kit in the application reports it`;
}

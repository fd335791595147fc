import type {PoolSample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {protectionOf} from '../../sessions/protection.ts';
import {type Context, type PoolHistory, poolHistories} from '../context.ts';
import {leakFindings} from './pools-leaks.ts';
import {outsideCall} from './pools-outside-call.ts';
import {busyReadings} from './pools-readings.ts';
import {saturatedPool} from './pools-saturated.ts';

/** Applications whose sessions are all busy or all in transaction, and what keeps them so. */
export function examinePools(context: Context): Finding[] {
  const busy = busyPools(context);
  const saturated = busy.flatMap(
    history => outsideCall(context, history) ?? saturatedPool(context, history) ?? [],
  );
  return [...saturated, ...leakFindings(context, busy)];
}

/** Fewer readings say little about the time between them. */
const leastReadings = 5;

function busyPools(context: Context): PoolHistory[] {
  const {samples, snapshot} = context;
  const {pool_sessions, pool_busy_ratio} = thresholds;
  // Most servers have none: the histories are not needed then.
  const isCandidate = ({sessions, idle}: PoolSample) =>
    sessions >= pool_sessions.warning && idle <= sessions / 2;
  if (samples.length < leastReadings || !samples.at(-1)?.pools.some(isCandidate)) return [];
  return poolHistories(context, isCandidate).filter(
    history =>
      history.samples.length >= leastReadings &&
      busyReadings(history) >= history.samples.length * pool_busy_ratio.warning &&
      history.sessions.every(backend => protectionOf(backend, snapshot, false) === null),
  );
}

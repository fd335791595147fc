import type {PoolSample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import {type Context, type PoolHistory, poolHistories} from '../context.ts';
import {leakFindings} from './pools-leaks.ts';
import {outsideCall} from './pools-outside-call.ts';
import {isBusyPool, isBusySmallPool, isProtected} from './pools-readings.ts';
import {saturatedPool} from './pools-saturated.ts';
import {slowReaders} from './pools-slow-readers.ts';

/** Applications whose sessions are all busy or all in transaction, and what keeps them so. */
export function examinePools(context: Context): Finding[] {
  const full = fullPools(context);
  const busy = full.filter(isBusyPool);
  const saturated = full.flatMap(history => {
    const isBusy = busy.includes(history);
    const outside = isBusy || isBusySmallPool(history) ? outsideCall(context, history) : null;
    const unread = isBusy ? slowReaders(context, history) : null;
    return outside ?? unread ?? saturatedPool(context, history) ?? [];
  });
  return [...saturated, ...leakFindings(context, busy)];
}

/** Whose sessions are mostly busy, or those of one instance, or that report requests which wait. */
function fullPools(context: Context): PoolHistory[] {
  // Most servers have none: the histories are not needed then.
  const isCandidate = ({sessions, idle, reported, busy_instances}: PoolSample) =>
    idle <= sessions / 2 || (reported?.waiting ?? 0) > 0 || busy_instances !== undefined;
  if (!context.samples.at(-1)?.pools.some(isCandidate)) return [];
  return poolHistories(context, isCandidate).filter(history => !isProtected(context, history));
}

import type {StepResult} from '../../model/run.ts';
import {counted, formatCount, formatMs} from '../text/format.ts';

type Measured = NonNullable<StepResult['measures']>[number];

/**
 * What a step changed, one line for each measure known before and after: the planner's cost of a statement, and the time of
 * the calls since, not of all calls.
 */
export function effectLines(measures: readonly Measured[]): string[] {
  return measures.flatMap(({name, before, after}) => {
    const [, kind, queryid] = /^(plan|time) of (-?\d+)$/.exec(name) ?? [];
    if (before === null || after === null) return [];
    if (kind === 'plan') return planLine(queryid ?? '', costOf(before), costOf(after));
    return kind === 'time' ? timeLine(queryid ?? '', countersOf(before), countersOf(after)) : [];
  });
}

function planLine(queryid: string, before: number | null, after: number | null): string[] {
  if (before === null || after === null) return [];
  return [`plan cost of ${queryid}: ${formatCount(Math.round(before))} -> ${formatCount(Math.round(after))}`];
}

/** The total cost of the plan's root: `(cost=0.29..8.31 rows=1 width=4)`. */
function costOf(plan: string): number | null {
  const cost = /\(cost=[\d.]+\.\.(\d+(?:\.\d+)?) /.exec(plan)?.[1];
  return cost === undefined ? null : Number(cost);
}

type Counters = {calls: number; total_ms: number};

function timeLine(queryid: string, before: Counters | null, after: Counters | null): string[] {
  if (before === null || after === null || before.calls === 0) return [];
  const calls = after.calls - before.calls;
  const mean = formatMs(before.total_ms / before.calls);
  const was = `mean ${mean} over ${counted(before.calls, 'call')} before`;
  // Fewer: the statistics were reset meanwhile.
  if (calls < 0) return [`time of ${queryid}: ${was}, unknown since`];
  const since =
    calls === 0
      ? 'no call since'
      : `mean ${formatMs((after.total_ms - before.total_ms) / calls)} over ${counted(calls, 'call')} since the build began`;
  return [`time of ${queryid}: ${was}, ${since}`];
}

/** Older journals hold the mean of all calls, which is too coarse for a difference. */
function countersOf(text: string): Counters | null {
  const [, calls, total_ms] = /^(\d+) calls, ([\d.]+) ms in all$/.exec(text) ?? [];
  return calls === undefined ? null : {calls: Number(calls), total_ms: Number(total_ms)};
}

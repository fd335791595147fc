import jstat from 'jstat';
import type {Snapshot, Statement} from '../../model/snapshot.ts';
import {withStatementRates} from '../activity/rates.ts';
import {countersOf} from '../activity/statement-window.ts';

/** Execution times of a statement's calls. */
export type StatementCalls = Sample & {
  statement: Statement;
  /** The sample covers all calls since the reset of the statistics, not only those of the period. */
  is_since_reset?: true;
};

/** Statement calls and transactions of a period. */
export type PeriodStats = {
  calls: StatementCalls[];
  /** null: since the reset of the statistics. */
  duration_ms: number | null;
  commits: number;
  rollbacks: number;
};

/** All that a snapshot's counters have counted. */
export function cumulativeStats(snapshot: Snapshot): PeriodStats {
  const {databases, statements} = snapshot;
  return {
    calls: statements.map(statement => ({
      statement,
      n: statement.calls,
      mean: statement.mean_exec_time_ms,
      deviation: statement.stddev_exec_time_ms,
    })),
    duration_ms: null,
    commits: sum(databases.map(({xact_commit}) => xact_commit)),
    rollbacks: sum(databases.map(({xact_rollback}) => xact_rollback)),
  };
}

/** What was counted between two snapshots of a server; all of `later` if its counters were reset. */
export function statsBetween(earlier: Snapshot, later: Snapshot): PeriodStats {
  const all = cumulativeStats(later);
  if (!isSameServer(earlier, later)) return all;
  const [first, last] = [countersOf(earlier), countersOf(later)];
  const rated = withStatementRates(first, last);
  const before = cumulativeStats(earlier);
  const isContinued = all.commits >= before.commits && all.rollbacks >= before.rollbacks;
  return {
    calls: rated.flatMap((statement, index) => callsSince(statement, all.calls[index])),
    duration_ms: last.at_ms - first.at_ms,
    commits: isContinued ? all.commits - before.commits : all.commits,
    rollbacks: isContinued ? all.rollbacks - before.rollbacks : all.rollbacks,
  };
}

export function isSameServer(a: Snapshot, b: Snapshot): boolean {
  return a.target.id === b.target.id && a.target.server_version_num === b.target.server_version_num;
}

function callsSince({rates, ...statement}: Statement, all: StatementCalls | undefined): StatementCalls[] {
  if (rates === undefined) return all === undefined ? [] : [{...all, is_since_reset: true}];
  const n = Math.round((rates.calls_per_second * rates.interval_ms) / 1000);
  const {mean_exec_time_ms: mean, stddev_exec_time_ms: deviation} = rates;
  return deviation === null ? [] : [{statement, n, mean, deviation}];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Size, mean and standard deviation (divided by n) of a sample. */
export type Sample = {n: number; mean: number; deviation: number};

/**
 * One-sided Welch's t-test from summaries: the p-value of this difference of means if the mean of `after`
 * is at most `ratio` times that of `before`. Variances and sizes may differ; with some
 * 30 calls each, skewed times do not matter.
 */
export function welchGreater(after: Sample, before: Sample, ratio: number): number {
  const a = squaredError(after, 1);
  const b = squaredError(before, ratio);
  const difference = after.mean - ratio * before.mean;
  if (a + b === 0) return difference > 0 ? 0 : 1;
  const t = difference / Math.sqrt(a + b);
  // Welch and Satterthwaite.
  const freedom = (a + b) ** 2 / (a ** 2 / (after.n - 1) + b ** 2 / (before.n - 1));
  return jstat.jStat.studentt.cdf(-t, freedom);
}

/** Squared standard error of the mean. */
function squaredError({n, deviation}: Sample, scale: number): number {
  return (scale * deviation) ** 2 / (n - 1);
}

/**
 * Holm's correction: which of many p-values are significant at `alpha` together. Without it, one in a
 * hundred statements would be slower by chance.
 */
export function holm(p_values: readonly number[], alpha: number): boolean[] {
  const ascending = p_values.map((p, index) => ({p, index})).sort((a, b) => a.p - b.p);
  const significant = p_values.map(() => false);
  for (const [rank, {p, index}] of ascending.entries()) {
    if (p > alpha / (p_values.length - rank)) break;
    significant[index] = true;
  }
  return significant;
}

import type {Snapshot, Statement} from '../../model/snapshot.ts';
import {statementKey} from '../activity/rates.ts';
import {mostListed} from '../activity/statement-scan.ts';
import {
  cumulativeStats,
  holm,
  isSameServer,
  type PeriodStats,
  type Sample,
  type StatementCalls,
  statsBetween,
  welchGreater,
} from './statistics.ts';
import {thresholds} from './thresholds.ts';

/** What `check` compares with: an earlier snapshot, or a period of them. */
export type Baseline = {
  /** The last one. */
  reading: Snapshot;
  /** Time of the first snapshot of a period; null for a single snapshot. */
  since: string | null;
  stats: PeriodStats;
  /** Slots in use, on average. */
  used: number;
};

/** Statements, slots and errors of the baseline and now. */
export type Comparison = {
  /** Time of the baseline's last snapshot. */
  at: string;
  /** Time of its first snapshot; null for a single one. */
  since: string | null;
  target: string;
  /** Describes the statistical test that decides what is slower. */
  test: string;
  slots: {used_before: number; used_after: number};
  errors: {
    rollback_ratio_before: number | null;
    rollback_ratio_after: number | null;
    is_worse: boolean;
  };
  slower: SlowerStatement[];
  /** Called more often than the other statements are, as by an N+1 query after a deploy. Does not change the verdict. */
  more_calls: MoreCalls[];
  new_statements: {queryid: string; query: string | null; calls: number; mean_exec_time_ms: number}[];
  /** What could not be compared, and why. */
  left_out: string[];
};

type SlowerStatement = {
  queryid: string;
  query: string | null;
  calls_before: number;
  calls_after: number;
  mean_before_ms: number;
  mean_after_ms: number;
  ratio: number;
  p_value: number;
};

type MoreCalls = {
  queryid: string;
  query: string | null;
  /** Growth of its calls as a multiple of that of the median statement. */
  times: number;
  /** null: the baseline has no period. */
  calls_per_second_before: number | null;
  calls_per_second_after: number | null;
};

const significance = {least_calls: 30, alpha: 0.01} as const;

/** A single snapshot as the baseline, with all its counters. */
export function baselineOf(reading: Snapshot): Baseline {
  return {reading, since: null, stats: cumulativeStats(reading), used: reading.budget.used};
}

/**
 * A period between two snapshots as the baseline, with `used` slots on average. A statement with too few
 * calls in the period is compared over all its calls.
 */
export function baselineBetween(first: Snapshot, last: Snapshot, used: number): Baseline {
  const between = statsBetween(first, last);
  const all = new Map(cumulativeStats(last).calls.map(own => [statementKey(own.statement), own]));
  const calls = between.calls.map(own => {
    const ever = all.get(statementKey(own.statement));
    return own.n < significance.least_calls && ever ? {...ever, is_since_reset: true as const} : own;
  });
  return {reading: last, since: first.at, stats: {...between, calls}, used};
}

export type Compared = {
  baseline: Baseline;
  current: Snapshot;
  after: PeriodStats;
  /** Slots in use on average; default: those of `current`. */
  used_after?: number | undefined;
  /** Factor from which on a statement is slower. */
  slower_ratio: number;
};

/** What has become worse since the baseline. */
export function compare({baseline, current, after, used_after, slower_ratio}: Compared): Comparison {
  const {reading, since, stats: before, used} = baseline;
  const earlier = earlierCalls(reading, before, current);
  const {least_calls, alpha} = significance;
  const pairs = after.calls.flatMap(later => {
    const own = earlier(later.statement);
    return own !== null && own.n >= least_calls && later.n >= least_calls ? [{later, own}] : [];
  });
  const p_values = pairs.map(({later, own}) => welchGreater(later, own, slower_ratio));
  const isSlower = holm(p_values, alpha);
  const [ratioBefore, ratioAfter] = [rollbacksOf(before), rollbacksOf(after)];
  return {
    at: reading.at,
    since,
    target: reading.target.id,
    test: `mean execution time over ${slower_ratio} times the baseline's: Welch's t-test, one-sided, at least ${least_calls} calls each, ${alpha * 100} % over all statements (Holm)`,
    slots: {used_before: used, used_after: used_after ?? current.budget.used},
    errors: {
      rollback_ratio_before: ratioBefore?.mean ?? null,
      rollback_ratio_after: ratioAfter?.mean ?? null,
      is_worse: areErrorsWorse(ratioBefore, ratioAfter, slower_ratio),
    },
    slower: pairs
      .flatMap(({later, own}, index) => (isSlower[index] ? [slowerOf(later, own, p_values[index] ?? 0)] : []))
      .sort((a, b) => b.ratio - a.ratio),
    more_calls: moreCalls(pairs, before, after),
    new_statements: after.calls.flatMap(later => (earlier(later.statement) === null ? newOf(later) : [])),
    left_out: leftOut(reading, current),
  };
}

type Pair = {later: StatementCalls; own: StatementCalls};

/** Fewer statements say nothing about the traffic as a whole. */
const leastPairs = 3;

/** Traffic may have grown as a whole: each statement's growth is compared with the median's. */
function moreCalls(pairs: readonly Pair[], before: PeriodStats, after: PeriodStats): MoreCalls[] {
  const counted = pairs.filter(({own}) => !own.is_since_reset);
  const growths = counted.map(({later, own}) => later.n / own.n).sort((a, b) => a - b);
  const median = growths[(growths.length - 1) >> 1];
  if (median === undefined || counted.length < leastPairs) return [];
  const perSecond = (n: number, {duration_ms}: PeriodStats) =>
    duration_ms === null || duration_ms <= 0 ? null : (n * 1000) / duration_ms;
  return counted
    .map(({later, own}) => ({
      queryid: later.statement.queryid,
      query: later.statement.query ?? own.statement.query,
      times: later.n / own.n / median,
      calls_per_second_before: perSecond(own.n, before),
      calls_per_second_after: perSecond(later.n, after),
    }))
    .filter(({times}) => times >= thresholds.more_calls_times.warning)
    .sort((a, b) => b.times - a.times);
}

/** Slower statements and more errors are worse; new statements are not. */
export function isWorse({slower, errors}: Comparison): boolean {
  return slower.length > 0 || errors.is_worse;
}

/**
 * Finds a statement of the baseline: by queryid on the same server; by text on another one, because queryids depend
 * on oids before PostgreSQL 18.
 */
function earlierCalls(baseline: Snapshot, before: PeriodStats, current: Snapshot) {
  const keyOf = isSameServer(baseline, current)
    ? ({userid, dbid, queryid, toplevel}: Statement) => `${userid}/${dbid}/${queryid}/${toplevel}`
    : ({query, usename, toplevel, queryid}: Statement) => `${query ?? queryid}/${usename}/${toplevel}`;
  const known = new Map(before.calls.map(calls => [keyOf(calls.statement), calls]));
  return (statement: Statement): StatementCalls | null => known.get(keyOf(statement)) ?? null;
}

function slowerOf(
  {statement, n, mean}: StatementCalls,
  own: StatementCalls,
  p_value: number,
): SlowerStatement {
  return {
    queryid: statement.queryid,
    query: statement.query ?? own.statement.query,
    calls_before: own.n,
    calls_after: n,
    mean_before_ms: own.mean,
    mean_after_ms: mean,
    ratio: own.mean === 0 ? Number.MAX_VALUE : mean / own.mean,
    p_value,
  };
}

/** Statements called once are ignored: they may be a migration, or typed by a person. */
function newOf({statement: {queryid, query}, n, mean}: StatementCalls): Comparison['new_statements'] {
  return n > 1 ? [{queryid, query, calls: n, mean_exec_time_ms: mean}] : [];
}

/** Rollbacks as a sample of ones and zeros; null for too few transactions. */
function rollbacksOf({commits, rollbacks}: PeriodStats): Sample | null {
  const n = commits + rollbacks;
  if (n < significance.least_calls) return null;
  const mean = rollbacks / n;
  return {n, mean, deviation: Math.sqrt(mean * (1 - mean))};
}

/** A smaller share of rollbacks is not reported. */
const tellingRollbackRatio = 0.01;

function areErrorsWorse(before: Sample | null, after: Sample | null, ratio: number): boolean {
  if (before === null || after === null || after.mean < tellingRollbackRatio) return false;
  return welchGreater(after, before, ratio) <= significance.alpha;
}

function leftOut(baseline: Snapshot, current: Snapshot): string[] {
  const {statements, statements_info} = baseline;
  const {entries = 0, own_entries = 0, hidden_entries = 0} = statements_info ?? {};
  const counted = entries - own_entries - hidden_entries;
  return [
    ...(statements.length === 0 ? ['the baseline has no statements'] : []),
    ...(statements.length > 0 && entries >= mostListed && counted > statements.length
      ? [
          `the baseline has ${statements.length} statements of ${counted}: statements that seem new may not be`,
        ]
      : []),
    ...(isSameServer(baseline, current)
      ? []
      : [
          `the baseline is of ${baseline.target.id}: statements are matched by their text, and times are another machine's`,
        ]),
  ];
}

/** Parses a document of `poolctl snapshot`; null if it is not one. */
export function parseSnapshotDocument(text: string): Snapshot | null {
  try {
    const value: unknown = JSON.parse(text);
    return isSnapshot(value) ? value : null;
  } catch {
    return null;
  }
}

/** Checks the fields that a comparison reads. */
function isSnapshot(value: unknown): value is Snapshot {
  if (!isRecord(value) || value.schema_version !== 1 || typeof value.at !== 'string') return false;
  const {target, budget, statements, databases} = value;
  return (
    isRecord(target) &&
    typeof target.id === 'string' &&
    isRecord(budget) &&
    typeof budget.used === 'number' &&
    Array.isArray(statements) &&
    statements.every(each => isRecord(each) && typeof each.calls === 'number') &&
    Array.isArray(databases)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

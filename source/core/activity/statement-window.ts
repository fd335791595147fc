import type {Snapshot, Statement, StatementsInfo} from '../../model/snapshot.ts';
import {formatRatio} from '../text/format.ts';
import {type StatementCounters, statementKey, withStatementRates} from './rates.ts';
import {mostListed} from './statement-scan.ts';

/** The time that figures of statements are over: between the last two readings, some minutes, or since the reset. */
export const statementWindows = ['readings', '1min', '5min', '60min', 'reset'] as const;

export type StatementWindow = (typeof statementWindows)[number];

/** null: not by the clock. */
export const windowMs: Record<StatementWindow, number | null> = {
  readings: null,
  '1min': 60_000,
  '5min': 300_000,
  '60min': 3_600_000,
  reset: null,
};

/** What a statement did in a window. null is unknown, or no call to have a mean of. */
type StatementFigures = {
  calls: number;
  exec_ms: number;
  exec_share_ratio: number;
  mean_exec_time_ms: number | null;
  stddev_exec_time_ms: number | null;
  calls_per_second: number | null;
  exec_ms_per_second: number | null;
  rows_per_second: number | null;
  shared_blks_hit_per_second: number | null;
  shared_blks_read_per_second: number | null;
  temp_blks_per_second: number | null;
  wal_bytes_per_second: number | null;
};

/** Statements that differ in the length of an IN list only are one row, as pg_stat_statements counts them from 18 on. */
export type StatementRow = {
  /** Of the first of them (`statementKey`). */
  key: string;
  statement: Statement;
  variants: number;
  /** null: unknown in this window. */
  figures: StatementFigures | null;
  /** Where entries were evicted or not read, the share is at least that of several variants, at most that of one statement. */
  share_is: 'exact' | 'at least' | 'at most';
};

export type StatementsOver = {
  rows: StatementRow[];
  /** How long the window really is; null: since a reset whose time is unknown. */
  over_ms: number | null;
  is_since_reset: boolean;
};

/** The counters of a snapshot. Statements are read less often than sessions, at a time of their own. */
export function countersOf({
  at,
  statements,
  statements_info,
}: Pick<Snapshot, 'at' | 'statements' | 'statements_info'>): StatementCounters {
  return {
    at_ms: Date.parse(statements_info?.at ?? at),
    statements,
    stats_reset: statements_info?.stats_reset ?? null,
    is_complete: statements_info !== null && statements_info.entries < mostListed,
    ...(statements_info?.hidden_exec_time_ms !== undefined && {
      hidden_exec_time_ms: statements_info.hidden_exec_time_ms,
    }),
  };
}

/**
 * The statements with their figures over one window. `base`: the counters that a window of minutes begins with; null while
 * they are not known. Without them, or another reading, or across a reset the window is the longest that is known and shorter.
 */
export function statementsOver(
  window: StatementWindow,
  {at, statements, statements_info}: Pick<Snapshot, 'at' | 'statements' | 'statements_info'>,
  base: StatementCounters | null,
): StatementsOver {
  const current = countersOf({at, statements, statements_info});
  const isLossy = statements_info?.is_evicting ?? false;
  const isOver = window !== 'reset' && windowMs[window] !== null && base !== null;
  const isReset = isOver && base.stats_reset !== current.stats_reset;
  const isRead = statements.some(({rates}) => rates);
  if (window === 'reset' || isReset || (!isOver && !isRead)) {
    const over_ms = sinceReset_ms(statements_info, current.at_ms);
    const isPartial = isLossy || !current.is_complete;
    return {rows: toRows(sinceReset(current, over_ms), isPartial), over_ms, is_since_reset: true};
  }
  const rated = isOver ? withStatementRates(base, current) : statements;
  const figures = rated.map(statement => ({statement, figures: figuresOf(statement)}));
  const over_ms = isOver
    ? current.at_ms - base.at_ms
    : (statements.find(({rates}) => rates)?.rates?.interval_ms ?? null);
  const isPartial = isLossy || (isOver && !(base.is_complete && current.is_complete));
  return {rows: toRows(figures, isPartial), over_ms, is_since_reset: false};
}

/** `40.2%`, `≥40%` or `≤41%`: a bound is rounded away from the share. */
export function loadText({figures, share_is}: StatementRow): string {
  if (figures === null) return '-';
  const percent = figures.exec_share_ratio * 100;
  switch (share_is) {
    case 'exact':
      return formatRatio(figures.exec_share_ratio);
    case 'at least':
      return `≥${Math.floor(percent)}%`;
    case 'at most':
      return `≤${Math.ceil(percent)}%`;
  }
}

/** The Overview and a report list at most this many, and the sampler reads their texts. */
const mostCostliest = 12;

/** Those with the highest load, without those that did nothing in the window. */
export function costliestStatements(rows: readonly StatementRow[]): StatementRow[] {
  return rows
    .filter(({figures}) => (figures?.calls ?? 0) > 0)
    .toSorted((a, b) => (b.figures?.exec_ms ?? 0) - (a.figures?.exec_ms ?? 0))
    .slice(0, mostCostliest);
}

type Figured = Pick<StatementRow, 'statement' | 'figures'>;

function sinceReset_ms(info: StatementsInfo | null, at_ms: number): number | null {
  return info?.stats_reset ? at_ms - Date.parse(info.stats_reset) : null;
}

function sinceReset(
  {statements, hidden_exec_time_ms = 0}: StatementCounters,
  over_ms: number | null,
): Figured[] {
  const all = statements.reduce((sum, each) => sum + each.total_exec_time_ms, hidden_exec_time_ms);
  const perSecond = (amount: number) => (over_ms === null || over_ms <= 0 ? null : (amount * 1000) / over_ms);
  return statements.map(statement => ({
    statement,
    figures: {
      calls: statement.calls,
      exec_ms: statement.total_exec_time_ms,
      exec_share_ratio: all === 0 ? 0 : statement.total_exec_time_ms / all,
      mean_exec_time_ms: statement.calls === 0 ? null : statement.mean_exec_time_ms,
      stddev_exec_time_ms: statement.calls === 0 ? null : statement.stddev_exec_time_ms,
      calls_per_second: perSecond(statement.calls),
      exec_ms_per_second: perSecond(statement.total_exec_time_ms),
      rows_per_second: perSecond(statement.rows),
      shared_blks_hit_per_second: perSecond(statement.shared_blks_hit),
      shared_blks_read_per_second: perSecond(statement.shared_blks_read),
      temp_blks_per_second: perSecond(statement.temp_blks_read + statement.temp_blks_written),
      wal_bytes_per_second: perSecond(statement.wal_bytes),
    },
  }));
}

function figuresOf({rates}: Statement): StatementFigures | null {
  if (rates === undefined) return null;
  const {interval_ms, mean_exec_time_ms, stddev_exec_time_ms, ...others} = rates;
  const calls = Math.round((rates.calls_per_second * interval_ms) / 1000);
  return {
    ...others,
    calls,
    exec_ms: (rates.exec_ms_per_second * interval_ms) / 1000,
    mean_exec_time_ms: calls === 0 ? null : mean_exec_time_ms,
    stddev_exec_time_ms: calls === 0 ? null : stddev_exec_time_ms,
  };
}

/** One row for statements of a role and database that differ in the length of an IN list only. */
function toRows(figured: readonly Figured[], isPartial: boolean): StatementRow[] {
  const groups = new Map<string, Figured[]>();
  for (const each of figured) {
    const {userid, dbid, query} = each.statement;
    const folded = query === null ? null : foldLists(query);
    const key = folded === null ? statementKey(each.statement) : `${userid}/${dbid} ${folded}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  return [...groups.values()].map(group => {
    // Whichever of them did most at the moment: the row keeps its key.
    const first = group.reduce((a, b) => (statementKey(a.statement) < statementKey(b.statement) ? a : b));
    const known = group.flatMap(({figures}) => figures ?? []);
    const variants = group.length;
    return {
      key: statementKey(first.statement),
      statement: first.statement,
      variants,
      figures: variants === 1 ? first.figures : known.length === 0 ? null : known.reduce(sumOf),
      share_is: isPartial ? (variants > 1 ? 'at least' : 'at most') : 'exact',
    };
  });
}

function sumOf(a: StatementFigures, b: StatementFigures): StatementFigures {
  const add = (name: keyof StatementFigures) => {
    const [one, other] = [a[name], b[name]];
    return one === null || other === null ? null : one + other;
  };
  const calls = a.calls + b.calls;
  const exec_ms = a.exec_ms + b.exec_ms;
  const mean = calls === 0 ? null : exec_ms / calls;
  return {
    calls,
    exec_ms,
    exec_share_ratio: a.exec_share_ratio + b.exec_share_ratio,
    mean_exec_time_ms: mean,
    stddev_exec_time_ms: mean === null ? null : deviationOf([a, b], mean),
    calls_per_second: add('calls_per_second'),
    exec_ms_per_second: add('exec_ms_per_second'),
    rows_per_second: add('rows_per_second'),
    shared_blks_hit_per_second: add('shared_blks_hit_per_second'),
    shared_blks_read_per_second: add('shared_blks_read_per_second'),
    temp_blks_per_second: add('temp_blks_per_second'),
    wal_bytes_per_second: add('wal_bytes_per_second'),
  };
}

/** Of all calls of several samples, around their common mean. */
function deviationOf(samples: readonly StatementFigures[], mean: number): number | null {
  let [calls, squares] = [0, 0];
  for (const sample of samples) {
    if (sample.calls === 0) continue;
    if (sample.stddev_exec_time_ms === null || sample.mean_exec_time_ms === null) return null;
    squares += sample.calls * (sample.stddev_exec_time_ms ** 2 + (sample.mean_exec_time_ms - mean) ** 2);
    calls += sample.calls;
  }
  return calls === 0 ? null : Math.sqrt(squares / calls);
}

const parameter = String.raw`\$\d+(?:::\w+)?`;
const list = new RegExp(String.raw`\bIN\s*\(\s*${parameter}(?:\s*,\s*${parameter})*\s*\)`, 'gi');

/**
 * A statement with its IN lists of parameters cut to one, and without the numbers of parameters, which follow from the lengths
 * of the lists; null without such a list. Before 18 each length is an entry of pg_stat_statements.
 */
export function foldLists(query: string): string | null {
  const cut = withoutLists(query);
  return cut === query ? null : cut.replace(/\$\d+/g, '$');
}

/** For reading: `IN ($1, ...)`. */
export function withoutLists(query: string): string {
  return query.replace(list, found => `${/^[^,)]*/.exec(found)?.[0] ?? found}, ...)`);
}

import {
  loadText,
  type StatementRow,
  type StatementsOver,
  statementsOver,
  withoutLists,
} from '../../core/activity/statement-window.ts';
import {thresholds} from '../../core/health/thresholds.ts';
import {formatBytes, formatCount, formatMs, formatSpan} from '../../core/text/format.ts';
import type {Statement} from '../../model/snapshot.ts';
import type {Role} from '../screen/line.ts';
import {type TableState, tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';
import {oneLine} from './one-line.ts';

/** All figures of a row are over the window that the console shows. */
export const statementColumns: Column<StatementRow>[] = [
  {
    id: 'load',
    title: 'LOAD',
    help: 'share of all execution time; where entries are evicted, at most or at least',
    width: 6,
    priority: 1,
    align: 'right',
    text: loadText,
    role: ({figures}) =>
      (figures?.exec_share_ratio ?? 0) > thresholds.exec_share_ratio.critical ? 'danger' : 'plain',
    sortValue: ({figures}) => figures?.exec_ms ?? null,
  },
  {
    id: 'exec',
    title: 'EXEC/s',
    help: 'execution time per second: 1s is one busy session',
    width: 8,
    priority: 5,
    align: 'right',
    text: ({figures}) => formatMs(figures?.exec_ms_per_second ?? null),
    sortValue: ({figures}) => figures?.exec_ms_per_second ?? null,
  },
  {
    id: 'calls',
    title: 'CALLS/s',
    help: 'calls per second',
    width: 7,
    priority: 4,
    align: 'right',
    text: ({figures}) => formatCount(figures?.calls_per_second ?? null),
    sortValue: ({figures}) => figures?.calls_per_second ?? null,
  },
  {
    id: 'mean',
    title: 'MEAN',
    help: 'mean time of these calls',
    width: 8,
    priority: 3,
    align: 'right',
    text: ({figures}) => formatMs(figures?.mean_exec_time_ms ?? null),
    role: ({figures}) => slownessRole(figures?.mean_exec_time_ms ?? 0),
    sortValue: ({figures}) => figures?.mean_exec_time_ms ?? null,
  },
  {
    id: 'deviation',
    title: '±DEV',
    help: 'standard deviation of that',
    width: 8,
    priority: 9,
    align: 'right',
    text: ({figures}) => formatMs(figures?.stddev_exec_time_ms ?? null),
    sortValue: ({figures}) => figures?.stddev_exec_time_ms ?? null,
  },
  {
    id: 'total',
    title: 'TOTAL',
    help: 'execution time',
    width: 7,
    priority: 4,
    align: 'right',
    text: ({figures}) => formatMs(figures?.exec_ms ?? null),
    sortValue: ({figures}) => figures?.exec_ms ?? null,
  },
  {
    id: 'count',
    title: 'CALLS',
    help: 'calls',
    width: 5,
    priority: 6,
    align: 'right',
    text: ({figures}) => formatCount(figures?.calls ?? null),
    sortValue: ({figures}) => figures?.calls ?? null,
  },
  {
    id: 'rows',
    title: 'ROWS/s',
    help: 'rows returned or changed per second',
    width: 6,
    priority: 7,
    align: 'right',
    text: ({figures}) => formatCount(figures?.rows_per_second ?? null),
    sortValue: ({figures}) => figures?.rows_per_second ?? null,
  },
  {
    id: 'hit',
    title: 'HIT/s',
    help: 'blocks per second found in shared buffers',
    width: 6,
    priority: 10,
    align: 'right',
    text: ({figures}) => formatCount(figures?.shared_blks_hit_per_second ?? null),
    sortValue: ({figures}) => figures?.shared_blks_hit_per_second ?? null,
  },
  {
    id: 'read',
    title: 'READ/s',
    help: 'blocks per second read from outside them',
    width: 6,
    priority: 11,
    align: 'right',
    text: ({figures}) => formatCount(figures?.shared_blks_read_per_second ?? null),
    sortValue: ({figures}) => figures?.shared_blks_read_per_second ?? null,
  },
  {
    id: 'temp',
    title: 'TEMP/s',
    help: 'temporary blocks per second, beyond work_mem',
    width: 6,
    priority: 13,
    align: 'right',
    text: ({figures}) => formatCount(figures?.temp_blks_per_second ?? null),
    sortValue: ({figures}) => figures?.temp_blks_per_second ?? null,
  },
  {
    id: 'wal',
    title: 'WAL/s',
    help: 'WAL written per second',
    width: 6,
    priority: 12,
    align: 'right',
    text: ({figures}) => formatBytes(figures?.wal_bytes_per_second ?? null),
    sortValue: ({figures}) => figures?.wal_bytes_per_second ?? null,
  },
  {
    id: 'role',
    isText: true,
    title: 'ROLE',
    help: 'role that executes it',
    width: 13,
    widest: 30,
    priority: 8,
    text: ({statement}) => statement.usename ?? statement.userid,
    sortValue: ({statement}) => statement.usename,
  },
  {
    id: 'database',
    isText: true,
    title: 'DATABASE',
    help: 'database that it is executed in',
    width: 11,
    priority: 14,
    text: ({statement}) => statement.datname ?? statement.dbid,
    sortValue: ({statement}) => statement.datname,
  },
  {
    id: 'query',
    isText: true,
    title: 'STATEMENT',
    help: 'without constants; 12x: entries that differ in the length of IN lists; (queryid) until it is read',
    width: 24,
    grows: true,
    leastShare: 0.4,
    priority: 2,
    text: statementText,
    whole: row => row.statement.query ?? statementText(row),
    aliases: ({statement: {query}}) => (query === null ? [] : [query]),
    role: ({statement}) => (statement.query === null ? 'muted' : 'plain'),
    sortValue: ({statement}) => statement.query,
  },
];

export function statementText({statement: {query, queryid}, variants}: StatementRow): string {
  if (query === null) return `(${queryid})`;
  return variants === 1 ? oneLine(query) : `${variants}x ${oneLine(withoutLists(query))}`;
}

function slownessRole(mean_ms: number): Role {
  const {warning, critical} = thresholds.slowest_mean_exec_time_ms;
  if (mean_ms > critical) return 'danger';
  return mean_ms > warning ? 'warning' : 'plain';
}

type Shown = Pick<ConsoleState, 'snapshot' | 'tables' | 'window' | 'windowBase'>;

/**
 * The statements of the snapshot shown, over the window shown. Computed once for counters that are the same, which are read
 * less often than sessions: the view, its page and what is read next ask for them.
 */
export function shownWindow({snapshot, window, windowBase}: Omit<Shown, 'tables'>): StatementsOver {
  if (snapshot === null) return noStatements;
  const {at, statements, statements_info} = snapshot;
  const counted_at = statements_info?.at ?? at;
  const known = shownWindows.get(statements);
  if (known?.window === window && known.windowBase === windowBase && known.counted_at === counted_at)
    return known.over;
  const over = statementsOver(window, snapshot, windowBase);
  shownWindows.set(statements, {window, windowBase, counted_at, over});
  return over;
}

const noStatements: StatementsOver = {rows: [], over_ms: null, is_since_reset: false};

type KnownWindow = Pick<ConsoleState, 'window' | 'windowBase'> & {
  counted_at: string;
  over: StatementsOver;
};
const shownWindows = new WeakMap<readonly Statement[], KnownWindow>();

export function statementRows(state: Shown): StatementRow[] {
  return arrangeStatements(shownWindow(state), tableOf(state, 'statements'));
}

export function arrangeStatements({rows}: StatementsOver, table: TableState): StatementRow[] {
  return arrangeRows(rows, table, statementColumns, ({key}) => key);
}

/** `over 40s`, `since the reset 3d ago`. */
export function windowText({over_ms, is_since_reset}: StatementsOver): string {
  if (!is_since_reset) return over_ms === null ? '' : `over ${formatSpan(over_ms)}`;
  return over_ms === null ? 'since the reset' : `since the reset ${formatSpan(over_ms)} ago`;
}

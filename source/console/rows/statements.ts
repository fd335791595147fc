import {statementKey} from '../../core/activity/rates.ts';
import {thresholds} from '../../core/health/thresholds.ts';
import {formatBytes, formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import type {Statement, StatementRates} from '../../model/snapshot.ts';
import type {Role} from '../screen/line.ts';
import type {TableState} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';
import {oneLine} from './one-line.ts';

/** Rates once there are two snapshots, until then totals since the last reset. */
export const statementColumns: Column<Statement>[] = [
  {
    id: 'load',
    title: 'LOAD',
    help: 'share of all execution time, last two readings',
    width: 6,
    priority: 1,
    align: 'right',
    text: s => (s.rates ? formatRatio(s.rates.exec_share_ratio) : '-'),
    role: s => ((s.rates?.exec_share_ratio ?? 0) > thresholds.exec_share_ratio.critical ? 'danger' : 'plain'),
    sortValue: s => s.rates?.exec_ms_per_second ?? null,
  },
  {
    id: 'exec',
    title: 'EXEC/s',
    help: 'execution time per second: 1s is one busy session',
    width: 8,
    priority: 5,
    align: 'right',
    text: s => formatMs(s.rates?.exec_ms_per_second ?? null),
    sortValue: s => s.rates?.exec_ms_per_second ?? null,
  },
  {
    id: 'calls',
    title: 'CALLS/s',
    help: 'calls per second between the last two readings',
    width: 7,
    priority: 4,
    align: 'right',
    text: s => formatCount(s.rates?.calls_per_second ?? null),
    sortValue: s => s.rates?.calls_per_second ?? null,
  },
  {
    id: 'mean',
    title: 'MEAN',
    help: 'mean time of these calls; of all since the reset if there were none',
    width: 8,
    priority: 3,
    align: 'right',
    text: s => formatMs(timesOf(s).mean_exec_time_ms),
    role: s => slownessRole(timesOf(s).mean_exec_time_ms),
    sortValue: s => timesOf(s).mean_exec_time_ms,
  },
  {
    id: 'deviation',
    title: '±DEV',
    help: 'standard deviation of that',
    width: 8,
    priority: 9,
    align: 'right',
    text: s => formatMs(timesOf(s).stddev_exec_time_ms),
    sortValue: s => timesOf(s).stddev_exec_time_ms,
  },
  {
    id: 'total',
    title: 'TOTAL',
    help: 'execution time since the statistics were reset',
    width: 7,
    priority: 4,
    align: 'right',
    text: s => formatMs(s.total_exec_time_ms),
    sortValue: s => s.total_exec_time_ms,
  },
  {
    id: 'count',
    title: 'CALLS',
    help: 'calls since the statistics were reset',
    width: 5,
    priority: 6,
    align: 'right',
    text: s => formatCount(s.calls),
    sortValue: s => s.calls,
  },
  {
    id: 'rows',
    title: 'ROWS/s',
    help: 'rows returned or changed per second',
    width: 6,
    priority: 7,
    align: 'right',
    text: s => formatCount(s.rates?.rows_per_second ?? null),
    sortValue: s => s.rates?.rows_per_second ?? null,
  },
  {
    id: 'hit',
    title: 'HIT/s',
    help: 'blocks per second found in shared buffers',
    width: 6,
    priority: 10,
    align: 'right',
    text: s => formatCount(s.rates?.shared_blks_hit_per_second ?? null),
    sortValue: s => s.rates?.shared_blks_hit_per_second ?? null,
  },
  {
    id: 'read',
    title: 'READ/s',
    help: 'blocks per second read from outside them',
    width: 6,
    priority: 11,
    align: 'right',
    text: s => formatCount(s.rates?.shared_blks_read_per_second ?? null),
    sortValue: s => s.rates?.shared_blks_read_per_second ?? null,
  },
  {
    id: 'temp',
    title: 'TEMP/s',
    help: 'temporary blocks per second, beyond work_mem',
    width: 6,
    priority: 13,
    align: 'right',
    text: s => formatCount(s.rates?.temp_blks_per_second ?? null),
    sortValue: s => s.rates?.temp_blks_per_second ?? null,
  },
  {
    id: 'wal',
    title: 'WAL/s',
    help: 'WAL written per second',
    width: 6,
    priority: 12,
    align: 'right',
    text: s => formatBytes(s.rates?.wal_bytes_per_second ?? null),
    sortValue: s => s.rates?.wal_bytes_per_second ?? null,
  },
  {
    id: 'role',
    isText: true,
    title: 'ROLE',
    help: 'role that executes it',
    width: 13,
    widest: 30,
    priority: 8,
    text: s => s.usename ?? s.userid,
    sortValue: s => s.usename,
  },
  {
    id: 'database',
    isText: true,
    title: 'DATABASE',
    help: 'database that it is executed in',
    width: 11,
    priority: 14,
    text: s => s.datname ?? s.dbid,
    sortValue: s => s.datname,
  },
  {
    id: 'query',
    isText: true,
    title: 'STATEMENT',
    help: 'statement without constants; (queryid) until it is read',
    width: 24,
    grows: true,
    leastShare: 0.4,
    priority: 2,
    text: s => (s.query === null ? `(${s.queryid})` : oneLine(s.query)),
    aliases: s => (s.query === null ? [] : [s.query]),
    role: s => (s.query === null ? 'muted' : 'plain'),
    sortValue: s => s.query,
  },
];

/** Times of the calls between two snapshots, or of all calls since the last reset where there were none. */
function timesOf(statement: Statement): Pick<StatementRates, 'mean_exec_time_ms' | 'stddev_exec_time_ms'> {
  return statement.rates && statement.rates.calls_per_second > 0 ? statement.rates : statement;
}

function slownessRole(mean_ms: number): Role {
  const {warning, critical} = thresholds.slowest_mean_exec_time_ms;
  if (mean_ms > critical) return 'danger';
  return mean_ms > warning ? 'warning' : 'plain';
}

type Shown = Pick<ConsoleState, 'snapshot' | 'tables'>;

export function statementRows(state: Shown): Statement[] {
  return arrangeRows(
    state.snapshot?.statements ?? [],
    statementsTable(state),
    statementColumns,
    statementKey,
  );
}

/** The Overview lists at most this many, and the sampler reads their texts. */
export const mostCostliest = 12;

/** Those with the highest load; before the second snapshot, with the longest execution time in total. */
export function costliestStatements(statements: Statement[]): Statement[] {
  return statements.toSorted((a, b) => loadOf(b) - loadOf(a)).slice(0, mostCostliest);
}

function loadOf({rates, total_exec_time_ms}: Statement): number {
  return rates ? 1e12 + rates.exec_ms_per_second : total_exec_time_ms;
}

/** Before the second snapshot there are no rates: totals decide, so that the first screen is already useful. */
export function statementsTable({snapshot, tables: {statements}}: Shown): TableState {
  const hasRates = snapshot?.statements.some(({rates}) => rates) ?? false;
  return hasRates || statements.sort.column !== 'load'
    ? statements
    : {...statements, sort: {...statements.sort, column: 'total'}};
}

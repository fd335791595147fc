import type {Act, Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {statementName} from '../../sql/statement-name.ts';
import {formatMs, formatRatio} from '../../text/format.ts';
import {type Context, shareOf, windowMs} from '../context.ts';
import {meanBefore, type StatementHistory, tablesOf} from '../statement-history.ts';

const {slow_active_sessions, slower_than_before_times} = thresholds;

/** A statement that takes `share` of the load. */
export type Slow = {history: StatementHistory; share: number};

export function isSlower(history: StatementHistory): boolean {
  const mean_before = meanBefore(history);
  return mean_before === null || history.mean_ms >= mean_before * slower_than_before_times.warning;
}

export function base({history, share}: Slow, context: Context): Omit<Finding, 'summary'> & {recipe: string} {
  const {statement, mean_ms, calls_per_second, active} = history;
  const isSeen = (queryid: string) =>
    shareOf(context.samples, ({begun}) => begun.some(each => each.query_id === queryid));
  return {
    recipe: 'slow-statement',
    severity: active >= slow_active_sessions.critical ? 'critical' : 'warning',
    subject: `statement:${statement.queryid}`,
    evidence: {
      queryid: statement.queryid,
      usename: statement.usename,
      database: statement.datname,
      mean_exec_time_ms: Math.round(mean_ms * 10) / 10,
      mean_before_ms: meanBefore(history),
      calls_per_second: Math.round(calls_per_second * 10) / 10,
      active_sessions: Math.round(active * 10) / 10,
      load_ratio: share,
      window_ms: windowMs(context),
    },
    harm: {kind: 'slow', sessions: active, share: Math.max(isSeen(statement.queryid), 0.5), since: null},
  };
}

export function explained({history: {statement}}: Slow): string[] {
  return [`statement:${statement.queryid}`];
}

/** `SELECT of listings by web_app: 1.2s per call, 94% of the load, in 8 concurrent sessions`. */
export function describe({history, share}: Slow): string {
  const {mean_ms, active} = history;
  return `${nameStatement(history)}: ${formatMs(mean_ms)} per call, ${formatRatio(share, 0)} of the load, ${active.toFixed(1)} concurrent sessions`;
}

/** `a SELECT of listings by web_app`. */
export function nameStatement({statement}: StatementHistory): string {
  const [table] = tablesOf(statement.query);
  const name = statementName(statement.query) || `statement ${statement.queryid}`;
  const what = name === 'a SELECT' && table !== undefined ? `a SELECT of ${table}` : name;
  return `${what} by ${statement.usename ?? '?'}`;
}

export function before({history}: Slow): string[] {
  const mean_ms = meanBefore(history);
  if (mean_ms === null) return ['The statement is new: it has no earlier calls.'];
  return [`Before the assessed time it took ${formatMs(mean_ms)} per call, on average since the last reset.`];
}

export function planAdvice({history: {statement}}: Slow): Act[] {
  const [table] = tablesOf(statement.query);
  return [
    {
      recipe: 'apply-indexes',
      params: {},
      title: `look for an index that serves it${table === undefined ? '' : ` on ${table}`}`,
      frees: null,
      costs: 'an index takes space, and each write maintains it',
    },
  ];
}

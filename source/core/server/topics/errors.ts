import type {IoState, LoggedDeadlock, LoggedError, ServerLog} from '../../../model/server-work.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {poolName} from '../../assessment/context.ts';
import {sessionOf} from '../../assessment/harms/logged.ts';
import {thresholds} from '../../health/thresholds.ts';
import {timeOfDay} from '../../text/clock.ts';
import {counted, formatAge, formatCount, formatSpan} from '../../text/format.ts';
import {type Part, type TopicRow, topic} from './topic.ts';

/** Deadlocks as the server counts them, and the errors of its log. */
export const errors = topic({
  name: 'errors',
  reads: [],
  rows({io, server_log: log}, snapshot) {
    return [
      ...(io === undefined ? [] : [deadlocksRow(io, log)]),
      ...(log === undefined ? [] : logRows(log, snapshot)),
    ];
  },
});

function deadlocksRow({deadlocks, rates}: IoState, log: ServerLog | undefined): TopicRow {
  const count = rates && Math.round((rates.deadlocks_per_minute * rates.interval_ms) / 60_000);
  const {warning, critical} = thresholds.deadlocks_per_minute;
  const page = () => (log?.deadlocks ?? []).toReversed().map(deadlockPart);
  if (rates === undefined || count === undefined)
    return {
      ...{id: 'deadlocks', verdict: 'unknown', page},
      text: `deadlocks per minute are available after the next refresh; ${counted(deadlocks, 'deadlock')} since the statistics began`,
    };
  const span = formatSpan(rates.interval_ms);
  // One in the first seconds is no rate: as findings do, by the count, and a minute's worth of them for critical.
  const isRate = count === 0 || count >= warning;
  return {
    ...{id: 'deadlocks', page},
    verdict:
      count >= critical ? 'critical' : isRate && rates.deadlocks_per_minute >= warning ? 'warning' : 'ok',
    text: `${isRate ? `${formatCount(rates.deadlocks_per_minute)} deadlocks per minute over ${span}` : `${counted(count, 'deadlock')} in ${span}`}; ${deadlocks} since the statistics began`,
  };
}

function deadlockPart({at, processes, context}: LoggedDeadlock): Part {
  return {
    heading: `deadlock ${at === null ? 'in the log' : `at ${timeOfDay(at)}`}`,
    properties: processes.map(({pid, waits_for, blocked_by, statement}): [string, string] => [
      String(pid),
      `waits for ${waits_for}, blocked by ${blocked_by}${statement === null ? '' : `: ${statement}`}`,
    ]),
    text: context === null ? [] : [context],
  };
}

/** Lines of the view: the rest is in the log. */
const mostRows = 8;

function logRows(log: ServerLog, snapshot: Snapshot): TopicRow[] {
  const {file, problem, errors: all, from, to} = log;
  if (problem !== null)
    return [{id: 'log', verdict: 'unknown', text: `the server log: ${problem}`, page: () => []}];
  const since = from === null ? '' : ` since ${timeOfDay(from)}`;
  if (all.length === 0)
    return [
      {id: 'log', verdict: 'ok', text: `no error in the server log${since}`, page: () => [filePart(log)]},
    ];
  const now_ms = Date.parse(snapshot.at);
  return all.slice(0, mostRows).map(error => ({
    id: `log:${error.sqlstate} ${error.message} ${error.application_name}/${error.usename}`,
    verdict: verdictOf(error, now_ms),
    text: textOf(error, now_ms, snapshot),
    page: () => [errorPart(error, snapshot), filePart({...log, file, to})],
  }));
}

/** What happened longer ago is shown, and is no warning. */
const recentMs = 300_000;

/** The server itself is in trouble, or refuses sessions: classes 53, 57P, 58, XX. */
const severe = /^(?:53|57P0[2-5]|58|XX)/;

function verdictOf({severity, sqlstate, last_at}: LoggedError, now_ms: number): TopicRow['verdict'] {
  const isRecent = last_at !== null && now_ms - Date.parse(last_at) <= recentMs;
  if (!isRecent) return 'ok';
  return severity === 'PANIC' || severe.test(sqlstate ?? '') ? 'critical' : 'warning';
}

/** `53300 sorry, too many clients already: 31 times, last 12s ago, web/app`. */
function textOf(error: LoggedError, now_ms: number, snapshot: Snapshot): string {
  const {sqlstate, message, count, last_at} = error;
  const ago = last_at === null ? '' : `, last ${formatAge(now_ms - Date.parse(last_at))} ago`;
  const who = whoOf(error, snapshot);
  return `${sqlstate === null ? '' : `${sqlstate} `}${message}: ${counted(count, 'time')}${ago}${who === null ? '' : `, ${who}`}`;
}

/** By the log, or by the session with its pid. */
function whoOf(error: LoggedError, snapshot: Snapshot): string | null {
  const session = sessionOf(error, snapshot);
  const usename = error.usename ?? session?.usename ?? null;
  const application_name = error.application_name ?? session?.application_name ?? '';
  return usename === null ? null : poolName({application_name, usename});
}

function errorPart(error: LoggedError, snapshot: Snapshot): Part {
  const {severity, sqlstate, message, count, first_at, last_at, pid, statement, datname} = error;
  const isOpen = sessionOf(error, snapshot) !== undefined;
  return {
    heading: `${severity}${sqlstate === null ? '' : ` ${sqlstate}`}`,
    properties: [
      ['message', message],
      [
        'times',
        `${count}${first_at === null || last_at === null ? '' : `, ${timeOfDay(first_at)} to ${timeOfDay(last_at)}`}`,
      ],
      ['application', whoOf(error, snapshot) ?? 'unknown: not in log_line_prefix, and its session has ended'],
      ['database', datname ?? '?'],
      ['session', `${pid ?? '?'}${isOpen ? ', still open' : ''}`],
      ['statement', statement ?? '?'],
    ],
  };
}

function filePart({file, from, to}: ServerLog): Part {
  return {
    heading: 'the log',
    properties: [
      ['file', file ?? ''],
      [
        'read',
        from === null || to === null
          ? 'no entry'
          : `${timeOfDay(from)} to ${timeOfDay(to)}, the last 1M of it at most`,
      ],
    ],
  };
}

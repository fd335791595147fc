import type {LoggedDeadlock, LoggedError, ServerLog} from '../../../model/server-work.ts';
import {shownStatement} from '../../sql/shown-sql.ts';
import {redactSecrets} from '../../text/redact.ts';
import {createLogClock, type LogEntry, sqlstateOf} from './log-entry.ts';
import {parseStderrLog} from './stderr-log.ts';
import {parseCsvLog, parseJsonLog} from './structured-log.ts';

/** Bounds each list, as the log is among the facts that are recorded. */
const mostErrors = 50;
const mostDeadlocks = 10;

export type LogTail = {
  file: string;
  /** The end of the file. It may begin and end in the middle of a line. */
  text: string;
  /** The server's log_line_prefix; null if it is not known. */
  prefix: string | null;
  /** The server's log_timezone; null if it is not known. */
  time_zone: string | null;
};

/** The errors and deadlocks of a log's end, in whichever format it is written. Without secrets and literals. */
export function summariseLog({file, text, ...format}: LogTail): ServerLog {
  // The last line may be half written.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const entries = parseLog(whole, format);
  const times = entries.flatMap(({at}) => at ?? []);
  const errors = entries.filter(({severity}) => errorSeverities.has(severity));
  return {
    file,
    from: times[0] ?? null,
    to: times.at(-1) ?? null,
    errors: groupErrors(errors),
    deadlocks: errors
      .filter(each => sqlstateOf(each) === '40P01')
      .slice(-mostDeadlocks)
      .flatMap(readDeadlock),
    problem: problemOf(whole, entries),
  };
}

const errorSeverities = new Set(['ERROR', 'FATAL', 'PANIC']);

function parseLog(text: string, {prefix, time_zone}: Pick<LogTail, 'prefix' | 'time_zone'>): LogEntry[] {
  const clock = createLogClock(time_zone);
  const json = parseJsonLog(text, clock);
  if (json.length > 0) return json;
  const csv = parseCsvLog(text, clock);
  return csv.length > 0 ? csv : parseStderrLog(text, {prefix: prefix ?? '%m [%p] ', clock});
}

function problemOf(text: string, entries: readonly LogEntry[]): string | null {
  if (text.trim() === '') return null;
  if (entries.length === 0)
    return "no line has the form of the server's log_line_prefix: is it the log of this server, with lc_messages in English?";
  if (entries.every(({at}) => at === null)) return 'its times are not known: add %m to log_line_prefix';
  return null;
}

function groupErrors(errors: readonly LogEntry[]): LoggedError[] {
  const groups = new Map<string, LogEntry[]>();
  for (const entry of errors) {
    const {message, application_name, usename, datname} = entry;
    const key = [sqlstateOf(entry), withoutNumbers(shown(message)), application_name, usename, datname].join(
      '\0',
    );
    const alike = groups.get(key) ?? [];
    alike.push(entry);
    // In the place of the last one.
    groups.delete(key);
    groups.set(key, alike);
  }
  return [...groups.values()].toReversed().slice(0, mostErrors).map(describeErrors);
}

/** As the last one of them. */
function describeErrors(alike: readonly LogEntry[]): LoggedError {
  const last = alike.at(-1) as LogEntry;
  const {at, severity, pid, message, application_name, usename, datname} = last;
  const since_ms = at === null ? Infinity : Date.parse(at) - recentMs;
  const statement = alike.findLast(each => each.statement !== null)?.statement ?? null;
  return {
    count: alike.length,
    recent_count: alike.filter(each => each.at !== null && Date.parse(each.at) >= since_ms).length,
    first_at: alike.find(each => each.at !== null)?.at ?? null,
    last_at: at,
    severity,
    sqlstate: sqlstateOf(last),
    message: shown(message),
    pid,
    application_name: application_name && shown(application_name),
    usename: usename && shown(usename),
    datname: datname && shown(datname),
    statement: statement && shownSql(statement),
  };
}

/** What counts as lately. */
const recentMs = 120_000;

/** Messages that differ by a number only are alike. */
function withoutNumbers(message: string): string {
  return message.replace(/\d+/g, '0').slice(0, longestMessage);
}

/**
 * What a client sent; names of objects remain. To the end, as the value may contain quotes, and its last one may be cut:
 * `invalid input syntax for type integer: "7a"`, `syntax error at or near "Brien"`, `value "7" is out of range`, `"1e999" is out of range`.
 */
const values = /(: |\bnear |\bvalue )"(?:.*"(?= is out of )|.*)/s;
const outOfRange = /^".*"(?= is out of )/s;

const longestMessage = 300;
const longestStatement = 1000;

function shown(text: string): string {
  return redactSecrets(withoutValues(text)).slice(0, longestMessage);
}

function withoutValues(text: string): string {
  return text.replace(values, '$1"?"').replace(outOfRange, '"?"');
}

function shownSql(text: string): string {
  return shownStatement(text.slice(0, longestStatement));
}

/** `Process 7 waits for ShareLock on transaction 9; blocked by process 8.` (DeadLockReport in deadlock.c) */
const waitLine = /^Process (\d+) waits for (.+); blocked by process (\d+)\.$/;
const statementLine = /^Process (\d+): (.*)$/;

/** Where a part of a CONTEXT begins (spi.c, pl_exec.c, functions.c, lmgr.c, copyfrom.c); a statement in it may have several lines. */
const contextPart =
  /^(?:SQL (?:statement|expression|function) "|PL\/\w+ |while \w+ing (?:index )?tuple \(\d+,\d+\) in relation "|COPY \S+, line \d+)/;
const contextSql = /^(SQL (?:statement|expression) |PL\/pgSQL assignment )"(.*?)"?$/s;

function shownContext(context: string): string {
  const parts: string[] = [];
  for (const line of context.split('\n')) {
    if (parts.length === 0 || contextPart.test(line)) parts.push(line);
    else parts.push(`${parts.pop()}\n${line}`);
  }
  const shownParts = parts.map(part => {
    const [, kind, sql = ''] = contextSql.exec(part) ?? [];
    return kind === undefined ? withoutValues(shownStatement(part)) : `${kind}"${shownSql(sql)}"`;
  });
  return redactSecrets(shownParts.join('\n')).slice(0, longestMessage);
}

function readDeadlock({at, detail, context}: LogEntry): LoggedDeadlock[] {
  const processes: LoggedDeadlock['processes'] = [];
  let speaking: LoggedDeadlock['processes'][number] | null = null;
  for (const line of (detail ?? '').split('\n')) {
    const [, pid, waits_for, blocked_by] = waitLine.exec(line) ?? [];
    if (pid !== undefined && waits_for !== undefined) {
      processes.push({
        pid: Number(pid),
        waits_for: shown(waits_for),
        blocked_by: Number(blocked_by),
        statement: null,
      });
      continue;
    }
    const [, speaker, words] = statementLine.exec(line) ?? [];
    const found = speaker === undefined ? undefined : processes.find(each => each.pid === Number(speaker));
    if (found !== undefined) speaking = found;
    if (speaking !== null)
      speaking.statement =
        speaking.statement === null || found !== undefined ? (words ?? '') : `${speaking.statement}\n${line}`;
  }
  if (processes.length === 0) return [];
  return [
    {
      at,
      processes: processes.map(each => ({...each, statement: each.statement && shownSql(each.statement)})),
      context: context && shownContext(context),
    },
  ];
}

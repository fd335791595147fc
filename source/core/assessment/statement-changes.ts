import type {Sample} from '../../model/assessment.ts';
import type {ChangeLog, LoggedChange, StatementSample, StatementWindow} from '../../model/change-log.ts';
import type {Snapshot, Statement} from '../../model/snapshot.ts';
import {statementKey} from '../activity/rates.ts';
import {statementName} from '../sql/statement-name.ts';
import {counted} from '../text/format.ts';
import {completed, type Draft} from './changes.ts';
import {tablesOf} from './statement-history.ts';
import {gone, nextRates, rateChange, silentWindows, unknownRates} from './statement-rates.ts';
import {isSchemaChange} from './writing-statement.ts';

type Counters = Pick<ChangeLog, 'known' | 'dealloc' | 'evicted_ms' | 'window' | 'usual'>;
type After = Omit<Sample, 'log' | 'pool_counts'>;

/** A statement that has changed. `weight` orders those that are too many to be named. */
type Found = {
  id: string;
  event: string;
  before: string | null;
  after: string | null;
  at_ms: number;
  weight: number;
};

/** Covers several readings of the counters, which are read every 8 s (sampler/schedule.ts). */
const windowLengthMs = 30_000;
/** For this long after an eviction no entry is reported as new: it may be one that was evicted. */
const evictedForMs = 3_600_000;

/** The statement counters of the log, brought up to date, and the changes that they show; `before` null starts over. */
export function readStatements(
  log: Counters,
  before: Sample | null,
  after: After,
  snapshot: Snapshot,
): Counters & {drafts: Draft[]} {
  const {known, window, usual} = log;
  if (after.statements === null) return {...countersOf(log), drafts: []};
  const info = snapshot.statements_info;
  const at_ms = readAt(after);
  const isEvicting = info !== null && (info.is_evicting || info.dealloc > (log.dealloc ?? info.dealloc));
  const counters: Counters = {
    // While entries come and go by eviction, none is reported as new: then only those at hand are kept.
    known: withKnown(isEvicting ? null : known, after.statements),
    dealloc: info?.dealloc ?? null,
    evicted_ms: isEvicting ? at_ms : log.evicted_ms,
    window,
    usual,
  };
  const isReset = before !== null && before.server.stats_reset !== after.server.stats_reset;
  if (before === null || known === null || window === null || isReset)
    return {...counters, window: windowOf(after), drafts: []};
  const isSure = counters.evicted_ms === null || at_ms - counters.evicted_ms > evictedForMs;
  const begun = isSure ? newStatements(known, after, snapshot) : [];
  if (at_ms - window.at_ms < windowLengthMs) return {...counters, drafts: draftsOf(begun, snapshot, at_ms)};
  const ended = endWindow(counters, window, after);
  const drafts = [
    ...draftsOf([...begun, ...ended.found], snapshot, at_ms),
    ...repeatedSchemaChanges(window, snapshot, at_ms),
  ];
  return {...counters, window: windowOf(after), usual: ended.usual, drafts};
}

function countersOf({known, dealloc, evicted_ms, window, usual}: Counters): Counters {
  return {known, dealloc, evicted_ms, window, usual};
}

/** The same set where nothing is added: that is the usual case. */
function withKnown(known: Counters['known'], statements: readonly StatementSample[]): Counters['known'] {
  if (known !== null && statements.every(({id}) => known.has(id))) return known;
  return new Set([...(known ?? []), ...statements.map(({id}) => id)]);
}

function readAt({statements_at, at_ms}: After): number {
  return statements_at === null ? at_ms : Date.parse(statements_at);
}

function windowOf(after: After): StatementWindow {
  return {at_ms: readAt(after), counters: new Map((after.statements ?? []).map(each => [each.id, each]))};
}

const isNew = 'is new';

/** Only the costliest are read: with fewer than this all were, and one that was missing did not exist. */
const surelyAll = 150;

/** Entries that were made since the counters were first read: by their own time (extension 1.11), or by having been absent. */
function newStatements(
  known: ReadonlySet<string>,
  {statements, ...after}: After,
  snapshot: Snapshot,
): Found[] {
  const unseen = (statements ?? []).filter(({id}) => !known.has(id));
  if (unseen.length === 0) return [];
  const hasTimes = snapshot.statements.some(({stats_since}) => stats_since !== null);
  if (!hasTimes && snapshot.statements.length >= surelyAll) return [];
  return unseen.flatMap(({id, calls, total_exec_time_ms, since_ms}) => {
    if (hasTimes && since_ms === undefined) return [];
    return {
      id,
      event: isNew,
      before: null,
      after: counted(calls, 'call'),
      at_ms: since_ms ?? after.at_ms,
      weight: total_exec_time_ms,
    };
  });
}

/** More than these come and go, as IN lists of ever other lengths do: only those listed are kept. */
const mostUsual = 2000;

/** What the window says of each statement against its earlier ones. */
function endWindow(
  {usual}: Counters,
  window: StatementWindow,
  after: After,
): {usual: Counters['usual']; found: Found[]} {
  const at_ms = readAt(after);
  const interval_ms = at_ms - window.at_ms;
  const isMany = usual.size > mostUsual;
  const next = new Map(isMany ? [...usual].filter(([id]) => window.counters.has(id)) : usual);
  const found: Found[] = [];
  for (const statement of after.statements ?? []) {
    const {id} = statement;
    const start = window.counters.get(id);
    const calls = statement.calls - (start?.calls ?? 0);
    // Made in this window, or its counters started over.
    if (start === undefined || calls < 0) continue;
    const exec_ms = Math.max(0, statement.total_exec_time_ms - start.total_exec_time_ms);
    const did = {calls, exec_ms, interval_ms};
    const before = usual.get(id) ?? unknownRates;
    const rates = nextRates(before, did);
    next.set(id, rates);
    const change = rateChange(before, rates, did);
    if (change === null) continue;
    const began_ms = change.event === gone ? at_ms - silentWindows * interval_ms : window.at_ms;
    found.push({...change, id, at_ms: began_ms, weight: exec_ms + before.calls_per_second});
  }
  return {usual: next, found};
}

/** Schema changes that the statistics have seen before: a view that is refreshed, a table that is truncated. */
function repeatedSchemaChanges({counters}: StatementWindow, {statements}: Snapshot, at_ms: number): Draft[] {
  return statements.flatMap(statement => {
    const start = counters.get(statementKey(statement));
    if (start === undefined || statement.calls <= start.calls || !isSchemaChange(statement.query)) return [];
    return [draftOf(statement, {event: 'ran', before: null, after: null, at_ms})];
  });
}

/** More at the same time are a deploy, and are counted. */
const mostNamed = 8;

/** The weightiest of each kind by name, the others by their number. */
function draftsOf(found: readonly Found[], snapshot: Snapshot, at_ms: number): Draft[] {
  if (found.length === 0) return [];
  const byKey = new Map(snapshot.statements.map(each => [statementKey(each), each]));
  const events = [...new Set(found.map(({event}) => event))];
  return events.flatMap(event => {
    const all = found
      .filter(each => each.event === event && !control.test(byKey.get(each.id)?.query ?? ''))
      .sort((a, b) => b.weight - a.weight);
    const named = all.slice(0, mostNamed).flatMap(each => {
      const statement = byKey.get(each.id);
      return statement === undefined ? [] : [draftOf(statement, each)];
    });
    const rest = all.length - mostNamed;
    return rest <= 0 ? named : [...named, moreOf(rest, event, at_ms)];
  });
}

function moreOf(rest: number, event: string, at_ms: number): Draft {
  return {
    at_ms,
    kind: 'statement',
    object: counted(rest, 'other statement'),
    event: rest === 1 ? event : event.replace(/^is\b/, 'are').replace(/^runs\b/, 'run'),
    before: null,
    after: null,
    by: null,
    subject: null,
  };
}

function draftOf(
  statement: Statement,
  {event, before, after, at_ms}: Pick<Found, 'event' | 'before' | 'after' | 'at_ms'>,
): Draft {
  return {
    at_ms,
    before,
    after,
    by: statement.usename,
    subject: `statement:${statement.queryid}`,
    statement: statementKey(statement),
    ...namesOf(statement, event),
  };
}

function namesOf(
  {query, queryid}: Statement,
  event: string,
): Pick<Draft, 'kind' | 'object' | 'event' | 'is_unnamed'> {
  if (query === null) return {kind: 'statement', object: `statement ${queryid}`, event, is_unnamed: true};
  const isSchema = isSchemaChange(query);
  return {
    kind: isSchema ? 'schema' : 'statement',
    object: nameOf(query) || `statement ${queryid}`,
    ...(isSchema && event === isNew ? {event: 'ran', after: null} : {event}),
  };
}

/** A SELECT by its tables: there are many. */
function nameOf(query: string): string {
  const name = statementName(query);
  const tables = name === 'a SELECT' ? [...tablesOf(query)].slice(0, mostTables) : [];
  return tables.length === 0 ? name : `SELECT from ${tables.join(', ')}`;
}

const mostTables = 3;

/** What a new session or a tool sends: it changes nothing that would be looked for. */
const control =
  /^\s*(?:begin|start|commit|end|rollback|abort|savepoint|release|set|reset|show|discard|deallocate|listen|unlisten|explain)\b/i;

/** Texts are read later than counters: the log with the names that have become known. */
export function withNames(log: ChangeLog, {statements}: Snapshot): ChangeLog {
  if (!log.entries.some(({is_unnamed}) => is_unnamed)) return log;
  const byKey = new Map(statements.map(each => [statementKey(each), each]));
  const entries = log.entries.flatMap((change): LoggedChange[] => {
    const statement = change.is_unnamed ? byKey.get(change.statement ?? '') : undefined;
    if (!statement?.query) return [change];
    const {is_unnamed: _, ...rest} = change;
    const named = completed({...rest, ...namesOf(statement, change.event)});
    const isSeen = named.kind === 'schema' && log.entries.some(each => isSameSchemaChange(each, named));
    return isSeen || control.test(statement.query) ? [] : [named];
  });
  return {...log, entries};
}

/** A schema change is seen while a session runs it, and again when the statistics of statements are read. */
const sameSchemaMs = 120_000;

export function isSameSchemaChange(
  one: LoggedChange,
  {id, kind, object, at}: Pick<LoggedChange, 'kind' | 'object' | 'at'> & {id?: number},
): boolean {
  if (kind !== 'schema' || one.kind !== 'schema' || one.id === id) return false;
  return one.object === object && Math.abs(Date.parse(one.at) - Date.parse(at)) < sameSchemaMs;
}

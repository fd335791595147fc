import type {Sample} from '../../../model/assessment.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {withoutLeadingComments} from '../../sql/leading-comments.ts';
import {type Context, timeOf} from '../context.ts';
import {writingStatement} from '../writing-statement.ts';

/** The transactions that a database rolled back over the assessed time. */
export type Rollbacks = {
  datname: string;
  per_second: number;
  /** Of all transactions that ended, 0 to 1. */
  ratio: number;
  /** Share of the readings' intervals with a rollback. */
  share: number;
  since: string | null;
  /** Those that no ROLLBACK of an application asked for; null if it is not known. */
  unasked_per_second: number | null;
  /** At least so many, whenever the server counted them; 0 if it is not known. */
  least_unasked_per_second: number;
};

/** A statement that sessions began and that pg_stat_statements, which counts what completed, did not count. */
export type UncountedStatement = {
  query: string;
  application_name: string;
  usename: string;
  query_id: string;
  /** Completed calls, of all time. */
  calls: number;
  /** Begun in that many sessions that were looked at. */
  seen: number;
  /** False: it may be counted among the statements that were not read. */
  is_certain: boolean;
};

/** Databases that roll back, the one with most first. A quiet stretch of this long ends an incident. */
export function rollbacksOf(context: Context): Rollbacks[] {
  const {samples} = context;
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  return last.databases
    .flatMap(({datname}) => rollbacksIn(datname, context) ?? [])
    .sort((a, b) => b.per_second - a.per_second);
}

export const quietMs = 10_000;

function rollbacksIn(datname: string, context: Context): Rollbacks | null {
  const readings = countersOf(datname, context.samples);
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined) return null;
  const seconds = (last.at_ms - first.at_ms) / 1000;
  const rolledBack = last.xact_rollback - first.xact_rollback;
  // The counters were reset meanwhile.
  if (seconds <= 0 || rolledBack < 0 || last.xact_commit < first.xact_commit) return null;
  const per_second = rolledBack / seconds;
  if (per_second < thresholds.rollbacks_per_second.warning) return null;
  const rises = readings.slice(1).map((reading, index) => ({
    at_ms: reading.at_ms,
    isRise: reading.xact_rollback > (readings[index]?.xact_rollback ?? 0),
  }));
  const latest = rises.findLast(({isRise}) => isRise);
  if (latest === undefined || last.at_ms - latest.at_ms > quietMs) return null;
  const asked = askedRollbacks(datname, context);
  return {
    datname,
    per_second,
    ratio: rolledBack / (rolledBack + last.xact_commit - first.xact_commit),
    share: rises.filter(({isRise}) => isRise).length / rises.length,
    since: sinceOf(rises, first.at_ms),
    unasked_per_second: asked === null ? null : Math.max(0, per_second - asked),
    least_unasked_per_second:
      asked === null ? 0 : Math.max(0, per_second - asked * (1 + countedWithin_s / seconds)),
  };
}

type Counters = {at_ms: number; xact_commit: number; xact_rollback: number};

/**
 * Statements are counted as they end; rollbacks when their session reports, at most once a second, and before PostgreSQL 15 when the
 * collector has written them. Those that were asked for just before the first reading may be counted after it.
 */
const countedWithin_s = 2;

/** The readings at which the counters were read again: before PostgreSQL 15 that is not each one. */
function countersOf(datname: string, samples: readonly Sample[]): Counters[] {
  const readings: Counters[] = [];
  for (const {at_ms, databases} of samples) {
    const found = databases.find(each => each.datname === datname);
    if (found !== undefined)
      readings.push({at_ms, xact_commit: found.xact_commit, xact_rollback: found.xact_rollback});
  }
  return readings;
}

/** The first rise after a quiet stretch; null if the stretch before the first reading is not known to be quiet. */
function sinceOf(rises: readonly {at_ms: number; isRise: boolean}[], start_ms: number): string | null {
  let since: number | null = null;
  for (const {at_ms, isRise} of rises.toReversed()) {
    if (isRise) since = at_ms;
    else if (since !== null && since - at_ms > quietMs) return timeOf({at_ms: since});
  }
  return since === null || since - start_ms <= quietMs ? null : timeOf({at_ms: since});
}

/** A whole transaction's end, not that of a savepoint. */
const rollback = /^\s*(?:rollback|abort)(?!.*\bto\b)/i;

/**
 * ROLLBACKs that applications sent, per second, as pg_stat_statements counts them; 0 if none is known there or as a session's last
 * statement; null if their number is not known. An ORM may end each read with one.
 */
function askedRollbacks(datname: string, {snapshot, samples}: Context): number | null {
  const sending = snapshot.backends.filter(
    ({datname: own, query}) => own === datname && rollback.test(query ?? ''),
  );
  const known = snapshot.statements.filter(
    ({datname: own, query}) => own === datname && rollback.test(query ?? ''),
  );
  if (sending.length + known.length === 0) return 0;
  const ids = new Set([...sending.map(({query_id}) => query_id), ...known.map(({queryid}) => queryid)]);
  const read = samples.filter(({statements}) => statements !== null);
  const [first, last] = [read[0], read.at(-1)];
  const dbid = sending[0]?.datid ?? known[0]?.dbid ?? '';
  if (ids.has(null) || first === undefined || last === undefined || first === last) return null;
  const calls = (sample: Sample) =>
    (sample.statements ?? [])
      .filter(({id, queryid}) => ids.has(queryid) && id.split('/')[1] === dbid)
      .reduce((sum, each) => sum + each.calls, 0);
  if (calls(last) === 0) return null;
  return ((calls(last) - calls(first)) * 1000) / (last.at_ms - first.at_ms);
}

/** Seen this often, none counted: chance, or a statement that still runs, is ruled out. */
const leastSeen = 3;

/**
 * Statements of a database that sessions began again and again and that never completed. pg_stat_statements has no error:
 * it counts a statement when its execution ends well.
 */
export function uncountedStatements(datname: string, context: Context): UncountedStatement[] {
  const {snapshot, samples} = context;
  const readings = samples.flatMap(({statements}, index) => (statements === null ? [] : [index]));
  const [from, to] = [readings[0], readings.at(-1)];
  if (from === undefined || to === undefined || from === to || isLossy(snapshot)) return [];
  const dbid = snapshot.backends.find(backend => backend.datname === datname)?.datid ?? '';
  const userids = new Map(snapshot.backends.map(({usename, usesysid}) => [usename, usesysid]));
  /** Of the role, which may be the only one to which it fails; of all, if it never completed as this one: SET ROLE. */
  const callsAt = (index: number, {query_id, usename}: {query_id: string; usename: string}) => {
    const all = (samples[index]?.statements ?? []).filter(
      each => each.queryid === query_id && each.id.split('/')[1] === dbid,
    );
    const own = all.filter(({id}) => id.split('/')[0] === userids.get(usename));
    return (own.length > 0 ? own : all).reduce((sum, {calls}) => sum + calls, 0);
  };
  const written = new Map<string, string>();
  const found = new Map<string, Omit<UncountedStatement, 'is_certain' | 'calls'>>();
  for (const {begun} of samples.slice(from + 1, to + 1)) {
    for (const {query_id, application_name, usename, count, writes, ...of} of begun) {
      if (of.datname !== datname) continue;
      if (writes !== undefined) written.set(query_id, writes);
      const key = `${query_id}\0${application_name}\0${usename}`;
      const own = found.get(key);
      if (own !== undefined) own.seen += count;
      else found.set(key, {query_id, application_name, usename, seen: count, query: ''});
    }
  }
  return [...found.values()].flatMap(each => {
    const {query_id} = each;
    const query = textOf(query_id, snapshot) ?? written.get(query_id) ?? null;
    const running = snapshot.backends.filter(
      backend => backend.query_id === query_id && backend.state === 'active',
    ).length;
    const seen = each.seen - running;
    const calls = callsAt(to, each);
    const isCounted = calls !== callsAt(from, each);
    if (query === null || isCounted || seen < leastSeen) return [];
    return [{...each, query, seen, calls, is_certain: isComplete(snapshot) || calls > 0}];
  });
}

/** Without counters, or with counters that are evicted, a statement that is missing has not failed for that. */
function isLossy({statements, statements_info}: Snapshot): boolean {
  return statements.length === 0 || statements_info === null || statements_info.is_evicting;
}

/** poolctl's own statements are counted by the server but are not listed; in older recordings it is not said how many. */
const mostOwn = 20;

/** The sampler reads the costliest statements only, if there are many. */
function isComplete({statements, statements_info}: Snapshot): boolean {
  const {entries = 0, own_entries = mostOwn} = statements_info ?? {};
  return entries <= statements.length + own_entries;
}

/** Of what is counted under its own id: EXECUTE is counted under the id of its statement, FETCH when its cursor closes. */
const countedStatement = /^(?:select|insert|update|delete|merge|with|values)\b/i;

function textOf(query_id: string, {backends, statements}: Snapshot): string | null {
  const query =
    backends.find(each => each.query_id === query_id && each.query !== null)?.query ??
    statements.find(each => each.queryid === query_id && each.query !== null)?.query ??
    null;
  return query !== null && countedStatement.test(withoutLeadingComments(query)) ? query : null;
}

/** Longer, it is a person's session, or a forgotten one. */
const briefMs = 1000;

/** The readings that tell whether it goes on. */
export function recentOf(samples: readonly Sample[]): readonly Sample[] {
  const last_ms = samples.at(-1)?.at_ms ?? 0;
  return samples.filter(({at_ms}) => last_ms - at_ms <= quietMs);
}

/** Sessions seen just then in an aborted transaction, summed over the recent readings, by application. */
export function abortedPools(datname: string, {samples}: Context): Map<string, number> {
  const seen = new Map<string, number>();
  for (const {pools, transactions} of recentOf(samples)) {
    for (const {application_name, usename, datname: own, aborted} of pools) {
      if (own !== datname || aborted === 0) continue;
      const lasting = transactions.filter(
        each =>
          each.application_name === application_name && each.usename === usename && each.idle_ms >= briefMs,
      ).length;
      const key = `${application_name}\0${usename}`;
      if (aborted > lasting) seen.set(key, (seen.get(key) ?? 0) + aborted - lasting);
    }
  }
  return seen;
}

/** An application that writes in a database: the last statements of its sessions, and those begun over the readings. */
export type Writer = {application_name: string; usename: string; statements: ReadonlySet<string>};

export function writersIn(datname: string, {snapshot, samples}: Context): Writer[] {
  const writers = new Map<string, Writer & {statements: Set<string>}>();
  const add = (application_name: string, usename: string, statement: string | null) => {
    if (statement === null) return;
    const key = `${application_name}\0${usename}`;
    const own = writers.get(key) ?? {application_name, usename, statements: new Set<string>()};
    own.statements.add(statement);
    writers.set(key, own);
  };
  for (const {datname: own, application_name, usename, query} of snapshot.backends)
    if (own === datname) add(application_name, usename ?? '', writingStatement(query));
  for (const {begun} of samples)
    for (const {datname: own, application_name, usename, writes = null} of begun)
      if (own === datname) add(application_name, usename, writes);
  return [...writers.values()];
}

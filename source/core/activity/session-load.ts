import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {lockedObject} from '../assessment/locked-object.ts';
import {isUnseen} from '../sessions/session.ts';
import {type BusySession, busySessions, type LoadClass} from './busy-sessions.ts';

/** What busy sessions have in common. '' where there is none, null where it is hidden or not known. */
export type LoadOf = {
  class: LoadClass;
  /** `Lock:tuple`, `CPU`, `idle in transaction`. */
  event: string;
  query_id: string | null;
  /** On one line, as it was first seen. */
  statement: string;
  /** Prisma's, from the statement's tags: `User.findMany`. */
  operation: string | null;
  /** From the statement's tags: `/users`. */
  route: string | null;
  application_name: string | null;
  usename: string | null;
  datname: string | null;
  /** '' is a Unix socket. */
  client_addr: string | null;
  /** What it waits for a lock on: `row of public.orders`. */
  object: string | null;
};

/** Who looked at the sessions. */
export type LoadSource =
  | {by: 'poolctl'}
  /** `has_cpu`: false where poolctl's readings say what runs on a CPU. */
  | {by: 'pg_wait_sampling'; every_ms: number; has_cpu: boolean};

/** Busy sessions of some readings, each weighed by the time that it stands for, not by how often each source took one. */
type LoadBucket = {
  from_ms: number;
  to_ms: number;
  /** Samples of all sessions: readings of poolctl, or what pg_wait_sampling took between two of them. */
  readings: number;
  /** The time that they stand for: each for that since the one before. */
  held_ms: number;
  sources: readonly LoadSource[];
  /** Time of sessions whose state this role may not see, which may be busy. */
  hidden_ms: number;
  /** How long they were busy, summed over the sessions. */
  busy_ms: ReadonlyMap<LoadOf, number>;
};

/** Of an hour, the oldest first: by reading at first, later by ten seconds. */
export type LoadHistory = {
  buckets: readonly LoadBucket[];
  known: Known | null;
  /** The server's cores; null where they are not known, undefined before poolctl has looked. They are never guessed. */
  cores?: number | null;
};

/** What readings share, and add to: equal ones are one object; statements by query id. */
type Known = {known: Map<string, LoadOf>; statements: Map<string, string>};

export const noLoad: LoadHistory = {buckets: [], known: null};

const keptMs = 3_600_000;
const byReadingMs = 300_000;
const mergedMs = 10_000;
/** A reading stands for the time since the one before, or until the next one, but not for an outage. */
export const heldMs = 15_000;
/** Of a reading that has none before it, until the next one. */
const firstHeldMs = 1000;
/** Above this, those that are no longer used are forgotten. */
const mostKnown = 4000;

/**
 * Adds a reading. One for which pg_wait_sampling was not asked, and one of the same time as the last (its statements came later) add nothing; a clock set back starts over.
 * `isWhole`: every reading is kept as it is, however old.
 */
export function addLoad(
  history: LoadHistory,
  snapshot: Snapshot,
  {isWhole = false}: {isWhole?: boolean} = {},
): LoadHistory {
  const at_ms = Date.parse(snapshot.at);
  const last = history.buckets.at(-1);
  if (last?.to_ms === at_ms || snapshot.wait_samples?.samples === 0) return history;
  const {buckets, known: before} = last !== undefined && at_ms < last.to_ms ? noLoad : history;
  const seen = coresOf(snapshot);
  const cores = seen ?? (history.cores === undefined ? seen : history.cores);
  const known = bounded(before, buckets);
  const latest = buckets.at(-1);
  const held_ms = latest === undefined ? firstHeldMs : Math.min(at_ms - latest.to_ms, heldMs);
  const bucket = toBucket(snapshot, {at_ms, held_ms}, known);
  const earlier = buckets.length === 1 ? buckets.map(first => holding(first, held_ms)) : buckets;
  return {
    buckets: [...(isWhole ? earlier : mergeOld(earlier, at_ms)), bucket],
    known,
    ...(cores !== undefined && {cores}),
  };
}

/** The first reading has none before it: it stands for as long as the second. */
function holding(bucket: LoadBucket, held_ms: number): LoadBucket {
  const times = held_ms / bucket.held_ms;
  const busy_ms = new Map([...bucket.busy_ms].map(([of, ms]) => [of, ms * times]));
  return {...bucket, held_ms, hidden_ms: bucket.hidden_ms * times, busy_ms};
}

/** Of the configuration, or of the machine where poolctl runs on the server. undefined where this reading does not say. */
export function coresOf({target, server}: Pick<Snapshot, 'target' | 'server'>): number | null | undefined {
  if (target.cores !== undefined) return target.cores;
  const host = server?.host;
  return host?.kind === 'here' ? host.cores : server === undefined ? undefined : null;
}

function bounded(before: Known | null, buckets: readonly LoadBucket[]): Known {
  const {known = new Map(), statements = new Map()} = before ?? {};
  return {
    known: known.size > mostKnown ? new Map(knownIn(buckets)) : known,
    statements: statements.size > mostKnown ? new Map() : statements,
  };
}

function knownIn(buckets: readonly LoadBucket[]): [string, LoadOf][] {
  return buckets.flatMap(({busy_ms}) => [...busy_ms.keys()].map(of => [keyOf(of), of] as [string, LoadOf]));
}

/** UTF-16 units of a statement that are kept. */
export const longestStatement = 200;

function oneLine(query: string | null): string {
  return (query ?? '')
    .slice(0, longestStatement * 2)
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, longestStatement);
}

function keyOf(of: LoadOf): string {
  return Object.values(of)
    .map(value => value ?? '\u0001')
    .join('\0');
}

/** Drops what is older than an hour, and merges the oldest of those by reading with the ten seconds before it. */
function mergeOld(buckets: readonly LoadBucket[], at_ms: number): LoadBucket[] {
  const kept = buckets.filter(({to_ms}) => at_ms - to_ms < keptMs);
  const first = kept.findIndex(({from_ms, to_ms}) => from_ms === to_ms && at_ms - to_ms > byReadingMs);
  const [before, oldest] = [kept[first - 1], kept[first]];
  if (oldest === undefined) return kept;
  const isJoined = before !== undefined && oldest.to_ms - before.from_ms < mergedMs;
  const merged = isJoined ? join(before, oldest) : {...oldest, to_ms: oldest.to_ms + 1};
  return kept.toSpliced(isJoined ? first - 1 : first, isJoined ? 2 : 1, merged);
}

function join(a: LoadBucket, b: LoadBucket): LoadBucket {
  const busy_ms = new Map(a.busy_ms);
  for (const [of, ms] of b.busy_ms) busy_ms.set(of, (busy_ms.get(of) ?? 0) + ms);
  return {
    from_ms: a.from_ms,
    to_ms: b.to_ms,
    readings: a.readings + b.readings,
    held_ms: a.held_ms + b.held_ms,
    sources: distinctSources([...a.sources, ...b.sources]),
    hidden_ms: a.hidden_ms + b.hidden_ms,
    busy_ms,
  };
}

export function distinctSources(sources: readonly LoadSource[]): LoadSource[] {
  return [...new Map(sources.map(source => [JSON.stringify(source), source])).values()];
}

function toBucket(
  snapshot: Snapshot,
  {at_ms, held_ms}: {at_ms: number; held_ms: number},
  {known, statements}: Known,
): LoadBucket {
  const busy_ms = new Map<LoadOf, number>();
  const objects = new Map(snapshot.lock_waits.map(wait => [wait.pid, wait]));
  const busy = busySessions(snapshot);
  for (const {in_statement} of busy.sessions)
    if (in_statement !== null) statementOf(in_statement, statements);
  learnStatements(snapshot, busy.sessions, statements);
  for (const session of busy.sessions) {
    const {backend, query_id, in_statement: own} = session;
    const wait = own === null ? undefined : objects.get(own.pid);
    const object = wait === undefined || own === null ? null : lockedObject(wait, own);
    const found: LoadOf = {
      // Without a spread, by which an object takes three times the room.
      class: session.class,
      event: session.event,
      query_id,
      statement: own === null ? (statements.get(query_id ?? '') ?? '') : statementOf(own, statements),
      operation: own && tagOf(own.tags, 'operation'),
      route: own && tagOf(own.tags, 'route'),
      application_name: backend?.application_name ?? null,
      usename: backend?.usename ?? null,
      datname: backend?.datname ?? null,
      client_addr: backend && (backend.client_addr ?? ''),
      object: session.class === 'Lock' ? object : (object ?? ''),
    };
    const key = keyOf(found);
    const of = known.get(key) ?? found;
    known.set(key, of);
    busy_ms.set(of, (busy_ms.get(of) ?? 0) + session.count * (held_ms / busy.samples));
  }
  const hidden_ms = busy.seesHidden ? 0 : snapshot.backends.filter(isUnseen).length * held_ms;
  return {
    ...{from_ms: at_ms, to_ms: at_ms, readings: busy.samples, held_ms},
    ...{sources: [sourceOf(snapshot)], hidden_ms, busy_ms},
  };
}

function sourceOf({wait_samples}: Snapshot): LoadSource {
  if (wait_samples === undefined) return {by: 'poolctl'};
  return {by: 'pg_wait_sampling', every_ms: wait_samples.every_ms, has_cpu: wait_samples.has_cpu};
}

/** Of statements that no reading saw in a session, the texts of pg_stat_statements, as far as they are read. */
function learnStatements(
  {statements: read}: Snapshot,
  sessions: readonly BusySession[],
  statements: Map<string, string>,
): void {
  const unknown = new Set(
    sessions.flatMap(({query_id}) => (query_id === null || statements.has(query_id) ? [] : [query_id])),
  );
  if (unknown.size === 0) return;
  for (const {queryid, query} of read)
    if (query !== null && unknown.has(queryid)) statements.set(queryid, oneLine(query));
}

/** Literals differ from call to call, where there is a query id: the first text stands for all. */
function statementOf({query_id, query}: Backend, statements: Map<string, string>): string {
  if (query_id === null) return oneLine(query);
  const known = statements.get(query_id);
  if (known !== undefined) return known;
  const text = oneLine(query);
  if (text !== '') statements.set(query_id, text);
  return text;
}

/**
 * '' without it. Prisma writes the operation as `User.findMany`, and from 7.1 on with what was asked for after a colon
 * (@prisma/sqlcommenter-query-insights).
 */
export function tagOf(
  {prismaQuery = '', route = ''}: Record<string, string>,
  tag: 'route' | 'operation',
): string {
  return tag === 'route' ? route : prismaQuery.replace(/:.*/s, '');
}

import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {rootsOf} from '../assessment/lock-graph.ts';
import {lockedObject} from '../assessment/locked-object.ts';
import {isActive, isIdleInTransaction, isUnseen} from '../sessions/session.ts';

/**
 * What a busy session does, by pg_stat_activity.wait_event_type: without a wait event it runs on a CPU or waits for one.
 * `blocker`: idle in a transaction for whose locks others wait.
 */
export const loadClasses = ['CPU', 'IO', 'Lock', 'LWLock', 'IPC', 'Client', 'blocker', 'other'] as const;

export type LoadClass = (typeof loadClasses)[number];

/** What busy sessions have in common. '' where there is none, null where it is hidden or not known. */
export type LoadOf = {
  class: LoadClass;
  /** `Lock:tuple`, `CPU`, `idle in transaction`. */
  event: string;
  query_id: string | null;
  /** On one line, as it was first seen. */
  statement: string;
  /** Prisma's, from the statement's tags: `User.findMany`. */
  operation: string;
  /** From the statement's tags: `/users`. */
  route: string;
  application_name: string;
  usename: string | null;
  datname: string | null;
  /** '' is a Unix socket. */
  client_addr: string;
  /** What it waits for a lock on: `row of public.orders`. */
  object: string;
};

/** Busy sessions of some readings; each session in each reading counts as one. */
type LoadBucket = {
  from_ms: number;
  to_ms: number;
  readings: number;
  /** Sessions whose state this role may not see, which may be busy. */
  hidden: number;
  sessions: ReadonlyMap<LoadOf, number>;
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
/** Above this, those that are no longer used are forgotten. */
const mostKnown = 4000;

/**
 * Adds a reading. One of the same time as the last (its statements came later) adds nothing; a clock set back begins anew.
 * `isWhole`: every reading is kept as it is, however old.
 */
export function addLoad(
  history: LoadHistory,
  snapshot: Snapshot,
  {isWhole = false}: {isWhole?: boolean} = {},
): LoadHistory {
  const at_ms = Date.parse(snapshot.at);
  const last = history.buckets.at(-1);
  if (last?.to_ms === at_ms) return history;
  const {buckets, known: before} = last !== undefined && at_ms < last.to_ms ? noLoad : history;
  const seen = coresOf(snapshot);
  const cores = seen ?? (history.cores === undefined ? seen : history.cores);
  const known = bounded(before, buckets);
  const bucket = toBucket(snapshot, at_ms, known);
  return {
    buckets: [...(isWhole ? buckets : mergeOld(buckets, at_ms)), bucket],
    known,
    ...(cores !== undefined && {cores}),
  };
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
  return buckets.flatMap(({sessions}) => [...sessions.keys()].map(of => [keyOf(of), of] as [string, LoadOf]));
}

const longestStatement = 200;

function oneLine(query: string | null): string {
  return (query ?? '')
    .slice(0, longestStatement * 2)
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, longestStatement);
}

function keyOf(of: LoadOf): string {
  return Object.values(of).join('\0');
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
  const sessions = new Map(a.sessions);
  for (const [of, count] of b.sessions) sessions.set(of, (sessions.get(of) ?? 0) + count);
  return {
    from_ms: a.from_ms,
    to_ms: b.to_ms,
    readings: a.readings + b.readings,
    hidden: a.hidden + b.hidden,
    sessions,
  };
}

function toBucket(snapshot: Snapshot, at_ms: number, {known, statements}: Known): LoadBucket {
  const sessions = new Map<LoadOf, number>();
  const blockers = blockersOf(snapshot);
  const objects = new Map(snapshot.lock_waits.map(wait => [wait.pid, wait]));
  let hidden = 0;
  for (const backend of snapshot.backends) {
    if (isUnseen(backend)) hidden++;
    const isBlocker = isIdleInTransaction(backend) && blockers.has(backend.pid);
    if (!isBlocker && !isActive(backend)) continue;
    const wait = objects.get(backend.pid);
    const kind = eventOf(backend);
    const found: LoadOf = {
      // Without a spread, by which an object takes three times the room.
      class: kind.class,
      event: kind.event,
      query_id: backend.query_id,
      statement: statementOf(backend, statements),
      operation: tagOf(backend.tags, 'operation'),
      route: tagOf(backend.tags, 'route'),
      application_name: backend.application_name,
      usename: backend.usename,
      datname: backend.datname,
      client_addr: backend.client_addr ?? '',
      object: wait === undefined ? '' : lockedObject(wait, backend),
    };
    const key = keyOf(found);
    const of = known.get(key) ?? found;
    known.set(key, of);
    sessions.set(of, (sessions.get(of) ?? 0) + 1);
  }
  return {from_ms: at_ms, to_ms: at_ms, readings: 1, hidden, sessions};
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

/** Sessions at the head of a lock queue. */
function blockersOf(snapshot: Snapshot): ReadonlySet<number> {
  return new Set(snapshot.lock_waits.length === 0 ? [] : [...rootsOf(snapshot).values()].flat());
}

function eventOf(backend: Backend): Pick<LoadOf, 'class' | 'event'> {
  if (isIdleInTransaction(backend)) return {class: 'blocker', event: 'idle in transaction'};
  const {wait_event_type: type, wait_event} = backend;
  if (type === null) return {class: 'CPU', event: 'CPU'};
  const known = loadClasses.find(each => each === type);
  return {class: known ?? 'other', event: `${type}:${wait_event}`};
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

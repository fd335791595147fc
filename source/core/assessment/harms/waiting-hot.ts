import type {Sample, WaitSample} from '../../../model/assessment.ts';
import type {Act} from '../../../model/recipe.ts';
import {mostOf} from '../../group-by.ts';
import {counted, formatMs} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {rowLocks, withoutSchema} from '../locked-object.ts';
import {poolIn} from '../sample.ts';
import {advice, type Explain, type Explanation} from './waiting-finding.ts';
import type {Wait} from './waiting-jams.ts';

/** So many, now or on average of the last readings: below, "of the waiting sessions" would be a chance. */
const minWaiting = 3;
const averagedReadings = 5;

/** Sessions that queue for one row or lock, each of which holds it for a moment: ending one of them unblocks no other. */
export const explainHot: Explain = ({waits}, context) => {
  const queues = queuesFor(waits, context.samples);
  if (!isCrowd(queues) || !holderChanges(queues)) return null;
  const rows = waits.filter(({locktype}) => rowLocks.includes(locktype));
  const areRows = rows.length * 10 >= waits.length * 8;
  const {value: object, count} = mostOf(areRows ? rows : waits, each => each.object);
  return areRows || count * 10 >= waits.length * 8 ? explainTurns(object, context) : null;
};

/**
 * Crowds that take turns at a lock for which none waits in the last reading: waits that are short and come again and again
 * leave some readings without one.
 */
export function findTurns({samples}: Context, present: readonly Wait[]): WaitSample[] {
  const now = new Set(present.map(({object}) => withoutSchema(object)));
  const found = new Map<string, WaitSample>();
  for (const {waits} of samples.slice(-averagedReadings))
    for (const wait of waits) if (!now.has(withoutSchema(wait.object))) found.set(wait.object, wait);
  return [...found.values()].filter(wait => {
    const queues = queuesFor([wait], samples);
    return isCrowd(queues) && moves(queues.flatMap(({roots}) => (roots.length === 0 ? [] : [roots])));
  });
}

/** What a reading showed of the sessions that wait for some objects. */
export type Queue = Pick<WaitSample, 'waiting' | 'roots' | 'held_ms' | 'second_ms'> & {sinceLast_ms: number};

/** Of each reading. */
export function queuesFor(wanted: readonly {object: string}[], samples: readonly Sample[]): Queue[] {
  const objects = new Set(wanted.map(({object}) => withoutSchema(object)));
  return samples.map(({at_ms, waits}, index) => {
    const own = waits.filter(({object}) => objects.has(withoutSchema(object)));
    const held = own.map(({held_ms}) => held_ms);
    return {
      waiting: own.reduce((sum, {waiting}) => sum + waiting, 0),
      roots: own.length === 1 ? (own[0]?.roots ?? []) : [...new Set(own.flatMap(({roots}) => roots))],
      held_ms: held.includes(null) ? null : Math.max(0, ...held.map(Number)),
      second_ms: Math.max(0, ...own.map(({second_ms}) => second_ms)),
      sinceLast_ms: at_ms - (samples[index - 1]?.at_ms ?? at_ms),
    };
  });
}

/** A queue of ten may have one session left at the moment of a reading. */
function isCrowd(queues: readonly Queue[]): boolean {
  const recent = queues.slice(-averagedReadings);
  const sum = recent.reduce((all, {waiting}) => all + waiting, 0);
  return (queues.at(-1)?.waiting ?? 0) >= minWaiting || sum >= minWaiting * recent.length;
}

/** Sessions have waited longer than the transaction that they wait for now has been open: others held the lock before. */
export function holderChanges(queues: readonly Queue[]): boolean {
  const now = queues.at(-1);
  if (now === undefined || now.roots.length === 0 || now.held_ms === null) return false;
  // Two, because a wait's age is that of its statement until the server knows it (pg_locks.waitstart, PG14).
  const isYoung = now.held_ms < now.second_ms;
  const before = queues.slice(0, -1).flatMap(({roots}) => (roots.length === 0 ? [] : [roots]));
  const others = before.filter(pids => areDisjoint(pids, now.roots)).length;
  // A transaction that began after the last reading has not held it before, though its session may have.
  const hasBegun = now.held_ms < now.sinceLast_ms;
  const isNew = before.length >= 2 && (hasBegun ? others * 2 >= before.length : others === before.length);
  const holders = [...before, now.roots];
  return isYoung || isNew || (moves(holders) && !isHeldOn(holders));
}

const recentReadings = 10;
const heldOnReadings = 3;

/** In most of the last readings others held it than in the reading before. */
function moves(holders: readonly number[][]): boolean {
  const recent = holders.slice(-recentReadings);
  const moved = recent.filter(
    (pids, index) => index > 0 && areDisjoint(pids, recent[index - 1] ?? []),
  ).length;
  return moved >= 2 && moved * 2 >= recent.length - 1;
}

function isHeldOn(holders: readonly number[][]): boolean {
  const recent = holders.slice(-heldOnReadings);
  return holders.at(-1)?.some(pid => recent.every(pids => pids.includes(pid))) ?? false;
}

function areDisjoint(some: readonly number[], others: readonly number[]): boolean {
  return !some.some(each => others.includes(each));
}

/** By the last readings alone: in the last of them perhaps no session waits for `object`. */
export function explainTurns(waited: string, {samples, snapshot}: Context): Explanation | null {
  const recent = samples.slice(-recentReadings);
  // A table may be there twice in a reading, with its schema where the server was asked.
  const byReading = recent
    .map(({waits}) => waits.filter(each => withoutSchema(each.object) === withoutSchema(waited)))
    .filter(({length}) => length > 0);
  const seen = byReading.flat();
  const object = seen.reduce((name, each) => (each.object.length > name.length ? each.object : name), waited);
  const [now, last] = [samples.at(-1), byReading.at(-1)?.[0]];
  const pool = now && last && poolIn(now, last.pool);
  if (last === undefined || pool === undefined) return null;
  const own = seen.filter(each => each.pool === last.pool);
  const average = own.reduce((sum, {pool_waiting}) => sum + pool_waiting, 0) / byReading.length;
  const waiting = Math.min(Math.round(average), pool.sessions);
  const who = `${waiting} of ${counted(pool.sessions, 'session')} of ${poolName(pool)}`;
  const readings = recent.length === 1 ? '' : ` in ${byReading.length} of ${recent.length} snapshots`;
  const isRow = rowLocks.includes(last.locktype);
  const isQueueTable = isRow && takesFirst(last.query_id, snapshot);
  const {table, what, condition} = isRow
    ? rowOf(object, last, seen)
    : {table: null, what: object, condition: null};
  return {
    cause: isRow ? 'hot-row' : 'hot-lock',
    subject: isRow ? `relation:${table}/row` : `lock:${object}`,
    summary: `${who} queue for ${what}${readings}${isQueueTable ? ': each takes the first with FOR UPDATE, without SKIP LOCKED' : ''}; the holder changes${timing(last.query_id, {samples, snapshot})}`,
    acts: isQueueTable ? [skipLocked, ...rowActs] : isRow ? [...rowActs, skipLocked] : [lockAct(object)],
    confidence: 'likely',
    reasons: [
      turnsOf(last, isRow ? 'row' : 'lock'),
      ...(isRow && condition === null && seen.some(each => each.is_one_row)
        ? [
            'Sessions wait for the same tuple lock, which is of one row; the statements have parameters, so that its key is not visible.',
          ]
        : []),
    ],
    explains: [
      ...(isRow ? [`relation:${table}`] : []),
      ...(waiting * 2 >= pool.sessions ? [poolSubject(pool)] : []),
      ...(last.query_id === null ? [] : [`statement:${last.query_id}`]),
    ],
    evidence: {object, ...(isRow && {table, literal: condition?.text ?? null, waiting_for_rows: waiting})},
    waiting: average,
  };
}

function rowOf(object: string, {condition, waiting}: WaitSample, seen: readonly WaitSample[]) {
  const table = object.replace(/^.*\bof /, '');
  const isOne = condition !== null || seen.some(each => each.is_one_row);
  const share =
    condition === null || condition.count === waiting ? '' : ` in ${condition.count} of ${waiting}`;
  const which = condition === null ? '' : ` (${condition.text}${share})`;
  return {table, what: `${isOne ? 'one row' : 'rows'} of ${table}${which}`, condition};
}

const rowActs: Act[] = [
  advice(
    'shorten the transaction: change this row last, right before COMMIT, with no other call in between',
    'An application change. The queue becomes shorter by as much as the row is locked for less time.',
  ),
  advice(
    'spread the row: one counter row per shard, summed when read; or insert events and add them up later',
    'A change of the schema and the application.',
  ),
];

const skipLocked = advice(
  'for a queue table: SELECT ... FOR UPDATE SKIP LOCKED',
  'Only if any row will do, not one in particular.',
);

/** Whether they take the first row of a queue as all others do, and wait for it. */
function takesFirst(query_id: string | null, {backends}: Context['snapshot']): boolean {
  const query = backends.find(each => query_id !== null && each.query_id === query_id)?.query ?? '';
  return /\blimit\b[^;]*\bfor\s+(?:no\s+key\s+)?update\b(?!.*\b(?:skip\s+locked|nowait)\b)/is.test(query);
}

function turnsOf({longest_ms, held_ms, roots}: WaitSample, what: string): string {
  const seen =
    roots.length > 0 && held_ms !== null && held_ms < longest_ms
      ? `A session has waited ${formatMs(longest_ms)}, but the transaction that holds the ${what} now began ${formatMs(held_ms)} ago`
      : `The sessions that hold the ${what} change from snapshot to snapshot`;
  return `${seen}: they take turns. Ending a session unblocks no other.`;
}

function lockAct(object: string): Act {
  if (object === 'NOTIFY')
    return advice(
      'send fewer notifications: one per batch, or only from transactions that are short',
      'Every transaction that used NOTIFY holds one lock of the whole server while it commits: they commit one after the other.',
    );
  if (object.startsWith('extending '))
    return advice(
      'insert in larger batches (COPY, multi-row INSERT), or into partitions',
      'Sessions that insert into one table take turns to extend it. PostgreSQL 16 extends it by several pages at a time.',
    );
  return advice(
    `hold ${object} for less time, or take it less often`,
    'An application change: each session gets the lock in turn, so ending one of them unblocks no other.',
  );
}

/** Its time is taken before it commits, and waits (exec_simple_query in postgres.c). */
const commit = /^\s*(?:commit|end)\b/i;

/** `; 915ms per call, nearly all of it waiting`, of the statement that most run; '' if it is not known. */
function timing(queryid: string | null, {snapshot, samples}: Pick<Context, 'snapshot' | 'samples'>): string {
  if (queryid === null) return '';
  const counted = samples
    .flatMap(({statements}) => statements ?? [])
    .filter(each => each.queryid === queryid);
  const calls = (counted.at(-1)?.calls ?? 0) - (counted[0]?.calls ?? 0);
  const total_ms = (counted.at(-1)?.total_exec_time_ms ?? 0) - (counted[0]?.total_exec_time_ms ?? 0);
  if (calls <= 0 || new Set(counted.map(({id}) => id)).size > 1) return '';
  const running = snapshot.backends.filter(({query_id, state}) => query_id === queryid && state === 'active');
  if (running.some(({query}) => commit.test(query ?? ''))) return '';
  const waiting = running.filter(({wait_event_type}) => wait_event_type === 'Lock').length;
  const isNearlyAll = waiting > 0 && waiting * 10 >= running.length * 9;
  return `; ${formatMs(total_ms / calls)} per call${isNearlyAll ? ', nearly all of it waiting' : ''}`;
}

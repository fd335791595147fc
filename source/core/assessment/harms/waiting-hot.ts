import type {Act} from '../../../model/recipe.ts';
import {counted, formatMs} from '../../text/format.ts';
import {type Context, poolName} from '../context.ts';
import {rowLocks, withoutSchema} from '../locked-object.ts';
import {advice, applicationsOf, type Explain, type Explanation, mostOf} from './waiting-finding.ts';
import type {Jam, Wait} from './waiting-jams.ts';

/** So many, now or on average of the last readings: below, "of the waiting sessions" would be a chance. */
const minWaiting = 3;
const averagedReadings = 5;

/** Sessions that queue for one row or lock, each of which holds it for a moment: ending one of them frees no one. */
export const explainHot: Explain = (jam, context) => {
  const {waits} = jam;
  if (!isCrowd(jam, context) || !holderChanges(jam, context)) return null;
  const rows = waits.filter(({locktype}) => rowLocks.includes(locktype));
  if (rows.length * 10 >= waits.length * 8) return explainRow(rows, jam, context);
  const object = mostOf(waits, each => each.object);
  return object.count * 10 >= waits.length * 8 ? explainLock(object.value, jam, context) : null;
};

/** A queue of ten may have one session left at the moment of a reading. */
function isCrowd({waits}: Jam, {samples}: Context): boolean {
  if (waits.length >= minWaiting) return true;
  const objects = new Set(waits.map(({object}) => withoutSchema(object)));
  const recent = samples.slice(-averagedReadings);
  const waited = recent.flatMap(sample =>
    sample.waits.map(({object, waiting}) => (objects.has(withoutSchema(object)) ? waiting : 0)),
  );
  return waited.reduce((sum, each) => sum + each, 0) >= minWaiting * recent.length;
}

/** Sessions have waited longer than the transaction that they wait for now has been open: others held the lock before. */
export function holderChanges({roots, waits}: Jam, {samples}: Context): boolean {
  const sessions = roots.flatMap(({backend}) => backend ?? []);
  if (roots.length === 0 || sessions.length < roots.length) return false;
  // Two, because a wait's age is that of its statement until the server knows it (pg_locks.waitstart, PG14).
  const waited_ms = waits[1]?.wait_age_ms ?? 0;
  const isYoung = sessions.every(({xact_age_ms}) => xact_age_ms !== null && xact_age_ms < waited_ms);
  const objects = new Set(waits.map(({object}) => withoutSchema(object)));
  const before = samples
    .slice(0, -1)
    .map(({waits: seen}) =>
      seen.filter(({object}) => objects.has(withoutSchema(object))).flatMap(each => each.roots),
    )
    .filter(pids => pids.length > 0);
  const now = roots.map(({pid}) => pid);
  const others = before.filter(pids => areDisjoint(pids, now)).length;
  // A transaction that began after the last reading has not held it before, though its session may have.
  const sinceReading_ms = (samples.at(-1)?.at_ms ?? 0) - (samples.at(-2)?.at_ms ?? 0);
  const hasBegun = sessions.every(({xact_age_ms}) => xact_age_ms !== null && xact_age_ms < sinceReading_ms);
  const isNew = before.length >= 2 && (hasBegun ? others * 2 >= before.length : others === before.length);
  return isYoung || isNew || takeTurns([...before, now]);
}

const recentReadings = 10;
const heldOnReadings = 3;

/** In most of the last readings others held it than in the reading before, and the present holder has not held it in the last three. */
function takeTurns(holders: readonly number[][]): boolean {
  const recent = holders.slice(-recentReadings);
  const moved = recent.filter(
    (pids, index) => index > 0 && areDisjoint(pids, recent[index - 1] ?? []),
  ).length;
  const isHeldOn = recent
    .at(-1)
    ?.some(pid => recent.slice(-heldOnReadings).every(pids => pids.includes(pid)));
  return moved >= 2 && moved * 2 >= recent.length - 1 && !isHeldOn;
}

function areDisjoint(some: readonly number[], others: readonly number[]): boolean {
  return !some.some(each => others.includes(each));
}

function explainRow(rows: readonly Wait[], jam: Jam, context: Context): Explanation {
  const object = mostOf(rows, each => each.object).value;
  const table = object.replace(/^.*\bof /, '');
  const literal = sharedLiteral(rows);
  const [most] = applicationsOf(rows, context);
  const who =
    most === undefined
      ? counted(rows.length, 'session')
      : `${most.waiting} of ${counted(most.sessions, 'session')} of ${poolName(most.backend)}`;
  const which = literal === null ? '' : ` (${literal.text} in ${literal.count} of ${rows.length})`;
  const isOne = literal !== null || rows.some(({locktype}) => locktype === 'tuple');
  return {
    cause: 'hot-row',
    subject: `relation:${table}/row`,
    summary: `${who} queue for ${isOne ? 'one row' : 'rows'} of ${table}${which}; the holder changes${timing(rows, context)}`,
    acts: rowActs,
    confidence: 'likely',
    reasons: [
      turnsOf(jam, 'row'),
      ...(literal === null && isOne
        ? [
            'Sessions wait for the same tuple lock, which is of one row; the statements have parameters, so that its key is not visible.',
          ]
        : []),
    ],
    explains: [`relation:${table}`],
    evidence: {table, literal: literal?.text ?? null, waiting_for_rows: rows.length},
  };
}

const rowActs: Act[] = [
  advice(
    'shorten the transaction: change this row last, right before COMMIT, with no other call in between',
    'A change of the application. The queue becomes shorter by as much as the row is locked for less time.',
  ),
  advice(
    'spread the row: one counter row per shard, summed when read; or insert events and add them up later',
    'A change of the schema and the application.',
  ),
  advice(
    'for a queue table: SELECT ... FOR UPDATE SKIP LOCKED',
    'Only if any row will do, not one in particular.',
  ),
];

function explainLock(object: string, jam: Jam, context: Context): Explanation {
  const [most] = applicationsOf(jam.waits, context);
  const who =
    most === undefined
      ? counted(jam.waits.length, 'session')
      : `${most.waiting} of ${counted(most.sessions, 'session')} of ${poolName(most.backend)}`;
  return {
    cause: 'hot-lock',
    subject: `lock:${object}`,
    summary: `${who} queue for ${object}; the holder changes${timing(jam.waits, context)}`,
    acts: [lockAct(object)],
    confidence: 'likely',
    reasons: [turnsOf(jam, 'lock')],
  };
}

function turnsOf(jam: Jam, what: string): string {
  return `A session has waited ${formatMs(jam.longest_ms)}, but the transaction that holds the ${what} now began ${formatMs(youngest(jam))} ago: they take turns. Ending a session frees no one.`;
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
      'Sessions that insert into one table take turns to make it longer. PostgreSQL 16 makes it longer by more at once.',
    );
  return advice(
    `hold ${object} for less time, or take it less often`,
    'A change of the application: each session gets the lock in turn, so ending one of them frees no one.',
  );
}

function youngest({roots}: Jam): number {
  return Math.min(...roots.map(({backend}) => backend?.xact_age_ms ?? Number.POSITIVE_INFINITY));
}

/** `; 915ms a call, nearly all of it waiting`, of the statement that most run; '' if it is not known. */
function timing(waits: readonly Wait[], {snapshot, samples}: Context): string {
  const {value: queryid} = mostOf(waits, ({backend}) => backend.query_id ?? '');
  if (queryid === '') return '';
  const counted = samples
    .flatMap(({statements}) => statements ?? [])
    .filter(each => each.queryid === queryid);
  const calls = (counted.at(-1)?.calls ?? 0) - (counted[0]?.calls ?? 0);
  const total_ms = (counted.at(-1)?.total_exec_time_ms ?? 0) - (counted[0]?.total_exec_time_ms ?? 0);
  if (calls <= 0 || new Set(counted.map(({id}) => id)).size > 1) return '';
  const running = snapshot.backends.filter(({query_id, state}) => query_id === queryid && state === 'active');
  const waiting = running.filter(({wait_event_type}) => wait_event_type === 'Lock').length;
  const isNearlyAll = waiting * 10 >= running.length * 9;
  return `; ${formatMs(total_ms / calls)} a call${isNearlyAll ? ', nearly all of it waiting' : ''}`;
}

/**
 * The condition `column = number` that most of the statements share. A snapshot's statements hold no other literals
 * (sql/shown-sql.ts masks strings).
 */
function sharedLiteral(waits: readonly Wait[]): {text: string; count: number} | null {
  const found = waits.flatMap(({backend}) => [...new Set(conditionsOf(backend.query ?? ''))]);
  const {value, count} = mostOf(found, text => text);
  return count * 2 > waits.length && count > 1 ? {text: value, count} : null;
}

function conditionsOf(sql: string): string[] {
  const where = /\bwhere\b([\s\S]*)/i.exec(sql)?.[1] ?? '';
  return [...where.matchAll(/(?:"((?:[^"]|"")+)"|\b([\w$]+))\s*=\s*(\d{1,19})\b(?!\.)/g)].flatMap(
    ([, quoted, bare, value = '']) => {
      const column = quoted ?? bare ?? '';
      return isPlainKey(column, value) ? [`${column} = ${value}`] : [];
    },
  );
}

/** An id, or a short number: a longer one may be a phone or card number. */
function isPlainKey(column: string, value: string): boolean {
  return /(?:^|_)id$|[a-z]I[dD]$/.test(column) || value.length <= 6;
}

import type {Sample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {mostOf} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {statementName} from '../../sql/statement-name.ts';
import {counted, formatCount} from '../../text/format.ts';
import {averageOf, type Context, heldSince, poolName, poolSubject, shareOf} from '../context.ts';
import {poolKey} from '../sample.ts';
import {type StatementHistory, statementHistories} from '../statement-history.ts';
import {writingStatement} from '../writing-statement.ts';
import {recentOf} from './failing-signs.ts';
import {advice} from './waiting-finding.ts';

/**
 * Harm: many sessions wait for the same lightweight lock, which guards what they share inside the server. No session holds it
 * for more than a moment: ending one unblocks no other. The one that writes WAL for the others waits for the disk: it counts as one of them.
 */
export function examineLwlocks(context: Context): Finding[] {
  const last = context.samples.at(-1);
  // Most servers have none.
  if (last === undefined || Object.keys(waitingIn(last)).length === 0) return [];
  const recent = recentOf(context.samples);
  if (recent.length < leastReadings) return [];
  const waiting = recent.map(waitingIn);
  const averageIn = (name: string, some: typeof waiting) => averageOf(some, each => each[name] ?? 0);
  const [most] = Object.keys(waitingIn(last))
    .map(name => ({name, sessions: averageIn(name, waiting)}))
    .filter(({name}) => averageIn(name, waiting.slice(-latest)) >= least)
    .filter(({name, sessions}) => name !== 'LockManager' || sessions > averageOf(recent, waitingForLocks))
    .sort((a, b) => b.sessions - a.sessions);
  if (most === undefined || most.sessions < least) return [];
  return [findingOf(most, recent, context)];
}

/** The lock of WAL writes is held over the write and the sync (XLogWrite in xlog.c). */
const walLock = 'WALWrite';
/** `WALSync` and `WALWrite`, from 17 on `WalSync` and `WalWrite`. */
const walIo = /^IO:W(?:AL|al)(?:Write|Sync)$/;

/** Sessions by the lightweight lock that they wait for. */
function waitingIn({lwlocks, activity}: Sample): Sample['lwlocks'] {
  const writing = activity.filter(({event}) => event !== null && walIo.test(event));
  if (writing.length === 0) return lwlocks;
  const sessions = writing.reduce((sum, each) => sum + each.sessions, 0);
  return {...lwlocks, [walLock]: (lwlocks[walLock] ?? 0) + sessions};
}

function isWaitingFor(name: string, {wait_event_type, wait_event}: Backend): boolean {
  if (wait_event_type === 'LWLock') return wait_event === name;
  return name === walLock && walIo.test(`${wait_event_type}:${wait_event}`);
}

/** Those that queue for one lock take turns in the lock manager, too: what they queue for is the finding. */
function waitingForLocks({waits}: Sample): number {
  return waits.reduce((sum, {waiting}) => sum + waiting, 0);
}

const least = thresholds.lwlock_sessions.warning;
const leastReadings = 5;
/** The last readings, in which the wait must still be seen. */
const latest = 3;

function findingOf(
  {name, sessions}: {name: string; sessions: number},
  recent: readonly Sample[],
  context: Context,
): Finding {
  const {snapshot, samples} = context;
  const waiting = snapshot.backends.filter(backend => isWaitingFor(name, backend));
  const {value: pool, count} = mostOf(waiting, backend => poolKey(backend));
  const [first] = waiting.filter(backend => poolKey(backend) === pool);
  const own = snapshot.backends.filter(backend => poolKey(backend) === pool);
  const statement = mostOf(waiting, ({query}) => statementName(query)).value;
  const isSeen = (sample: Sample) => (waitingIn(sample)[name] ?? 0) > 0;
  const seen = recent.filter(isSeen).length;
  const meaning = meaningOf(name);
  const commits = isWal.test(name) && first !== undefined ? commitsOf(first, context) : null;
  const inDisk = waiting.filter(({wait_event_type}) => wait_event_type === 'IO');
  const event =
    inDisk.length === waiting.length && inDisk[0] ? `${inDisk[0].wait_event} (IO)` : `${name} (LWLock)`;
  return {
    recipe: 'lwlock',
    severity: sessions >= thresholds.slow_active_sessions.critical ? 'critical' : 'warning',
    subject: `lwlock:${name}`,
    summary: `${count} of ${own.length} sessions of ${first === undefined ? '?' : poolName(first)} wait for ${event}, most in ${statement || 'a statement'}, ${sessions.toFixed(1)} on average in ${seen} of ${recent.length} snapshots: ${meaning.why}${commits === null ? '' : `, ${commits.text}`}`,
    evidence: {
      ...{lwlock: name, sessions: waiting.length, average_sessions: Math.round(sessions * 10) / 10},
      ...(commits !== null && {
        commits_per_second: commits.per_second,
        rows_per_commit: commits.rows,
      }),
    },
    cause: 'lwlock',
    harm: {
      kind: 'waiting',
      sessions,
      share: shareOf(recent, isSeen),
      since: heldSince(samples, isSeen) ?? null,
    },
    explains: [
      ...waiting.map(({pid}) => subjectOf(pid)),
      ...(first !== undefined && count * 2 >= own.length ? [poolSubject(first)] : []),
      ...new Set(waiting.flatMap(({query_id}) => (query_id === null ? [] : [`statement:${query_id}`]))),
    ],
    confidence: 'likely',
    reasons: [
      'A lightweight lock is held for a moment by one session after the other: ending a session unblocks no other.',
    ],
    acts: [advice(meaning.advice, 'An application or configuration change.')],
  };
}

const isWal = /^WAL(?:Write|Insert|BufMapping)$/;

/**
 * How often an application's role commits rows, and how many at a time. A statement outside a transaction commits by itself, several in
 * one commit together: no more than there are of them, nor than the database counts. null without two readings of the counters, or after their reset.
 */
function commitsOf({usename, datname}: Backend, context: Context) {
  const writes = statementHistories(context).filter(
    ({statement}) =>
      statement.usename === usename &&
      statement.datname === datname &&
      writingStatement(statement.query) !== null,
  );
  const readings = context.samples.flatMap(({at_ms, databases}) => {
    const found = databases.find(each => each.datname === datname);
    return found === undefined ? [] : [{at_ms, xact_commit: found.xact_commit}];
  });
  const [first, last] = [readings[0], readings.at(-1)];
  if (writes.length === 0 || first === undefined || last === undefined || last.at_ms <= first.at_ms)
    return null;
  if (readings.some(({xact_commit}, at) => xact_commit < (readings[at - 1]?.xact_commit ?? 0))) return null;
  const sumOf = (read: (each: StatementHistory) => number) =>
    writes.reduce((sum, each) => sum + read(each), 0);
  const committed = ((last.xact_commit - first.xact_commit) * 1000) / (last.at_ms - first.at_ms);
  const per_second = Math.round(
    Math.min(
      committed,
      sumOf(each => each.calls_per_second),
    ),
  );
  if (per_second === 0) return null;
  const rows_per_second = sumOf(({rows, interval_ms}) => (rows * 1000) / interval_ms);
  const rows = Math.round(rows_per_second / per_second);
  return {per_second, rows, text: `${formatCount(per_second)} commits/s of ${counted(rows, 'row')} each`};
}

type Meaning = {why: string; advice: string};

/** By the locks' names (table "Wait Events of Type LWLock" of the manual); SLRU is Buffer for the lock of one page. */
const meanings: readonly [RegExp, Meaning][] = [
  [
    isWal,
    {
      why: 'commits wait for WAL to be written',
      advice:
        'commit less often (several rows in one transaction), see commit_delay and how fast the disk of pg_wal syncs, or synchronous_commit = off where a lost commit does no harm',
    },
  ],
  [
    /^Subtrans/,
    {
      why: 'transactions have more than 64 savepoints each',
      advice: 'use fewer savepoints (and exception blocks) in a transaction, and end long transactions',
    },
  ],
  [
    /^MultiXact/,
    {
      why: 'many transactions lock the same rows in share mode',
      advice:
        'have fewer transactions refer to the same parent row concurrently (foreign keys lock it), and shorten them',
    },
  ],
  [
    /^LockManager$/,
    {
      why: 'statements lock more relations than their 16 fast-path lock slots hold',
      advice:
        'let statements name the partition key, or have fewer partitions and indexes; PostgreSQL 18 has more of these slots',
    },
  ],
  [
    /^(?:ProcArray|XidGen|XactSLRU|XactBuffer|CommitTs\w*)$/,
    {
      why: 'very many transactions begin and end',
      advice: 'have fewer concurrent sessions at work: a pooler in transaction mode',
    },
  ],
  [
    /^Buffer(?:Mapping|Content|IO)$/,
    {
      why: 'they read or change the same pages',
      advice:
        'spread what they change over more pages (fillfactor, another key), or read less: an index, more shared_buffers',
    },
  ],
  [/^Notify/, {why: 'they share the NOTIFY queue', advice: 'send fewer notifications: one for each batch'}],
];

function meaningOf(name: string): Meaning {
  return (
    meanings.find(([pattern]) => pattern.test(name))?.[1] ?? {
      why: 'they share it inside the server',
      advice: 'have fewer sessions run this concurrently; the manual lists what the lock guards',
    }
  );
}

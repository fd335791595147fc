import type {Sample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import {mostOf} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {statementName} from '../../sql/statement-name.ts';
import {averageOf, type Context, heldSince, poolName, poolSubject, shareOf} from '../context.ts';
import {poolKey} from '../sample.ts';
import {recentOf} from './failing-signs.ts';
import {advice} from './waiting-finding.ts';

/**
 * Harm: many sessions wait for the same lightweight lock, which guards what they share inside the server. No session holds it
 * for more than a moment: ending one frees no one.
 */
export function examineLwlocks(context: Context): Finding[] {
  const last = context.samples.at(-1);
  // Most servers have none.
  if (last === undefined || Object.keys(last.lwlocks).length === 0) return [];
  const recent = recentOf(context.samples);
  if (recent.length < leastReadings) return [];
  const [most] = Object.keys(last.lwlocks)
    .map(name => ({name, sessions: averageOf(recent, ({lwlocks}) => lwlocks[name] ?? 0)}))
    .filter(({name}) => averageOf(recent.slice(-latest), ({lwlocks}) => lwlocks[name] ?? 0) >= least)
    .filter(({name, sessions}) => name !== 'LockManager' || sessions > averageOf(recent, waitingForLocks))
    .sort((a, b) => b.sessions - a.sessions);
  if (most === undefined || most.sessions < least) return [];
  return [findingOf(most, recent, context)];
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
  {snapshot, samples}: Context,
): Finding {
  const waiting = snapshot.backends.filter(
    ({wait_event_type, wait_event}) => wait_event_type === 'LWLock' && wait_event === name,
  );
  const {value: pool, count} = mostOf(waiting, backend => poolKey(backend));
  const [first] = waiting.filter(backend => poolKey(backend) === pool);
  const own = snapshot.backends.filter(backend => poolKey(backend) === pool);
  const statement = mostOf(waiting, ({query}) => statementName(query)).value;
  const isSeen = ({lwlocks}: Sample) => (lwlocks[name] ?? 0) > 0;
  const seen = recent.filter(isSeen).length;
  const meaning = meaningOf(name);
  return {
    recipe: 'lwlock',
    severity: sessions >= thresholds.slow_active_sessions.critical ? 'critical' : 'warning',
    subject: `lwlock:${name}`,
    summary: `${count} of ${own.length} sessions of ${first === undefined ? '?' : poolName(first)} wait for ${name} (LWLock), most in ${statement || 'a statement'}, ${sessions.toFixed(1)} on average in ${seen} of ${recent.length} readings: ${meaning.why}`,
    evidence: {lwlock: name, sessions: waiting.length, average_sessions: Math.round(sessions * 10) / 10},
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
      'A lightweight lock is held for a moment by one session after the other: ending a session frees no one.',
    ],
    acts: [advice(meaning.advice, 'A change of the application or of the configuration.')],
  };
}

type Meaning = {why: string; advice: string};

/** By the locks' names (table "Wait Events of Type LWLock" of the manual); SLRU is Buffer for the lock of one page. */
const meanings: readonly [RegExp, Meaning][] = [
  [
    /^WAL(?:Write|Insert|BufMapping)$/,
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
        'have fewer transactions refer to the same parent row at once (foreign keys lock it), and shorten them',
    },
  ],
  [
    /^LockManager$/,
    {
      why: 'statements lock more relations than their 16 fast slots hold',
      advice:
        'let statements name the partition key, or have fewer partitions and indexes; PostgreSQL 18 has more slots',
    },
  ],
  [
    /^(?:ProcArray|XidGen|XactSLRU|XactBuffer|CommitTs\w*)$/,
    {
      why: 'very many transactions begin and end',
      advice: 'have fewer sessions at work at once: a pooler in transaction mode',
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
      advice: 'have fewer sessions run this at once; the manual lists what the lock guards',
    }
  );
}

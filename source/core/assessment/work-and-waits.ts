import type {ActivitySample, PoolSample, Sample} from '../../model/assessment.ts';
import {counted, formatRatio} from '../text/format.ts';
import {poolKey} from './sample.ts';

/** Where the time of sessions went, from the readings of the last minute: each session in each reading counts as one. */
export type WorkAndWaits = {
  readings: number;
  /** Of those that run a statement, on average of the readings. */
  sessions: number;
  /** Shares of the sessions seen; they add up to 1. */
  working: number;
  /** `Lock:tuple`, the most frequent first. */
  waits: {event: string; ratio: number}[];
  /** Of an application's sessions, which may also run none. */
  idle_in_transaction: number;
  idle: number;
};

/** Of one statement by one role in one database. null: no session was seen in it, or sessions have no query id (before PG14). */
export function workOfStatement(
  samples: readonly Sample[],
  {queryid, usename, datname}: {queryid: string; usename: string | null; datname: string | null},
): WorkAndWaits | null {
  return workOf(samples, {
    isOwn: each => each.query_id === queryid && each.usename === usename && each.datname === datname,
    idleIn: () => [0, 0],
  });
}

export type ApplicationWork = {pool: PoolSample; work: WorkAndWaits};

/** Of each application that has sessions now and is not idle all the time, the one with most busy sessions first. */
export function workOfApplications(samples: readonly Sample[]): ApplicationWork[] {
  return (samples.at(-1)?.pools ?? [])
    .flatMap(pool => {
      const key = poolKey(pool);
      const work = workOf(samples, {
        isOwn: each => poolKey(each) === key,
        idleIn: ({pools}) => {
          const own = pools.find(each => poolKey(each) === key);
          return [own?.idle_in_transaction ?? 0, own?.idle ?? 0];
        },
      });
      return work === null || work.idle === 1 ? [] : [{pool, work}];
    })
    .sort((a, b) => b.work.sessions - a.work.sessions);
}

type Of = {
  isOwn(of: ActivitySample): boolean;
  /** Sessions idle in transaction, and idle. */
  idleIn(sample: Sample): [number, number];
};

function workOf(samples: readonly Sample[], {isOwn, idleIn}: Of): WorkAndWaits | null {
  const events = new Map<string | null, number>();
  let [busy, inTransaction, idle] = [0, 0, 0];
  for (const sample of samples) {
    const [own_in_transaction, own_idle] = idleIn(sample);
    inTransaction += own_in_transaction;
    idle += own_idle;
    for (const each of sample.activity) {
      if (!isOwn(each)) continue;
      busy += each.sessions;
      events.set(each.event, (events.get(each.event) ?? 0) + each.sessions);
    }
  }
  const all = busy + inTransaction + idle;
  if (all === 0) return null;
  return {
    readings: samples.length,
    sessions: busy / samples.length,
    working: (events.get(null) ?? 0) / all,
    waits: [...events]
      .flatMap(([event, count]) => (event === null ? [] : [{event, ratio: count / all}]))
      .sort((a, b) => b.ratio - a.ratio),
    idle_in_transaction: inTransaction / all,
    idle: idle / all,
  };
}

const mostEvents = 3;

/** `waiting 91% (Lock:tuple 88%, IO:DataFileRead 3%), working 9%, of 58 readings with 12.3 sessions on average`. */
export function describeWork({readings, sessions, working, waits, ...rest}: WorkAndWaits): string {
  const waiting = waits.reduce((sum, {ratio}) => sum + ratio, 0);
  const named = waits.slice(0, mostEvents).map(({event, ratio}) => `${event} ${formatRatio(ratio, 0)}`);
  const others = waits.length > mostEvents ? [`${waits.length - mostEvents} more`] : [];
  const parts = [
    `waiting ${formatRatio(waiting, 0)}${waits.length === 0 ? '' : ` (${[...named, ...others].join(', ')})`}`,
    `working ${formatRatio(working, 0)}`,
    ...(rest.idle_in_transaction > 0
      ? [`idle in transaction ${formatRatio(rest.idle_in_transaction, 0)}`]
      : []),
    ...(rest.idle > 0 ? [`idle ${formatRatio(rest.idle, 0)}`] : []),
  ];
  return `${parts.join(', ')}; ${sessions.toFixed(1)} busy sessions on average of ${counted(readings, 'snapshot')}`;
}

import type {Backend} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';

/** The clients of a role: its instances. */
export type Clients = {
  count: number;
  /** Those that connected first shortly after one another and well after the rest, as the new instances of a deploy do. */
  recent: {count: number; since_ms: number} | null;
};

type Session = Pick<Backend, 'application_name' | 'client_addr' | 'backend_age_ms' | 'pool_report'>;

/**
 * Sessions by instance: by the pool that they report, else an application at an address counts as one. A session that has not
 * reported yet is one of the first pool's there.
 */
export function instancesOf<Of extends Session>(sessions: readonly Of[]): [Of, ...Of[]][] {
  const atAddress = groupBy(
    sessions,
    ({application_name, client_addr}) => `${application_name}\0${client_addr}`,
  );
  return [...atAddress.values()].flatMap(own => {
    const reporting = own.find(({pool_report}) => pool_report !== undefined);
    if (reporting === undefined) return [own as [Of, ...Of[]]];
    const first = reporting.pool_report?.instance ?? '';
    return [...groupBy(own, ({pool_report}) => pool_report?.instance ?? first).values()] as [Of, ...Of[]][];
  });
}

/** Sessions that began together, the oldest first. */
export function byStart<Of extends Pick<Backend, 'backend_age_ms'>>(own: readonly Of[]): Of[][] {
  const sorted = own.toSorted((a, b) => (b.backend_age_ms ?? 0) - (a.backend_age_ms ?? 0));
  const pools: Of[][] = [];
  for (const session of sorted) {
    const pool = pools.at(-1);
    const before_ms = pool?.at(-1)?.backend_age_ms ?? Number.POSITIVE_INFINITY;
    if (pool !== undefined && before_ms - (session.backend_age_ms ?? 0) <= openTogetherMs) pool.push(session);
    else pools.push([session]);
  }
  return pools;
}

/** Sessions that a pool opens at its start begin within this time. */
export const openTogetherMs = 2000;

/** Beyond this the others have had the time to reconnect, too. */
const deployMs = 600_000;
const leastGapMs = 60_000;

export function clientsOf(sessions: readonly Session[]): Clients {
  const instances = instancesOf(sessions);
  const ages = instances.map(own => Math.max(...own.map(({backend_age_ms}) => backend_age_ms ?? 0)));
  return {count: instances.length, recent: recentOf(ages.sort((a, b) => a - b))};
}

/** A third of them at least, before the widest gap, which is much wider than they are apart. */
function recentOf(ages: readonly number[]): Clients['recent'] {
  const gaps = ages.slice(1).map((age, index) => age - (ages[index] ?? 0));
  const widest = Math.max(...gaps);
  const count = gaps.indexOf(widest) + 1;
  const since_ms = ages[count - 1] ?? 0;
  const isApart = widest >= Math.max(leastGapMs, 4 * (since_ms - (ages[0] ?? 0)));
  return isApart && since_ms <= deployMs && count * 3 >= ages.length ? {count, since_ms} : null;
}

/** Who holds or awaits one advisory lock, a row each. The same key is another lock in another database. */
export type AdvisoryLock = {
  pid: number;
  database: string;
  mode: string;
  is_granted: boolean;
  /** PG14+, of one that is awaited. */
  wait_age_ms: number | null;
};

/** `pg_advisory_lock(bigint)`; a decimal text, as JavaScript's numbers end before it does. */
export type AdvisoryLockNeed = {key: string};

/** A condition of SQL: session `pid` holds that lock. pg_locks shows the key in halves. */
export function holdsAdvisoryLock(pid: string, key: bigint): string {
  const [high, low] = [key >> 32n, key & 0xffff_ffffn];
  return `EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = ${pid} AND l.granted AND l.classid = ${high} AND l.objid = ${low} AND l.objsubid = 1)`;
}

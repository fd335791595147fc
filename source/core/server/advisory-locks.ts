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

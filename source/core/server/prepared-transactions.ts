/** A transaction prepared for two-phase commit: it has no session, and keeps its locks until somebody ends it. */
export type PreparedTransaction = {
  gid: string;
  /** Its transaction id, and when it was prepared (ISO 8601 UTC, microseconds): another one may bear that gid later. */
  transaction: string;
  prepared: string;
  owner: string;
  database: string;
  age_ms: number;
  /** Sessions that wait for a lock on what it has locked. */
  waiters: number[];
};

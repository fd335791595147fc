/** A transaction prepared for two-phase commit: it has no session, and keeps its locks until somebody ends it. */
export type PreparedTransaction = {
  gid: string;
  owner: string;
  database: string;
  age_ms: number;
  /** Sessions that wait for a lock on what it has locked. */
  waiters: number[];
};

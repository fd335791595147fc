import type {Query} from './query.ts';

/**
 * What sessions wait for; read only while one waits for a lock. A session that waits for a row waits for the
 * transaction that locked it; only the tuple lock that the first in the queue holds names the relation
 * (src/backend/access/heap/README.tuplock).
 */
const text = (wait_age_ms: string) => `
WITH /* poolctl */ l AS MATERIALIZED (SELECT * FROM pg_locks)
SELECT DISTINCT ON (w.pid) w.pid, w.locktype, w.mode,
  CASE WHEN coalesce(w.relation, t.relation) IS NULL THEN NULL
    WHEN coalesce(w.database, t.database) IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    THEN coalesce(w.relation, t.relation)::regclass::text
    ELSE coalesce(w.relation, t.relation)::text END AS relation,
  ${wait_age_ms} AS wait_age_ms, w.transactionid::text AS transactionid
FROM l w
LEFT JOIN l t ON t.pid = w.pid AND t.locktype = 'tuple' AND t.granted AND w.relation IS NULL
WHERE NOT w.granted AND w.pid IS NOT NULL
ORDER BY w.pid`;

export const lockWaitsQuery: Query = {
  name: 'poolctl_lock_waits',
  versioned_by: 'server',
  variants: [
    {floor: 130_000, text: text('NULL::int8')},
    // waitstart is NULL for a moment after the wait began.
    {floor: 140_000, text: text("(date_part('epoch', now() - w.waitstart) * 1000)::int8")},
  ],
};

export type LockWaitRow = [
  pid: number,
  locktype: string,
  mode: string,
  relation: string | null,
  wait_age_ms: number | null,
  /** The awaited one if `locktype` is transactionid, else null. */
  transactionid: string | null,
];

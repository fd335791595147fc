import type {Query} from './query.ts';

/** What one session holds and waits for, the waits first. Its own virtual transaction is left out: all have one. */
const text = (wait_age_ms: string) => `
SELECT /* poolctl */ l.locktype, l.mode, l.granted,
  CASE WHEN l.relation IS NULL THEN NULL
    WHEN l.database IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    THEN l.relation::regclass::text ELSE l.relation::text END AS relation,
  ${wait_age_ms} AS wait_age_ms, l.transactionid::text AS transactionid
FROM pg_locks l
WHERE l.pid = $1 AND l.locktype <> 'virtualxid'
ORDER BY l.granted, relation NULLS LAST, l.mode
LIMIT 200`;

export const sessionLocksQuery: Query = {
  name: 'poolctl_session_locks',
  versioned_by: 'server',
  variants: [
    {floor: 130_000, text: text('NULL::int8')},
    {floor: 140_000, text: text("(date_part('epoch', now() - l.waitstart) * 1000)::int8")},
  ],
};

export type SessionLockRow = [
  locktype: string,
  mode: string,
  granted: boolean,
  relation: string | null,
  wait_age_ms: number | null,
  transactionid: string | null,
];

import type {Query} from './query.ts';

/**
 * Whoever keeps dead rows of this database alive, as GetOldestNonRemovableTransactionId (procarray.c) sees it:
 * snapshots and transactions of this database, slots and standbys with hot_standby_feedback of any. A slot's
 * catalog_xmin holds back system catalogs alone.
 */
export const xminHoldersQuery: Query = {
  name: 'poolctl_xmin_holders',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ h.kind, h.name, h.description, h.xmin_age,
  (extract(epoch FROM h.age) * 1000)::float8 AS age_ms
FROM (
  SELECT 'backend' AS kind, a.pid::text AS name,
    concat(coalesce(nullif(a.application_name, ''), '(no name)'), '/', a.usename) AS description,
    greatest(age(a.backend_xmin), age(a.backend_xid)) AS xmin_age, now() - a.xact_start AS age
  FROM pg_stat_activity a
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
    AND coalesce(a.backend_type, '') NOT IN ('autovacuum worker', 'walsender')
  UNION ALL
  SELECT 'prepared transaction', p.gid, concat('of ', p.owner), age(p.transaction), now() - p.prepared
  FROM pg_prepared_xacts p
  WHERE p.database = current_database()
  UNION ALL
  SELECT 'replication slot', r.slot_name::text, concat(r.slot_type, CASE WHEN r.active THEN ', in use' ELSE ', not in use' END),
    age(r.xmin), NULL
  FROM pg_replication_slots r
  UNION ALL
  SELECT 'standby', coalesce(nullif(r.application_name, ''), r.pid::text), coalesce(r.client_addr::text, 'local'), age(r.backend_xmin), NULL
  FROM pg_stat_replication r
) h
WHERE h.xmin_age IS NOT NULL
ORDER BY h.xmin_age DESC, h.kind, h.name
LIMIT 5`,
    },
  ],
};

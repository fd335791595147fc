import {redactSecrets} from '../../core/text/redact.ts';
import type {Replication, ReplicationSlot} from '../../model/server-facts.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/** Slots and standbys of the server, in one round trip. Throws the server's errors. */
export async function readReplication({
  client,
  server_version_num,
}: Pick<Connection, 'client' | 'server_version_num'>): Promise<Replication> {
  const text = (query: typeof slotsQuery) => pickVariant(query, server_version_num).text;
  const [slots, standbys] = await Promise.all([
    client.query<ReplicationSlot>({text: text(slotsQuery)}),
    client.query<Replication['standbys'][number]>({text: text(standbysQuery)}),
  ]);
  return {
    slots: slots.rows,
    standbys: standbys.rows.map(standby => ({
      ...standby,
      application_name: redactSecrets(standby.application_name),
    })),
  };
}

/** Of a standby: the end of what it has received, or has replayed from an archive. */
const currentLsn = `CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn() END`;

/** Those that keep most WAL first. A slot that is lost keeps none: its restart_lsn is NULL. Columns of 17 are read by name. */
export const slotsQuery = serverQuery(
  'poolctl_replication_slots',
  `
SELECT /* poolctl */ r.slot_name::text AS name, r.slot_type AS kind, r.database::text, r.plugin::text, r.active AS is_active,
  r.active_pid, age(r.xmin) AS xmin_age, age(r.catalog_xmin) AS catalog_xmin_age,
  greatest(0, pg_wal_lsn_diff(${currentLsn}, r.restart_lsn))::int8 AS retained_bytes,
  r.wal_status, r.safe_wal_size AS safe_wal_bytes, r.temporary AS is_temporary,
  r.restart_lsn::text, r.xmin::text, r.catalog_xmin::text,
  pg_is_in_recovery() AND coalesce((to_jsonb(r) ->> 'synced')::bool, false) AS is_synced,
  (extract(epoch FROM now() - (to_jsonb(r) ->> 'inactive_since')::timestamptz) * 1000)::float8 AS inactive_ms,
  to_char((to_jsonb(r) ->> 'inactive_since')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS inactive_since,
  to_jsonb(r) ->> 'invalidation_reason' AS invalidation_reason
FROM pg_replication_slots r
ORDER BY retained_bytes DESC NULLS LAST, r.slot_name
LIMIT 50`,
);

/** A standby's figures are NULL without pg_read_all_stats. */
export const standbysQuery = serverQuery(
  'poolctl_standbys',
  `
SELECT /* poolctl */ coalesce(a.application_name, '') AS application_name, a.client_addr::text, r.state, r.sync_state,
  (date_part('epoch', r.replay_lag) * 1000)::int8 AS replay_lag_ms,
  greatest(0, pg_wal_lsn_diff(${currentLsn}, r.replay_lsn))::int8 AS lag_bytes
FROM pg_stat_get_wal_senders() r CROSS JOIN LATERAL pg_stat_get_activity(r.pid) a
ORDER BY lag_bytes DESC NULLS LAST, r.pid
LIMIT 50`,
);

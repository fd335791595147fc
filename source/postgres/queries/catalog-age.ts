import type {Query} from './query.ts';

/**
 * Since when scans and writes are counted. From 15 on a database whose statistics were never reset has no date, and
 * an unclean shutdown drops all counters without a word; the cluster's own counters are dated then
 * (pgstat_reset_after_failure), so the oldest of their dates is when counting can have begun. Who reads the
 * database's changes (a logical walsender) plans nothing with its indexes.
 */
export const catalogAgeQuery: Query = {
  name: 'poolctl_catalog_age',
  versioned_by: 'server',
  variants: [
    {
      floor: 130_000,
      text: `
SELECT /* poolctl */ d.stats_reset::text,
  (extract(epoch FROM now() - greatest(d.stats_reset, least(
    (SELECT b.stats_reset FROM pg_stat_bgwriter b), (SELECT a.stats_reset FROM pg_stat_archiver a)))) * 1000)::float8,
  EXISTS (SELECT FROM pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid
      WHERE s.slot_type IS DISTINCT FROM 'logical')
    OR EXISTS (SELECT FROM pg_replication_slots s WHERE s.slot_type = 'physical')
    OR pg_is_in_recovery()
FROM pg_stat_database d
WHERE d.datname = current_database()`,
    },
  ],
};

export type CatalogAgeRow = [stats_reset: string | null, stats_age_ms: number | null, has_standby: boolean];

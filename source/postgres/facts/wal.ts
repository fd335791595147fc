import {redactSecrets} from '../../core/text/redact.ts';
import type {ReplayPosition, WalState} from '../../model/server-state.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {hasFeature, pickVariant, type ServerVersion, serverQuery} from '../queries/query.ts';

/**
 * WAL, its archive and checkpoints, in one round trip once `before` says that this role may list files. Throws the
 * server's errors.
 */
export async function readWal(
  {client, ...version}: Pick<Connection, 'client'> & ServerVersion,
  before: WalState | undefined,
): Promise<Omit<WalState, 'rates'>> {
  const pick = (query: typeof walQuery) => pickVariant(query, version).text;
  const readFiles = () => client.query<WalFiles>({text: pick(walFilesQuery)});
  const known = before?.directory ? readFiles() : null;
  // If the connection breaks, the first query's error says why.
  known?.catch(() => {});
  const {rows} = await client.query<WalRow>({text: pick(walQuery)});
  const [row] = rows;
  if (row === undefined) throw new Error('the server returned no row');
  const [files] = row.may_list ? (await (known ?? readFiles())).rows : [];
  return {
    at: isoTime(row.at) ?? '',
    written_bytes: row.written_bytes,
    next_xid: row.next_xid,
    next_multixact: row.next_multixact,
    settings: {
      max_wal_size_bytes: row.max_wal_size_bytes,
      wal_keep_size_bytes: row.wal_keep_size_bytes,
      max_slot_wal_keep_size_bytes: row.slot_keep_bytes < 0 ? null : row.slot_keep_bytes,
      checkpoint_timeout_ms: row.checkpoint_timeout_ms,
    },
    directory: files === undefined ? null : {files: files.files, bytes: files.bytes},
    checkpoints: {
      timed: row.checkpoints_timed,
      requested: row.checkpoints_requested,
      stats_reset: isoTime(row.checkpoints_reset),
    },
    archive: row.archive_mode === 'off' ? null : archiveOf(row, files?.ready_files ?? null),
    recovery: row.is_in_recovery
      ? {...recoveryOf(row), ...(hasFeature(version, 'pg_stat_recovery') && {replay: replayOf(row)})}
      : null,
  };
}

function archiveOf(row: WalRow, ready_files: number | null): WalState['archive'] {
  return {
    archived_count: row.archived_count,
    failed_count: row.failed_count,
    last_archived_at: isoTime(row.last_archived_at),
    last_failed_at: isoTime(row.last_failed_at),
    last_failed_file: row.last_failed_file,
    ready_files,
  };
}

function recoveryOf(row: WalRow): NonNullable<WalState['recovery']> {
  const {receiver_pid, receiver_status: status, receiver_sender: sender, receiver_slot: slot} = row;
  return {
    is_paused: row.is_paused,
    replay_lag_bytes: row.replay_lag_bytes,
    last_replayed_age_ms: row.last_replayed_age_ms,
    receiver: receiver_pid === null ? null : {status, sender: sender && redactSecrets(sender), slot},
    conflicts: row.conflicts,
  };
}

function replayOf({replay}: WalRow): ReplayPosition | null {
  return (
    replay && {
      ...replay,
      last_xact_at: isoTime(replay.last_xact_at),
      chunk_started_at: isoTime(replay.chunk_started_at),
    }
  );
}

type WalFiles = {files: number; bytes: number; ready_files: number};

/** pg_monitor may list these directories. */
export const walFilesQuery = serverQuery(
  'poolctl_wal_files',
  `
SELECT /* poolctl */ count(*)::int4 AS files, coalesce(sum(f.size), 0)::int8 AS bytes,
  (SELECT count(*)::int4 FROM pg_ls_archive_statusdir() s WHERE s.name LIKE '%.ready') AS ready_files
FROM pg_ls_waldir() f`,
);

type WalRow = {
  at: string;
  is_in_recovery: boolean;
  may_list: boolean;
  written_bytes: number;
  next_xid: number;
  next_multixact: number;
  max_wal_size_bytes: number;
  wal_keep_size_bytes: number;
  slot_keep_bytes: number;
  checkpoint_timeout_ms: number;
  checkpoints_timed: number;
  checkpoints_requested: number;
  checkpoints_reset: string | null;
  archive_mode: string;
  archived_count: number;
  failed_count: number;
  last_archived_at: string | null;
  last_failed_at: string | null;
  last_failed_file: string | null;
  is_paused: boolean;
  replay_lag_bytes: number;
  last_replayed_age_ms: number | null;
  receiver_pid: number | null;
  receiver_status: string | null;
  receiver_sender: string | null;
  receiver_slot: string | null;
  conflicts: Record<string, number>;
  replay: ReplayPosition | null;
};

/**
 * - mxid_age is the next multixact minus its argument (mxid_age in multixact.c): of 1 it counts those ever used.
 * - Later versions have more causes of conflicts: each column is one.
 * - A standby's checkpoints are restartpoints; before 17 pg_stat_bgwriter counts both in the same columns.
 */
const walText = (checkpoints: {from: string; timed: string; requested: string}, replay = 'NULL::json') => `
SELECT /* poolctl */ clock_timestamp()::text AS at, r.is_in_recovery,
  has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE')
    AND has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE') AS may_list,
  pg_wal_lsn_diff(CASE WHEN r.is_in_recovery THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn() END, '0/0')::int8 AS written_bytes,
  pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS next_xid,
  (mxid_age('1'::xid)::int8 + 1 + 4294967296) % 4294967296 AS next_multixact,
  pg_size_bytes(current_setting('max_wal_size')) AS max_wal_size_bytes,
  pg_size_bytes(current_setting('wal_keep_size')) AS wal_keep_size_bytes,
  pg_size_bytes(current_setting('max_slot_wal_keep_size')) AS slot_keep_bytes,
  (extract(epoch FROM current_setting('checkpoint_timeout')::interval) * 1000)::int8 AS checkpoint_timeout_ms,
  ${checkpoints.timed} AS checkpoints_timed, ${checkpoints.requested} AS checkpoints_requested,
  c.stats_reset::text AS checkpoints_reset,
  current_setting('archive_mode') AS archive_mode, a.archived_count, a.failed_count,
  a.last_archived_time::text AS last_archived_at, a.last_failed_time::text AS last_failed_at,
  a.last_failed_wal AS last_failed_file,
  CASE WHEN r.is_in_recovery THEN pg_is_wal_replay_paused() ELSE false END AS is_paused,
  greatest(0, pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()))::int8 AS replay_lag_bytes,
  (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)::int8 AS last_replayed_age_ms,
  w.pid AS receiver_pid, w.status AS receiver_status, w.sender_host AS receiver_sender, w.slot_name::text AS receiver_slot,
  coalesce((SELECT jsonb_object_agg(k.cause, k.count) FROM (
    SELECT substr(v.key, 7) AS cause, sum(v.value::int8) AS count
    FROM pg_stat_database_conflicts d, jsonb_each_text(to_jsonb(d)) v
    WHERE v.key LIKE 'confl\\_%' GROUP BY v.key) k), '{}') AS conflicts,
  ${replay} AS replay
FROM (SELECT pg_is_in_recovery() AS is_in_recovery) r
CROSS JOIN ${checkpoints.from} c CROSS JOIN pg_stat_archiver a LEFT JOIN pg_stat_wal_receiver w ON true`;

/** By name, as 17 has taken these columns away. */
const bgwriter = {
  from: 'pg_stat_bgwriter',
  timed: "coalesce((to_jsonb(c) ->> 'checkpoints_timed')::int8, 0)",
  requested: "coalesce((to_jsonb(c) ->> 'checkpoints_req')::int8, 0)",
};
const checkpointer = {
  from: 'pg_stat_checkpointer',
  timed: 'CASE WHEN r.is_in_recovery THEN c.restartpoints_timed ELSE c.num_timed END',
  requested: 'CASE WHEN r.is_in_recovery THEN c.restartpoints_req ELSE c.num_requested END',
};
/** The view has no row for a role without pg_read_all_stats. */
const replayPosition = `(SELECT json_build_object('promote_triggered', s.promote_triggered, 'pause_state', s.pause_state,
    'last_replayed_end_lsn', s.last_replayed_end_lsn, 'last_replayed_tli', s.last_replayed_tli,
    'replay_end_lsn', s.replay_end_lsn, 'last_xact_at', s.recovery_last_xact_time::text,
    'chunk_started_at', s.current_chunk_start_time::text) FROM pg_stat_recovery s)`;
export const walQuery = serverQuery('poolctl_wal', {
  13: walText(bgwriter),
  'pg_stat_checkpointer.num_timed': walText(checkpointer),
  pg_stat_recovery: walText(checkpointer, replayPosition),
});

import {idUsage, keepReadings} from '../../core/server/id-usage.ts';
import type {IdReading, IdUsage, WriteState} from '../../model/server-facts.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/**
 * Whether the server takes writes, and what will end that: in one round trip once `before` says that this role may read
 * the settings of files. Throws the server's errors.
 */
export async function readWriteState(
  {client, server_version_num, request}: Pick<Connection, 'client' | 'request' | 'server_version_num'>,
  before?: WriteState,
): Promise<WriteState> {
  const text = (query: typeof writeStateQuery) => pickVariant(query, server_version_num).text;
  const readFiles = () => client.query<FileSetting>({text: text(readOnlyDefaultQuery)});
  const known = (before?.default_read_only ?? null) === null ? null : readFiles();
  // If the connection breaks, the first query's error says why.
  known?.catch(() => {});
  const {rows} = await client.query<WriteStateRow>({text: text(writeStateQuery)});
  const [row] = rows;
  if (row === undefined) throw new Error('the server returned no row');
  const {
    may_read_files,
    archive_mode,
    failed_count,
    last_failed_at,
    last_archived_at,
    now,
    checkpoint,
    ...state
  } = row;
  const files = may_read_files ? await (known ?? readFiles()) : null;
  const setting = files?.rows[0];
  return {
    ...state,
    ids: usageOf(request, {now, checkpoint}),
    default_read_only: files === null ? null : (setting?.is_on ?? false),
    read_only_source: setting?.sourcefile ?? null,
    archive:
      archive_mode === 'off'
        ? null
        : {
            failed_count,
            last_failed_at: isoTime(last_failed_at),
            last_archived_at: isoTime(last_archived_at),
          },
  };
}

/** By how a server is reached: the facts of the findings and the Server view read the same ids, over connections that may break. */
const readings = new WeakMap<Connection['request'], IdReading[]>();

function usageOf(
  request: Connection['request'],
  read: {now: IdReading; checkpoint: Omit<IdReading, 'system_identifier'>},
): IdUsage {
  const {system_identifier} = read.now;
  const now = {...read.now, at: isoTime(read.now.at) ?? ''};
  const checkpoint = {...read.checkpoint, at: isoTime(read.checkpoint.at) ?? '', system_identifier};
  const kept = keepReadings(readings.get(request) ?? [], now);
  readings.set(request, kept);
  return idUsage(kept, {now, checkpoint});
}

/**
 * - The control file has the ids that were next when the last checkpoint began (CreateCheckPoint in xlog.c); with its time, in
 *   seconds, it is the only record of earlier ids that PostgreSQL keeps unless track_commit_timestamp is on.
 * - mxid_age is the next multixact minus its argument (mxid_age in multixact.c): of 1 it counts those ever used.
 * - The server refuses writes a margin before ids wrap around after 2^31 of them: SetTransactionIdLimit in varsup.c and
 *   SetMultiXactIdLimit in multixact.c. That the space for the members of multixacts is used up is not visible.
 * - Without pg_read_all_stats a standby's state is NULL: then it is not known how many are synchronous.
 */
const writeState = (margins: {xids: number; multixacts: number}) => `
WITH /* poolctl */ d AS MATERIALIZED (
  SELECT d.datname::text AS name, age(d.datfrozenxid) AS xids, mxid_age(d.datminmxid) AS multixacts FROM pg_database d)
SELECT pg_is_in_recovery() AS is_in_recovery,
  (SELECT 2147483647 - ${margins.xids} - max(d.xids)::int8 FROM d) AS xids_left,
  (SELECT d.name FROM d ORDER BY d.xids DESC, d.name LIMIT 1) AS oldest_database,
  (SELECT 2147483647 - ${margins.multixacts} - max(d.multixacts)::int8 FROM d) AS multixacts_left,
  (SELECT d.name FROM d ORDER BY d.multixacts DESC, d.name LIMIT 1) AS oldest_multixact_database,
  current_setting('synchronous_standby_names') AS synchronous_standby_names,
  (SELECT CASE WHEN count(*) = count(r.state) THEN count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum')) END
    FROM pg_stat_get_wal_senders() r) AS synchronous_standbys,
  pg_notification_queue_usage() AS notify_queue_ratio, current_setting('archive_mode') AS archive_mode,
  a.failed_count, a.last_failed_time::text AS last_failed_at, a.last_archived_time::text AS last_archived_at,
  jsonb_build_object('at', clock_timestamp()::text, 'system_identifier', s.system_identifier::text,
    'next_xid', pg_snapshot_xmax(pg_current_snapshot())::text::int8,
    'next_multixact', (mxid_age('1'::xid)::int8 + 1 + 4294967296) % 4294967296) AS now,
  jsonb_build_object('at', c.checkpoint_time::text,
    'next_xid', split_part(c.next_xid, ':', 1)::int8 * 4294967296 + split_part(c.next_xid, ':', 2)::int8,
    'next_multixact', c.next_multixact_id::text::int8) AS checkpoint,
  has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE') AS may_read_files
FROM pg_stat_archiver a CROSS JOIN pg_control_system() s CROSS JOIN pg_control_checkpoint() c`;

export const writeStateQuery = serverQuery('poolctl_write_state', {
  13: writeState({xids: 1_000_000, multixacts: 100}),
  14: writeState({xids: 3_000_000, multixacts: 3_000_000}),
});

type WriteStateRow = Omit<WriteState, 'default_read_only' | 'read_only_source' | 'archive' | 'ids'> & {
  now: IdReading;
  checkpoint: Omit<IdReading, 'system_identifier'>;
  may_read_files: boolean;
  archive_mode: string;
  failed_count: number;
  last_failed_at: string | null;
  last_archived_at: string | null;
};

/**
 * What the files say: this session has a value of its own, which hides the server's. A value that is false in every file
 * returns no row.
 */
export const readOnlyDefaultQuery = serverQuery(
  'poolctl_read_only_default',
  `
SELECT /* poolctl */ f.setting::bool AS is_on, f.sourcefile
FROM pg_file_settings f
WHERE lower(f.name) = 'default_transaction_read_only' AND f.applied
ORDER BY f.seqno DESC
LIMIT 1`,
);

type FileSetting = {is_on: boolean; sourcefile: string};

import {ioRates, mostRelations} from '../../core/server/io.ts';
import type {IoCounter, IoState, LockCounters, RelationIo, ServerIo} from '../../model/server-work.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {hasFeature, pickVariant, type ServerVersion, serverQuery} from '../queries/query.ts';

/** Rates are over at most this much. */
const longest_ms = 60_000;

/** A reader that remembers its readings of the last minute. */
export function createIoReader(): (connection: IoConnection) => Promise<IoState> {
  let earlier: ServerIo[] = [];
  let relations_ms = Number.NEGATIVE_INFINITY;
  return async connection => {
    const isYoung = earlier.length >= 2 && performance.now() - relations_ms < relationsEvery_ms;
    if (!isYoung) relations_ms = performance.now();
    const now = await readServerIo(connection, isYoung ? earlier.at(-1) : undefined);
    earlier = earlier.filter(({at}) => Date.parse(now.at) - Date.parse(at) <= longest_ms);
    const [first] = earlier;
    const rates = first === undefined ? null : ioRates(first, now);
    earlier = rates === null ? [now] : [...earlier, now];
    const {relations: _, relations_at: __, ...counters} = now;
    return {...counters, ...(rates !== null && {rates})};
  };
}

type IoConnection = ServerVersion & Pick<Connection, 'client'>;

/** Relations are read so often: of thousands, that takes milliseconds. */
const relationsEvery_ms = 30_000;

/**
 * Counters of I/O, WAL and of the relations that most was read for, in one round trip; with the relations of `last`, if it is given.
 * Throws the server's errors.
 */
export async function readServerIo(
  connection: IoConnection,
  last?: Pick<ServerIo, 'relations' | 'relations_at'>,
): Promise<ServerIo> {
  const {client} = connection;
  const text = (query: typeof ioCountersQuery) => pickVariant(query, connection).text;
  const [counters, totals, relations] = await Promise.all([
    client.query<IoCounter>({text: text(ioCountersQuery)}),
    client.query<TotalsRow>({text: text(ioTotalsQuery)}),
    last !== undefined ? null : client.query<RelationIo>({text: text(relationIoQuery)}),
  ]);
  const [row] = totals.rows;
  if (row === undefined) throw new Error('the server returned no row');
  const {
    at,
    deadlocks,
    temp_bytes,
    shared_buffers_bytes,
    is_timed,
    wal_records,
    wal_fpi,
    wal_bytes,
    wal_buffers_full,
    locks,
  } = row;
  return {
    at: isoTime(at) ?? at,
    counters: hasFeature(connection, 'pg_stat_io') ? counters.rows : null,
    wal:
      wal_bytes === null
        ? null
        : {
            records: wal_records ?? 0,
            full_page_images: wal_fpi ?? 0,
            bytes: wal_bytes,
            buffers_full: wal_buffers_full ?? 0,
          },
    ...(relations === null && last !== undefined
      ? {relations: last.relations, relations_at: last.relations_at}
      : {relations: relations?.rows ?? [], relations_at: isoTime(at) ?? at}),
    deadlocks,
    temp_bytes,
    shared_buffers_bytes,
    is_timed,
    ...(locks !== null && {locks}),
  };
}

type TotalsRow = {
  at: string;
  deadlocks: number;
  temp_bytes: number;
  shared_buffers_bytes: number;
  is_timed: boolean;
  wal_records: number | null;
  wal_fpi: number | null;
  wal_bytes: number | null;
  wal_buffers_full: number | null;
  locks: LockCounters | null;
};

/** PostgreSQL 18 replaced op_bytes by a column of bytes for each operation; read as JSON, both have one text. */
export const ioCountersQuery = serverQuery('poolctl_io_counters', {
  13: `
SELECT /* poolctl */ ''::text AS backend_type, ''::text AS object, ''::text AS context, 0::int8 AS reads, 0::float8 AS read_bytes,
  0::float8 AS read_time_ms, 0::int8 AS writes, 0::float8 AS write_bytes, 0::float8 AS write_time_ms, 0::float8 AS extend_bytes,
  0::int8 AS evictions, 0::int8 AS fsyncs, 0::float8 AS fsync_time_ms
WHERE false`,
  pg_stat_io: `
SELECT /* poolctl */ i.backend_type, i.object, i.context, coalesce(i.reads, 0) AS reads,
  coalesce((j.row->>'read_bytes')::float8, i.reads * (j.row->>'op_bytes')::float8, 0) AS read_bytes,
  coalesce(i.read_time, 0) AS read_time_ms, coalesce(i.writes, 0) AS writes,
  coalesce((j.row->>'write_bytes')::float8, i.writes * (j.row->>'op_bytes')::float8, 0) AS write_bytes,
  coalesce(i.write_time, 0) AS write_time_ms,
  coalesce((j.row->>'extend_bytes')::float8, i.extends * (j.row->>'op_bytes')::float8, 0) AS extend_bytes,
  coalesce(i.evictions, 0) AS evictions, coalesce(i.fsyncs, 0) AS fsyncs, coalesce(i.fsync_time, 0) AS fsync_time_ms
FROM pg_stat_io i
CROSS JOIN LATERAL (SELECT to_jsonb(i) AS row) j
WHERE coalesce(i.reads, 0) + coalesce(i.writes, 0) + coalesce(i.extends, 0) + coalesce(i.fsyncs, 0) > 0`,
});

/** clock_timestamp(): pg_stat_io and the blocks of relations are read beside it, not at the transaction's start. */
const totals = ({
  wal,
  from,
  locks,
  active_time,
}: Record<'wal' | 'from' | 'locks' | 'active_time', string>) => `
SELECT /* poolctl */ clock_timestamp()::text AS at, pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers_bytes,
  current_setting('track_io_timing')::bool AS is_timed, d.deadlocks, d.temp_bytes, ${wal},
  ${locks} AS locks
FROM (SELECT sum(s.deadlocks)::int8 AS deadlocks, sum(s.temp_bytes)::int8 AS temp_bytes, ${active_time} AS active_time
  FROM pg_stat_database s) d${from}`;

const noWal =
  'NULL::int8 AS wal_records, NULL::int8 AS wal_fpi, NULL::float8 AS wal_bytes, NULL::int8 AS wal_buffers_full';
const fromWal = {
  wal: 'w.wal_records, w.wal_fpi, w.wal_bytes::float8, w.wal_buffers_full',
  from: ', pg_stat_wal w',
};
const noLocks = {locks: 'NULL::json', active_time: 'NULL'};

const lockCounters = {
  locks: `(SELECT json_build_object('stats_reset', max(l.stats_reset)::text,
    'deadlock_timeout_ms', extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000,
    'max_locks_per_transaction', current_setting('max_locks_per_transaction')::int8, 'active_time_ms', d.active_time,
    'types', json_agg(json_build_object('locktype', l.locktype, 'waits', l.waits, 'wait_time_ms', l.wait_time,
      'fastpath_exceeded', l.fastpath_exceeded) ORDER BY l.locktype)) FROM pg_stat_lock l)`,
  active_time: 'sum(s.active_time)',
};

export const ioTotalsQuery = serverQuery('poolctl_io_totals', {
  13: totals({wal: noWal, from: '', ...noLocks}),
  pg_stat_wal: totals({...fromWal, ...noLocks}),
  pg_stat_lock: totals({...fromWal, ...lockCounters}),
});

/** Blocks of tables with their TOAST and indexes. What most was read for since the statistics were reset comes first. OFFSET 0: each is counted once. */
export const relationIoQuery = serverQuery(
  'poolctl_relation_io',
  `
SELECT /* poolctl */ t.oid::regclass::text AS name, (t.fetched - t.hit) * b.bytes AS read_bytes, t.hit * b.bytes AS hit_bytes
FROM (
  SELECT coalesce(h.oid, i.indrelid, c.oid) AS oid, sum(c.fetched)::int8 AS fetched, sum(c.hit)::int8 AS hit
  FROM (
    SELECT c.oid, pg_stat_get_blocks_fetched(c.oid) AS fetched, pg_stat_get_blocks_hit(c.oid) AS hit
    FROM pg_class c
    WHERE c.relkind IN ('r', 'm', 't', 'i', 'S')
    OFFSET 0
  ) c
  LEFT JOIN pg_index i ON i.indexrelid = c.oid
  LEFT JOIN pg_class h ON h.reltoastrelid = coalesce(i.indrelid, c.oid) AND h.reltoastrelid <> 0
  WHERE c.fetched > 0
  GROUP BY coalesce(h.oid, i.indrelid, c.oid)
  HAVING sum(c.fetched) > sum(c.hit)
  ORDER BY sum(c.fetched) - sum(c.hit) DESC, 1
  LIMIT ${mostRelations}
) t
CROSS JOIN (SELECT current_setting('block_size')::int8 AS bytes) b`,
);

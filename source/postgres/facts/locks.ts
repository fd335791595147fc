import {advisoryLock} from '../../core/activity/awaited-object.ts';
import type {
  AdvisoryLock,
  AdvisoryLockNeed,
  PreparedTransaction,
  SessionFacts,
  TableHolder,
} from '../../model/recipe-data.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/** The sessions of every database that hold or await these advisory locks, holders first. Throws the server's errors. */
export async function readAdvisoryLocks(
  connection: Connection,
  {key, with_prisma_8}: AdvisoryLockNeed,
): Promise<AdvisoryLock[]> {
  const {text} = pickVariant(advisoryLocksQuery, connection);
  return (await connection.client.query<AdvisoryLock>({text, values: [key, with_prisma_8 === true]})).rows;
}

/**
 * The keys that Prisma 8's migrations lock in their transaction: hashtext('prisma_8.contract.marker:<schema>:<space>')
 * (markerLockKey() of its SQL runner), for schemas of the connected database. A space is the application or an extension.
 */
const prisma8Keys = `prisma_8 AS MATERIALIZED (
  SELECT DISTINCT hashtext(concat('prisma_8.contract.marker:', n.name, ':', s.name))::int8 AS key
  FROM (SELECT nspname::text FROM pg_namespace UNION SELECT '__unbound__') n (name)
  CROSS JOIN (SELECT extname::text FROM pg_extension UNION VALUES ('app'), ('pgvector')) s (name)
)`;

const keyOf = (lock: string) => `((${lock}.classid::int8 << 32) | ${lock}.objid::int8)`;

/**
 * Sessions that hold or await pg_advisory_lock($1::bigint): its high half is classid, its low half objid, and objsubid
 * is 1 (2 for a lock of two int4 keys; src/backend/utils/adt/lockfuncs.c).
 */
const advisoryLocksText = (wait_age_ms: string) => `
WITH /* poolctl */ ${prisma8Keys}
SELECT l.pid, ${keyOf('l')}::text AS key, d.datname::text AS database, l.mode, l.granted AS is_granted, ${wait_age_ms} AS wait_age_ms
FROM pg_locks l
JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.pid IS NOT NULL
  AND (${keyOf('l')} = $1::int8 OR ($2::bool AND ${keyOf('l')} IN (SELECT p.key FROM prisma_8 p)))
ORDER BY l.granted DESC, l.pid`;

export const advisoryLocksQuery = serverQuery('poolctl_advisory_locks', {
  13: advisoryLocksText('NULL::int8'),
  'pg_locks.waitstart': advisoryLocksText("(date_part('epoch', now() - l.waitstart) * 1000)::int8"),
});

/** What sessions hold and do that ends with them. Throws the server's errors. */
export async function readSessionFacts(connection: Connection): Promise<SessionFacts> {
  const {text} = pickVariant(sessionFactsQuery, connection);
  const {rows} = await connection.client.query<SessionFactsRow>({text});
  const [row] = rows;
  if (row === undefined) throw new Error('the server returned no row');
  const {locks, ...facts} = row;
  return {
    ...facts,
    advisory_locks: locks.map(({pid, count, database, keys}) => ({
      pid,
      count,
      names: keys.map(([classid, objid, objsubid, isPrisma8]) => {
        const name = advisoryLock({classid, objid, objsubid, database});
        return isPrisma8 && !name.endsWith(')') ? `${name} (Prisma 8)` : name;
      }),
    })),
  };
}

type SessionFactsRow = Omit<SessionFacts, 'advisory_locks'> & {
  locks: {
    pid: number;
    count: number;
    database: string;
    keys: [classid: number, objid: number, objsubid: number, isPrisma8: boolean][];
  }[];
};

/**
 * - A session has all its advisory locks in one database. Those of a prepared transaction have no pid.
 * - Temporary tables are in the schema of their session's number (InitTempTableNamespace in namespace.c), which a virtual
 *   transaction begins with, and of which PostgreSQL 16 and later name the pid.
 * - A transaction keeps RowExclusiveLock on what it writes to until it ends, also if no row was changed.
 */
const sessionFactsText = ({numbers, copies}: {numbers: string; copies: string}) => `
WITH /* poolctl */ ${prisma8Keys}, locks AS (
  SELECT l.pid, count(*)::int4 AS count, min(d.datname::text) AS database,
    (array_agg(json_build_array(l.classid::int8, l.objid::int8, l.objsubid,
      l.objsubid = 1 AND ${keyOf('l')} IN (SELECT p.key FROM prisma_8 p)) ORDER BY l.classid, l.objid))[1:3] AS keys
  FROM pg_locks l JOIN pg_database d ON d.oid = l.database
  WHERE l.locktype = 'advisory' AND l.granted AND l.pid IS NOT NULL
  GROUP BY l.pid
), index_builds AS (
  SELECT p.pid, p.command,
    CASE WHEN p.index_relid = 0 THEN NULL WHEN p.datname = current_database() THEN p.index_relid::regclass::text
      ELSE p.index_relid::text END AS index,
    p.phase,
    CASE WHEN p.blocks_total > 0 THEN least(1, p.blocks_done / p.blocks_total::float8)
      WHEN p.tuples_total > 0 THEN least(1, p.tuples_done / p.tuples_total::float8) END AS done_ratio,
    nullif(p.current_locker_pid, 0) AS waits_for
  FROM pg_stat_progress_create_index p
), numbers AS (${numbers}), temp_tables AS (
  SELECT n.pid, count(*)::int4 AS count, sum(pg_total_relation_size(c.oid))::int8 AS bytes,
    (array_agg(c.relname::text ORDER BY c.relname))[1:3] AS names
  FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace JOIN numbers n ON s.nspname = 'pg_temp_' || n.id
  WHERE c.relpersistence = 't' AND c.relkind IN ('r', 'p')
  GROUP BY n.pid
), written AS (
  SELECT l.pid, (array_agg(DISTINCT c.oid::regclass::text))[1:5] AS tables
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
  WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'RowExclusiveLock' AND c.relkind = 'r' AND c.relpersistence <> 't'
    AND l.pid IS NOT NULL AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  GROUP BY l.pid
), copies AS (${copies})
SELECT coalesce((SELECT json_agg(l ORDER BY l.pid) FROM locks l), '[]') AS locks,
  coalesce((SELECT json_agg(b ORDER BY b.pid) FROM index_builds b), '[]') AS index_builds,
  coalesce((SELECT json_agg(t ORDER BY t.pid) FROM temp_tables t), '[]') AS temp_tables,
  coalesce((SELECT json_agg(w ORDER BY w.pid) FROM written w), '[]') AS written,
  coalesce((SELECT json_agg(c ORDER BY c.pid) FROM copies c), '[]') AS copies`;

const numbersOfTransactions =
  "SELECT DISTINCT split_part(l.virtualtransaction, '/', 1) AS id, l.pid FROM pg_locks l WHERE l.pid IS NOT NULL";
const numbersOfBackends =
  'SELECT b.id::text AS id, pg_stat_get_backend_pid(b.id) AS pid FROM pg_stat_get_backend_idset() AS b(id)';
const copies = `
  SELECT p.pid, p.command, CASE WHEN p.relid = 0 THEN NULL WHEN p.datname = current_database() THEN p.relid::regclass::text
      ELSE p.relid::text END AS relation,
    p.tuples_processed AS rows, CASE WHEN p.bytes_total > 0 THEN least(1, p.bytes_processed / p.bytes_total::float8) END AS done_ratio
  FROM pg_stat_progress_copy p`;

export const sessionFactsQuery = serverQuery('poolctl_session_facts', {
  13: sessionFactsText({numbers: numbersOfTransactions, copies: 'SELECT 0 AS pid WHERE false'}),
  pg_stat_progress_copy: sessionFactsText({numbers: numbersOfTransactions, copies}),
  16: sessionFactsText({numbers: numbersOfBackends, copies}),
});

/** The prepared transactions of every database, oldest first. Throws the server's errors. */
export async function readPreparedTransactions({
  client,
  server_version_num,
}: Connection): Promise<PreparedTransaction[]> {
  const {text} = pickVariant(preparedTransactionsQuery, server_version_num);
  const {rows} = await client.query<PreparedTransaction>({text});
  return rows.map(row => ({...row, prepared: isoTime(row.prepared) ?? row.prepared}));
}

/**
 * Prepared transactions and the sessions that wait for their locks. These locks have no pid; what they share is the
 * virtual transaction they were prepared in, or -1 and their transaction id after a restart
 * (MarkAsPreparingGuts in twophase.c), and one of them is the lock on their own transaction id.
 */
export const preparedTransactionsQuery = serverQuery(
  'poolctl_prepared_transactions',
  `
WITH /* poolctl */ l AS MATERIALIZED (SELECT * FROM pg_locks)
SELECT p.gid, p.transaction::text, p.prepared::text, p.owner::text, p.database::text, (date_part('epoch', now() - p.prepared) * 1000)::int8 AS age_ms,
  ARRAY(SELECT DISTINCT w.pid FROM l x
    JOIN l h ON h.virtualtransaction = x.virtualtransaction AND h.pid IS NULL AND h.granted
    JOIN l w
    ON (w.locktype, w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
      IS NOT DISTINCT FROM (h.locktype, h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
    WHERE x.locktype = 'transactionid' AND x.transactionid = p.transaction AND x.pid IS NULL AND x.granted
      AND NOT w.granted AND w.pid IS NOT NULL
    ORDER BY w.pid) AS waiters
FROM pg_prepared_xacts p
ORDER BY p.prepared, p.gid`,
);

/** The transactions that an index build or drop may have to wait for. Throws the server's errors. */
export async function readTableHolders({client, server_version_num}: Connection): Promise<TableHolder[]> {
  const {text} = pickVariant(tableHoldersQuery, server_version_num);
  return (await client.query<TableHolder>({text})).rows;
}

/**
 * Transactions of the connected database with their granted table locks, and whether they hold a snapshot. poolctl's own
 * sessions, and those that a build does not wait for (autovacuum), are left out. Locks of prepared transactions have no pid.
 */
export const tableHoldersQuery = serverQuery(
  'poolctl_table_holders',
  `
WITH /* poolctl */ l AS MATERIALIZED (
  SELECT k.pid, k.relation, k.mode FROM pg_locks k
  WHERE k.locktype = 'relation' AND k.granted AND k.relation >= 16384
    AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
), locks AS (
  SELECT l.pid, json_agg(json_build_object('table_oid', l.relation::text, 'mode', l.mode) ORDER BY l.mode DESC, l.relation) AS locks
  FROM l GROUP BY l.pid
)
SELECT NULL::int4 AS pid, false AS has_snapshot, p.locks FROM locks p WHERE p.pid IS NULL
UNION ALL
SELECT a.pid, a.backend_xmin IS NOT NULL, coalesce(p.locks, '[]')
FROM pg_stat_activity a LEFT JOIN locks p ON p.pid = a.pid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.application_name <> 'poolctl'
  AND coalesce(a.backend_type, '') <> 'autovacuum worker' AND (p.pid IS NOT NULL OR a.backend_xmin IS NOT NULL)
ORDER BY pid`,
);

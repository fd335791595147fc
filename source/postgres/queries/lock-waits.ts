import {serverQuery} from './query.ts';

/** The modes that conflict with each mode (LockConflicts in src/backend/storage/lmgr/lock.c). */
const conflicts: Record<string, string[]> = {
  AccessShareLock: ['AccessExclusiveLock'],
  RowShareLock: ['ExclusiveLock', 'AccessExclusiveLock'],
  RowExclusiveLock: ['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'],
  ShareUpdateExclusiveLock: [
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
  ShareLock: [
    'RowExclusiveLock',
    'ShareUpdateExclusiveLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
  ShareRowExclusiveLock: [
    'RowExclusiveLock',
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
  ExclusiveLock: [
    'RowShareLock',
    'RowExclusiveLock',
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
  AccessExclusiveLock: [
    'AccessShareLock',
    'RowShareLock',
    'RowExclusiveLock',
    'ShareUpdateExclusiveLock',
    'ShareLock',
    'ShareRowExclusiveLock',
    'ExclusiveLock',
    'AccessExclusiveLock',
  ],
};

const conflictRows = Object.entries(conflicts)
  .map(([mode, with_modes]) => `('${mode}', '{${with_modes.join(',')}}'::text[])`)
  .join(', ');

/** A name in the connected database, else an oid: a cast to regclass does not fail for what is gone. */
const nameOf = (oid: string, database: string) =>
  `CASE WHEN ${oid} IS NULL THEN NULL
    WHEN ${database} IN (0, (SELECT oid FROM here)) THEN ${oid}::regclass::text ELSE ${oid}::text END`;

/**
 * What each process waits for, and who holds it; read only while one waits for a lock.
 *
 * - A session that waits for a row waits for the transaction that locked it; only the tuple lock that the first in the
 *   queue holds names the relation (src/backend/access/heap/README.tuplock). Without one (a unique key), `tables` are those on
 *   which both have a lock that precedes changing rows.
 * - `tag` identifies a lock: for one locktype the same columns are NULL.
 * - `m`: no index and no statistics help with pg_locks, so its rows are reduced before they are joined; coalesce() makes the
 *   planner hash the list.
 * - The locks of a prepared transaction have no pid; what they share is the virtual transaction.
 */
const text = (wait_start_ms: string) => `
WITH /* poolctl */ here AS MATERIALIZED (SELECT oid FROM pg_database WHERE datname = current_database()),
l AS MATERIALIZED (
  SELECT k.*, concat_ws('/', k.locktype, k.database, k.relation, k.page, k.tuple, k.virtualxid, k.transactionid,
    k.classid, k.objid, k.objsubid) AS tag
  FROM pg_locks k),
w AS MATERIALIZED (SELECT DISTINCT ON (l.pid) l.* FROM l WHERE NOT l.granted AND l.pid IS NOT NULL ORDER BY l.pid),
h AS (
  SELECT w.pid, (array_agg(coalesce(x.pid, 0) ORDER BY x.pid))[1:${mostHolders}] AS pids,
    (array_agg(x.mode ORDER BY x.pid))[1:${mostHolders}] AS modes
  FROM w
  JOIN (VALUES ${conflictRows}) c (mode, modes) ON c.mode = w.mode
  JOIN l x ON x.tag = w.tag AND x.granted AND x.mode = ANY (c.modes) AND x.pid IS DISTINCT FROM w.pid
  GROUP BY w.pid),
x AS MATERIALIZED (
  SELECT w.pid, w.virtualtransaction AS own, l.virtualtransaction AS theirs
  FROM w
  JOIN l ON l.tag = w.tag AND l.granted
  WHERE w.locktype = 'transactionid'),
m AS MATERIALIZED (
  SELECT l.virtualtransaction, array_agg(l.relation) AS relations
  FROM l
  WHERE l.granted AND l.locktype = 'relation' AND l.database = (SELECT oid FROM here)
    AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
    AND coalesce(l.virtualtransaction IN (SELECT x.own FROM x UNION ALL SELECT x.theirs FROM x), false)
  GROUP BY 1),
r AS (
  SELECT x.pid, array_agg(DISTINCT c.oid::regclass::text) AS tables
  FROM x
  JOIN m own ON own.virtualtransaction = x.own
  JOIN m other ON other.virtualtransaction = x.theirs
  JOIN pg_class c ON c.oid = ANY (own.relations) AND c.oid = ANY (other.relations) AND c.relkind = 'r'
  GROUP BY x.pid)
SELECT DISTINCT ON (w.pid) w.pid, w.locktype, w.mode,
  ${nameOf('coalesce(w.relation, t.relation)', 'coalesce(w.database, t.database)')} AS relation,
  ${wait_start_ms} AS wait_start_ms, w.transactionid::text AS transactionid,
  d.datname::text AS database, coalesce(w.database, t.database, 0) NOT IN (0, (SELECT oid FROM here)) AS is_elsewhere,
  w.page, w.virtualxid, w.classid::regclass::text AS catalog,
  CASE WHEN w.locktype <> 'object' THEN NULL
    WHEN w.classid = 'pg_authid'::regclass THEN (SELECT o.rolname::text FROM pg_roles o WHERE o.oid = w.objid)
    WHEN w.classid = 'pg_database'::regclass THEN (SELECT o.datname::text FROM pg_database o WHERE o.oid = w.objid)
    WHEN w.database <> (SELECT oid FROM here) THEN NULL
    WHEN w.classid = 'pg_extension'::regclass THEN (SELECT o.extname::text FROM pg_extension o WHERE o.oid = w.objid)
    WHEN w.classid = 'pg_namespace'::regclass THEN w.objid::regnamespace::text
    WHEN w.classid = 'pg_proc'::regclass THEN w.objid::regprocedure::text
    WHEN w.classid = 'pg_type'::regclass THEN w.objid::regtype::text END AS object_name,
  w.classid, w.objid, w.objsubid, r.tables, h.pids AS holder_pids, h.modes AS holder_modes
FROM w
LEFT JOIN l t ON t.pid = w.pid AND t.locktype = 'tuple' AND t.granted AND w.locktype = 'transactionid'
LEFT JOIN pg_database d ON d.oid = coalesce(w.database, t.database)
LEFT JOIN h ON h.pid = w.pid
LEFT JOIN r ON r.pid = w.pid
ORDER BY w.pid`;

/** Bounds a wait for AccessExclusive on a table that every session reads. */
const mostHolders = 100;

export const lockWaitsQuery = serverQuery('poolctl_lock_waits', {
  13: text('NULL::int8'),
  // waitstart is NULL for a moment after the wait began.
  'pg_locks.waitstart': text("(date_part('epoch', w.waitstart) * 1000)::int8"),
});

export type LockWaitRow = [
  pid: number,
  locktype: string,
  mode: string,
  relation: string | null,
  /** Since 1970, by the server's clock. */
  wait_start_ms: number | null,
  /** The awaited one if `locktype` is transactionid or applytransaction, else null. */
  transactionid: string | null,
  database: string | null,
  is_elsewhere: boolean,
  page: number | null,
  virtualxid: string | null,
  catalog: string | null,
  object_name: string | null,
  classid: number | null,
  objid: number | null,
  objsubid: number | null,
  tables: string[] | null,
  /** 0 is a prepared transaction. */
  holder_pids: number[] | null,
  holder_modes: string[] | null,
];

import type {Index} from '../../model/catalog.ts';
import {type ReadRows, serverQuery, userSchema} from '../queries/query.ts';

export async function readIndexes(readRows: ReadRows): Promise<Index[]> {
  return (await readRows<CatalogIndexRow>(catalogIndexesQuery)).map(toIndex);
}

/**
 * Indexes with their definitions and counters. `conindid` of a foreign key names the referenced index, so only a
 * constraint of the index's own table counts as its own. Definitions, predicates and sizes open the relation and so wait
 * for an ACCESS EXCLUSIVE lock (observed on 15 and 18); for an index locked in this way they are unknown.
 */
export const catalogIndexesQuery = serverQuery(
  'poolctl_catalog_indexes',
  `
SELECT /* poolctl */ c.oid::text, n.nspname::text, c.relname::text, t.oid::text, t.relname::text,
  CASE WHEN locked.is_locked THEN '' ELSE pg_get_indexdef(c.oid) END, m.amname::text,
  to_json(ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, position)
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum AND k.attnum <> 0
    WHERE k.position <= i.indnkeyatts ORDER BY k.position)),
  to_json(ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, position)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    WHERE k.position > i.indnkeyatts ORDER BY k.position)),
  CASE WHEN i.indpred IS NULL THEN NULL WHEN locked.is_locked THEN '' ELSE pg_get_expr(i.indpred, i.indrelid) END,
  i.indisunique, i.indisprimary, i.indisexclusion, i.indisreplident, c.relispartition,
  (SELECT o.conname::text FROM pg_constraint o
    WHERE o.conindid = c.oid AND o.conrelid = t.oid AND o.contype IN ('p', 'u', 'x')),
  i.indisvalid, i.indisready,
  CASE WHEN locked.is_locked THEN c.relpages::int8 * current_setting('block_size')::int8
    ELSE coalesce(pg_relation_size(c.oid), 0) END,
  coalesce(s.idx_scan, 0),
  ts.spcname::text, d.description,
  to_json(ARRAY(SELECT json_build_array(a.attnum, a.attstattarget) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attstattarget >= 0 ORDER BY a.attnum)),
  i.indisclustered,
  to_json(ARRAY(SELECT e.extname::text FROM pg_depend p JOIN pg_extension e ON e.oid = p.refobjid
    WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.refclassid = 'pg_extension'::regclass
      AND p.deptype = 'x' ORDER BY e.extname)),
  (SELECT e.extname::text FROM pg_depend p JOIN pg_extension e ON e.oid = p.refobjid
    WHERE p.classid = 'pg_class'::regclass AND p.objid IN (c.oid, t.oid) AND p.refclassid = 'pg_extension'::regclass
      AND p.deptype = 'e' LIMIT 1)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_am m ON m.oid = c.relam
LEFT JOIN pg_stat_all_indexes s ON s.indexrelid = c.oid
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid AND d.objsubid = 0
CROSS JOIN LATERAL (
  SELECT c.oid = ANY (l.relations) OR t.oid = ANY (l.relations) AS is_locked
  FROM (SELECT ARRAY(SELECT k.relation FROM pg_locks k
    WHERE k.locktype = 'relation' AND k.mode = 'AccessExclusiveLock'
      AND k.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())) AS relations) l
) locked
WHERE t.relkind IN ('r', 'p', 'm') AND t.relpersistence <> 't' AND ${userSchema('n.nspname')}
ORDER BY n.nspname, c.relname`,
);

type CatalogIndexRow = [
  oid: string,
  schema: string,
  name: string,
  table_oid: string,
  table: string,
  definition: string,
  method: string,
  columns: (string | null)[],
  included: string[],
  predicate: string | null,
  is_unique: boolean,
  is_primary: boolean,
  is_exclusion: boolean,
  is_replica_identity: boolean,
  is_partition: boolean,
  constraint: string | null,
  is_valid: boolean,
  is_ready: boolean,
  size_bytes: number,
  scans: number,
  tablespace: string | null,
  comment: string | null,
  statistics: [column: number, target: number][],
  is_clustered: boolean,
  depends_on: string[],
  extension: string | null,
];

function toIndex(row: CatalogIndexRow): Index {
  const [oid, schema, name, table_oid, table, definition, method, columns, included, predicate, ...kind] =
    row;
  const [is_unique, is_primary, is_exclusion, is_replica_identity, is_partition, constraint, ...state] = kind;
  const [is_valid, is_ready, size_bytes, scans, ...beside] = state;
  const [tablespace, comment, statistics, is_clustered, depends_on, extension] = beside;
  return {
    oid,
    schema,
    name,
    table_oid,
    table,
    definition,
    method,
    columns,
    included,
    predicate,
    is_unique,
    is_primary,
    is_exclusion,
    is_replica_identity,
    is_partition,
    constraint,
    is_valid,
    is_ready,
    size_bytes,
    scans,
    attributes: {
      tablespace,
      comment,
      statistics: statistics.map(([column, target]) => ({column, target})),
      is_clustered,
      depends_on,
    },
    extension,
  };
}

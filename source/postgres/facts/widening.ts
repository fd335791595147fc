import type {Widening, WideningColumn, WideningNeed, WideningSequence} from '../../model/recipe-data.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/** A column, what refers to it, and its sequence. Throws the server's errors. */
export async function readWidening(
  {client, server_version_num}: Connection,
  {table, column}: WideningNeed,
): Promise<Widening> {
  const {text} = pickVariant(wideningColumnsQuery, server_version_num);
  const {rows: columns} = await client.query<WideningColumn>({text, values: [table, column]});
  const [named] = columns;
  if (named === undefined) return {columns: [], sequence: null};
  const {rows} = await client.query<WideningSequence>({
    text: pickVariant(wideningSequenceQuery, server_version_num).text,
    values: [named.table_oid, named.attnum],
  });
  return {columns, sequence: rows[0] ?? null};
}

/** Partitions follow their partitioned table, so that foreign keys of partitions (conparentid) are left out. */
export const wideningColumnsQuery = serverQuery(
  'poolctl_widening_columns',
  `
WITH /* poolctl */ RECURSIVE named AS (
  SELECT c.oid AS relid, a.attnum
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND NOT a.attisdropped
  WHERE c.relkind IN ('r', 'p') AND (n.nspname || '.' || c.relname = $1 OR c.relname = $1)
  ORDER BY n.nspname || '.' || c.relname = $1 DESC, n.nspname = 'public' DESC, n.nspname
  LIMIT 1
), used AS (
  SELECT relid, attnum, 0 AS depth FROM named
  UNION
  SELECT k.conrelid, k.conkey[p.position], used.depth + 1
  FROM used
  JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = used.relid AND k.conparentid = 0
  CROSS JOIN LATERAL generate_subscripts(k.confkey, 1) AS p (position)
  WHERE k.confkey[p.position] = used.attnum AND used.depth < 8
)
SELECT c.oid::text AS table_oid, n.nspname::text AS schema, c.relname::text AS "table", a.attname::text AS column,
  a.attnum, format_type(a.atttypid, a.atttypmod) AS type, c.reltuples::float8 AS rows,
  (SELECT coalesce(sum(pg_total_relation_size(t.relid)), 0) FROM pg_partition_tree(c.oid) t)::float8
    + CASE WHEN c.relkind = 'r' AND NOT c.relispartition THEN pg_total_relation_size(c.oid) ELSE 0 END AS size_bytes,
  c.relkind = 'p' AS is_partitioned,
  EXISTS (SELECT FROM pg_partitioned_table p WHERE p.partrelid = c.oid AND a.attnum = ANY (p.partattrs)) AS is_partition_key,
  ARRAY(
    SELECT DISTINCT v.oid::regclass::text
    FROM pg_depend d
    JOIN pg_rewrite r ON r.oid = d.objid
    JOIN pg_class v ON v.oid = r.ev_class
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
    ORDER BY 1
  ) AS used_by,
  a.attidentity <> '' AS is_identity
FROM (SELECT relid, attnum, min(depth) AS depth FROM used GROUP BY 1, 2) u
JOIN pg_class c ON c.oid = u.relid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum
ORDER BY u.depth, n.nspname, c.relname, a.attnum`,
);

/** Owned by the column (serial, identity), or used by its default. */
export const wideningSequenceQuery = serverQuery(
  'poolctl_widening_sequence',
  `
SELECT /* poolctl */ s.seqrelid::text AS oid, n.nspname::text AS schema, c.relname::text AS name,
  format_type(s.seqtypid, NULL) AS type,
  CASE WHEN has_sequence_privilege(s.seqrelid, 'SELECT,USAGE') THEN pg_sequence_last_value(s.seqrelid) END::text AS last_value,
  s.seqmin::text AS min_value, s.seqmax::text AS max_value, s.seqincrement::text AS increment
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.deptype IN ('a', 'i')
      AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid AND d.refobjsubid = $2::int4
  ) OR EXISTS (
    SELECT FROM pg_attrdef f
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
    WHERE f.adrelid = $1::oid AND f.adnum = $2::int4 AND d.refclassid = 'pg_class'::regclass AND d.refobjid = s.seqrelid
  )
ORDER BY 1
LIMIT 1`,
);

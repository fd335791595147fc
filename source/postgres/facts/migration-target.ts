import type {Node} from 'libpg-query';
import {descendants} from '../../core/sql/named-objects.ts';
import type {MigrationTarget} from '../../model/preflight.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery, userSchema} from '../queries/query.ts';

/**
 * What a migration's names mean in the connected database: the relations that it names, with their partitions, indexes and
 * views, and the names of those at the other end of their foreign keys. Throws the server's errors.
 */
export async function readMigrationTarget(
  {client, server_version_num, request}: Connection,
  statements: readonly Node[],
): Promise<MigrationTarget> {
  const {names, schemas} = wordsOf(statements);
  const {text} = pickVariant(migrationTargetQuery, server_version_num);
  const {rows} = await client.query<{target: Omit<MigrationTarget, 'server_version_num'>}>({
    text,
    values: [names, schemas, request.prisma?.schema ?? null, statements.some(reachesAlong)],
  });
  const target = rows[0]?.target;
  return {
    server_version_num,
    ...(target ?? {
      search_path: [],
      relations: [],
      foreign_keys: [],
      functions: [],
      constrained_domains: [],
      statistics: [],
    }),
  };
}

/** TRUNCATE CASCADE follows foreign keys from table to table, and so do DELETE and UPDATE where a key says so. */
function reachesAlong(node: Node): boolean {
  if ('TruncateStmt' in node) return node.TruncateStmt.behavior === 'DROP_CASCADE';
  return [...descendants(node)].some(
    part => 'DeleteStmt' in part || 'UpdateStmt' in part || 'MergeStmt' in part,
  );
}

/** Every word that may name a relation, a function or a type; and the schemas that are dropped. */
function wordsOf(statements: readonly Node[]): {names: string[]; schemas: string[]} {
  const names = new Set<string>();
  const schemas = new Set<string>();
  for (const node of statements) {
    for (const part of descendants(node))
      for (const key of ['relname', 'sval', 'indexname', 'idxname'])
        if (typeof part[key] === 'string') names.add(part[key]);
    if ('DropStmt' in node && node.DropStmt.removeType === 'OBJECT_SCHEMA')
      for (const each of node.DropStmt.objects ?? [])
        if ('String' in each) schemas.add(each.String.sval ?? '');
  }
  return {names: [...names], schemas: [...schemas]};
}

/**
 * The size of a locked table comes from relpages, and its constraints are not deparsed: pg_table_size() and pg_get_expr() open
 * the relation, and would wait. From PostgreSQL 18 attnotnull is true for a NOT NULL that is not valid yet.
 */
export const migrationTargetQuery = serverQuery(
  'poolctl_migration_target',
  `
WITH /* poolctl */ RECURSIVE view (view_oid, table_oid) AS MATERIALIZED (
  SELECT DISTINCT r.ev_class, d.refobjid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
  WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND r.ev_class <> d.refobjid
), edge (a, b) AS MATERIALIZED (
  SELECT i.inhrelid, i.inhparent FROM pg_inherits i UNION ALL SELECT i.inhparent, i.inhrelid FROM pg_inherits i
  UNION ALL SELECT x.indexrelid, x.indrelid FROM pg_index x
  UNION ALL SELECT v.table_oid, v.view_oid FROM view v
  UNION ALL SELECT o.confrelid, o.conrelid FROM pg_constraint o WHERE o.contype = 'f' AND $4::bool
), near (oid) AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE (c.relname = ANY ($1::text[]) OR n.nspname = ANY ($2::text[])
      OR c.oid IN (SELECT s.stxrelid FROM pg_statistic_ext s WHERE s.stxname = ANY ($1::text[]))) AND ${userSchema('n.nspname')}
  UNION SELECT e.b FROM near r JOIN edge e ON e.a = r.oid
), key AS MATERIALIZED (
  SELECT o.* FROM pg_constraint o
  WHERE o.contype = 'f' AND (o.conrelid IN (SELECT r.oid FROM near r) OR o.confrelid IN (SELECT r.oid FROM near r))
), reached (oid) AS (
  SELECT r.oid FROM near r UNION SELECT k.conrelid FROM key k UNION SELECT k.confrelid FROM key k
  UNION SELECT x.indexrelid FROM pg_index x WHERE x.indrelid IN (SELECT r.oid FROM near r)
), locked AS MATERIALIZED (
  SELECT DISTINCT l.relation FROM pg_locks l
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
), relation AS (
  SELECT c.oid::text AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
    CASE WHEN c.oid NOT IN (SELECT r.oid FROM near r) THEN NULL WHEN c.relkind NOT IN ('r', 'm', 'i') THEN 0
      WHEN c.oid IN (SELECT relation FROM locked) THEN c.relpages::int8 * current_setting('block_size')::int8
      ELSE coalesce(pg_table_size(c.oid), 0) END AS size_bytes,
    c.reltuples::float8 AS estimated_rows,
    ARRAY(SELECT i.inhparent::text FROM pg_inherits i WHERE i.inhrelid = c.oid) AS parents,
    (SELECT x.indrelid::text FROM pg_index x WHERE x.indexrelid = c.oid) AS table_oid,
    ARRAY(SELECT v.table_oid::text FROM view v WHERE v.view_oid = c.oid) AS reads,
    c.oid IN (SELECT p.partdefid FROM pg_partitioned_table p) AS is_default_partition,
    coalesce((SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
        'not_null', a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint o
          WHERE o.conrelid = c.oid AND o.contype = 'n' AND NOT o.convalidated AND a.attnum = ANY (o.conkey))) ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND (c.relkind IN ('i', 'I') OR c.oid IN (SELECT r.oid FROM near r))), '[]') AS columns,
    coalesce((SELECT json_agg(json_build_object('name', o.conname, 'kind', o.contype, 'is_valid', o.convalidated,
        'not_null_column', CASE WHEN cardinality(o.conkey) <> 1 THEN NULL WHEN o.contype = 'n' THEN a.attname
          WHEN o.contype = 'c' AND c.oid NOT IN (SELECT relation FROM locked)
            AND pg_get_expr(o.conbin, o.conrelid) = format('(%I IS NOT NULL)', a.attname) THEN a.attname END,
        'columns', ARRAY(SELECT k.attname::text FROM pg_attribute k WHERE k.attrelid = c.oid AND k.attnum = ANY (o.conkey))))
      FROM pg_constraint o LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = o.conkey[1]
      WHERE o.conrelid = c.oid AND c.oid IN (SELECT r.oid FROM near r)), '[]') AS constraints,
    coalesce((SELECT json_agg(json_build_object('name', t.tgname, 'function', m.nspname || '.' || p.proname, 'type', t.tgtype)
        ORDER BY t.tgname)
      FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace m ON m.oid = p.pronamespace
      WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'), '[]') AS triggers,
    coalesce((SELECT json_agg(json_build_object('name', w.rulename, 'event', w.ev_type) ORDER BY w.rulename)
      FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN' AND w.ev_enabled <> 'D'), '[]') AS rules
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid IN (SELECT r.oid FROM reached r) AND ${userSchema('n.nspname')}
)
SELECT json_build_object(
  'search_path', (SELECT array_agg(p.name) FROM (VALUES ($3::text), (session_user::text), ('public')) p (name)
    WHERE EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = p.name)),
  'relations', coalesce((SELECT json_agg(r) FROM relation r), '[]'),
  'foreign_keys', coalesce((SELECT json_agg(json_build_object('name', o.conname, 'table_oid', o.conrelid::text,
      'references_oid', o.confrelid::text, 'is_inherited', o.conparentid <> 0,
      'on_delete', o.confdeltype, 'on_update', o.confupdtype, 'referenced',
      ARRAY(SELECT k.attname::text FROM pg_attribute k WHERE k.attrelid = o.confrelid AND k.attnum = ANY (o.confkey)), 'columns',
      ARRAY(SELECT k.attname::text FROM pg_attribute k WHERE k.attrelid = o.conrelid AND k.attnum = ANY (o.conkey))))
    FROM key o), '[]'),
  'functions', coalesce((SELECT json_agg(f) FROM (
    SELECT p.proname AS name, bool_or(p.provolatile = 'v') AS is_volatile, bool_and(p.pronamespace = 'pg_catalog'::regnamespace) AS is_own
    FROM pg_proc p WHERE p.proname = ANY ($1::text[]) GROUP BY p.proname) f), '[]'),
  'constrained_domains', ARRAY(SELECT DISTINCT t.typname::text FROM pg_type t
    WHERE t.typname = ANY ($1::text[]) AND t.typtype = 'd'
      AND (t.typnotnull OR EXISTS (SELECT FROM pg_constraint o WHERE o.contypid = t.oid)))
,
  'statistics', coalesce((SELECT json_agg(json_build_object('name', s.stxname, 'table_oid', s.stxrelid::text))
    FROM pg_statistic_ext s WHERE s.stxname = ANY ($1::text[])), '[]')
) AS target`,
);

import type {IndexAttributes} from '../../model/catalog.ts';
import type {Cleanup, Pin, Sql, SqlWith, Verification} from '../../model/step.ts';
import {holdsAdvisoryLock} from '../sessions/session.ts';
import {createPlaceholders, quoteIdentifier, quoteLiteral} from '../sql/quote.ts';

/** An index by name; it is in its table's schema. */
export type IndexPlace = {schema: string; name: string; table: string; table_oid: string};

/**
 * One advisory lock key for all index builds and drops by poolctl: two concurrent builds wait for each other's
 * snapshots. It is tried, not waited for: a session waiting for it holds a snapshot, for which a build waits in turn
 * (prisma/prisma#12999 is that deadlock). The session that executes the step holds it until it ends. 'poolctl' in ASCII.
 */
const advisoryKey = 31_647_721_742_103_660n;
const advisoryLock = `pg_catalog.pg_try_advisory_lock(${advisoryKey})`;

/** SQL condition: session `pid` holds that lock. */
export function holdsIndexLock(pid: number): string {
  return holdsAdvisoryLock(String(pid), advisoryKey);
}

/** Guards a build: the table is unchanged, the index name is free, no other poolctl builds or drops an index. */
export function buildGuard({table_oid, schema, table, name}: IndexPlace): Verification {
  return guardOf(
    `SELECT CASE
  WHEN t.oid IS NULL THEN 'the table has changed since the preview'
  WHEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = t.relnamespace AND c.relname = $4)
    THEN 'that name is taken'
  WHEN NOT ${advisoryLock} THEN 'another poolctl is building or dropping an index here'
  ELSE 'ready' END AS guard
FROM (VALUES (1)) AS one
LEFT JOIN (pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace)
  ON t.oid = $1::oid AND n.nspname = $2 AND t.relname = $3 AND t.relkind IN ('r', 'm')`,
    [table_oid, schema, table, name],
  );
}

/** An index by oid and definition, as read, or as pinned by the step that created it. */
export type IndexIdentity<Value = string | Pin> = {oid: Value; definition: Value};

/** Pins of an index that a step creates. */
export const pinned: IndexIdentity<Pin> = {oid: {pin: 'oid'}, definition: {pin: 'definition'}};

export function identityPins({table_oid, schema, name}: IndexPlace): Sql {
  return {
    text: `SELECT c.oid::text AS oid, pg_catalog.pg_get_indexdef(c.oid) AS definition FROM ${indexes} WHERE ${isPlaced}`,
    values: [table_oid, schema, name],
  };
}

export type DropWhen = {
  /** More scans than this mean that it is used. */
  max_scans?: number;
  mustBeInvalid?: boolean;
  /** The index that serves instead, which must still be there. */
  served_by?: {oid: string; definition: string};
};

/** The index to create. `shape`: see `shapeOf`; null if the server may write it differently. */
export type Created = {shape: string | null; is_unique: boolean};

/**
 * Guards a drop: the index is unchanged and found by its name, no constraint needs it, no session builds it,
 * and it is still unused. Without known pins it is identified by `created`.
 */
export function dropGuard<Value extends string | Pin>(
  {table_oid, schema, name}: IndexPlace,
  {oid, definition}: IndexIdentity<Value>,
  {max_scans, mustBeInvalid = false, served_by}: DropWhen = {},
  created: Created | null = null,
): Verification<SqlWith<Value>> {
  const {values, put} = createPlaceholders<SqlWith<Value>['values'][number]>();
  const table = put(table_oid, 'oid');
  const where = [
    `i.indrelid = ${table} AND n.nspname = ${put(schema, 'text')} AND c.relname = ${put(name, 'text')}`,
    ...identityConditions({oid, definition}, created, put),
  ];
  const used = max_scans === undefined ? null : put(max_scans, 'int8');
  const isServed =
    served_by === undefined
      ? null
      : `SELECT FROM pg_catalog.pg_index o WHERE o.indexrelid = ${put(served_by.oid, 'oid')} AND o.indisvalid
    AND pg_catalog.pg_get_indexdef(o.indexrelid) = ${put(served_by.definition, 'text')}`;
  return guardOf(
    `SELECT CASE
  WHEN i.indexrelid IS NULL THEN 'the index has changed since the preview'
  WHEN i.indisprimary OR i.indisexclusion OR i.indisreplident
    OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid)
    OR EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid)
    THEN 'a constraint or partitioned index needs it now'${mustBeInvalid ? "\n  WHEN i.indisvalid THEN 'it is valid now'" : ''}${
      used === null ? '' : `\n  WHEN s.idx_scan > ${used} THEN 'it is used now'`
    }${isServed === null ? '' : `\n  WHEN NOT EXISTS (${isServed}) THEN 'the index that serves instead has changed'`}
  WHEN ${isBeingBuilt('i.indexrelid', 'i.indrelid')} THEN 'it is being built'
  WHEN NOT ${advisoryLock} THEN 'another poolctl is building or dropping an index here'
  ELSE 'ready' END AS guard
FROM (VALUES (1)) AS one
LEFT JOIN (${indexes})
  ON ${where.join('\n  AND ')}
LEFT JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = i.indexrelid`,
    values,
  );
}

/** A pin may be null: then the conditions on it hold, and those on `created` decide. */
function identityConditions<Value extends string | Pin>(
  {oid, definition}: IndexIdentity<Value>,
  created: Created | null,
  put: (value: string | boolean | Value, type: string) => string,
): string[] {
  const known = put(oid, 'oid');
  const text = put(definition, 'text');
  const isLike = created === null ? [] : createdConditions(created, put);
  return [
    `(${known} IS NULL OR c.oid = ${known})`,
    `(${text} IS NULL OR pg_catalog.pg_get_indexdef(c.oid) = ${text})`,
    ...(isLike.length === 0 ? [] : [`(${known} IS NOT NULL OR ${isLike.join(' AND ')})`]),
  ];
}

function createdConditions(
  {shape, is_unique}: Created,
  put: (value: string | boolean, type: string) => string,
): string[] {
  return [
    `i.indisunique = ${put(is_unique, 'bool')}`,
    ...(shape === null ? [] : [`${shapeInSql} = ${put(shape, 'text')}`]),
  ];
}

/** Verifies that the index exists, is valid, and has its definition and attributes. */
export function presentVerification(
  {table_oid, schema, name}: IndexPlace,
  created: Created,
  attributes?: IndexAttributes,
): Verification {
  const {values, put} = createPlaceholders<Sql['values'][number]>();
  const place = `i.indrelid = ${put(table_oid, 'oid')} AND n.nspname = ${put(schema, 'text')} AND c.relname = ${put(name, 'text')}`;
  const where = [place, ...createdConditions(created, put)];
  const conditions = ['i.indisvalid', ...(attributes === undefined ? [] : hasAttributes(attributes, put))];
  return {
    query: {
      text: `SELECT ${conditions.join('\n  AND ')} AS is_valid\nFROM ${indexes}\nWHERE ${where.join('\n  AND ')}`,
      values,
    },
    expect: {column: 'is_valid', op: '=', value: true},
  };
}

/** Verifies that the index is gone, by its oid, or by its name if the oid is unknown. */
export function goneVerification<Value extends string | Pin>(
  {table_oid, schema, name}: IndexPlace,
  oid: Value,
): Verification<SqlWith<Value>> {
  return {
    query: {
      text: `SELECT count(*)::int4 AS remaining FROM ${indexes} WHERE CASE WHEN $4::oid IS NULL THEN ${isPlaced} ELSE c.oid = $4::oid END`,
      values: [table_oid, schema, name, oid],
    },
    expect: {column: 'remaining', op: '=', value: 0},
  };
}

/**
 * Drops an index that a build left invalid, unless a session is building it. It waits 5 s at most: what blocked
 * the build blocks this too, and repair-invalid-indexes can drop it later.
 */
export function leftoverCleanup({table_oid, schema, name}: IndexPlace, dropText: string): Cleanup {
  return {
    guard: {
      query: {
        text: `SELECT count(*)::int4 AS leftovers
FROM ${indexes}
WHERE ${isPlaced} AND NOT i.indisvalid
AND NOT ${isBeingBuilt('i.indexrelid', 'i.indrelid')}`,
        values: [table_oid, schema, name],
      },
      expect: {column: 'leftovers', op: '=', value: 1},
    },
    apply: {text: dropText, values: []},
    settings: {lock_timeout: '5s'},
  };
}

const indexes =
  'pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace';

/** Finds the index by table oid, schema and name. */
const isPlaced = 'i.indrelid = $1::oid AND n.nspname = $2 AND c.relname = $3';

/** `shapeOf` in SQL: the part after `USING`, whatever the names before it contain. */
const shapeInSql = `replace(substr(pg_catalog.pg_get_indexdef(c.oid), 1 + length(format('CREATE %sINDEX %I ON %I.%I USING ',
    CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname, n.nspname,
    (SELECT t.relname FROM pg_catalog.pg_class t WHERE t.oid = i.indrelid)))), '"', '')`;

/** A build without a visible relation (missing privilege) may be of this index. */
function isBeingBuilt(index: string, table: string): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
    WHERE p.datid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
    AND (p.relid IS NULL OR p.index_relid = ${index} OR p.relid = ${table} AND p.index_relid = 0))`;
}

function guardOf<Value = never>(
  text: string,
  values: SqlWith<Value>['values'],
): Verification<SqlWith<Value>> {
  return {query: {text, values}, expect: {column: 'guard', op: '=', value: 'ready'}};
}

type Place = {schema: string; name: string; table: string};

/** The setting that builds an index in its tablespace; '' is the database's default. */
export function tablespaceSetting({tablespace}: IndexAttributes): Record<string, string> {
  return {default_tablespace: tablespace ?? ''};
}

/** Statements that restore what an index definition does not include. */
export function restoreAttributes({schema, name, table}: Place, attributes: IndexAttributes): Sql[] {
  const [inSchema, itself] = [quoteIdentifier(schema), quoteIdentifier(name)];
  const index = `${inSchema}.${itself}`;
  const {comment, statistics, is_clustered, depends_on} = attributes;
  return [
    ...(comment === null ? [] : [`COMMENT ON INDEX ${index} IS ${quoteLiteral(comment)}`]),
    ...statistics.map(
      ({column, target}) => `ALTER INDEX ${index} ALTER COLUMN ${column} SET STATISTICS ${target}`,
    ),
    ...(is_clustered ? [`ALTER TABLE ${inSchema}.${quoteIdentifier(table)} CLUSTER ON ${itself}`] : []),
    ...depends_on.map(name => `ALTER INDEX ${index} DEPENDS ON EXTENSION ${quoteIdentifier(name)}`),
  ].map(text => ({text, values: []}));
}

/** SQL conditions for these attributes on an index, `i` in pg_index and `c` in pg_class. */
function hasAttributes(
  {tablespace, comment, statistics, is_clustered, depends_on}: IndexAttributes,
  put: (value: string | number, type: string) => string,
): string[] {
  return [
    tablespace === null
      ? 'c.reltablespace = 0'
      : `c.reltablespace = (SELECT ts.oid FROM pg_catalog.pg_tablespace ts WHERE ts.spcname = ${put(tablespace, 'text')})`,
    ...(comment === null ? [] : [`pg_catalog.obj_description(c.oid, 'pg_class') = ${put(comment, 'text')}`]),
    ...statistics.map(
      ({column, target}) =>
        `EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ${put(column, 'int4')} AND a.attstattarget = ${put(target, 'int4')})`,
    ),
    ...(is_clustered ? ['i.indisclustered'] : []),
    ...depends_on.map(
      name =>
        `EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'x' AND e.extname = ${put(name, 'text')})`,
    ),
  ];
}

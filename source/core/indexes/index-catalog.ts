import type {Catalog, ForeignKey, Index, IndexBuild, Table} from '../../model/catalog.ts';
import {groupBy} from '../group-by.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {formatAge} from '../text/format.ts';
import {memoizeByObject} from '../text/memoize.ts';

/** The running build of an index, or one on its table whose index is not known yet; null if there is none. */
export function buildOf({builds}: Catalog, {oid, table_oid}: Index): IndexBuild | null {
  return (
    builds.find(
      build => build.index_oid === oid || (build.index_oid === '0' && build.table_oid === table_oid),
    ) ?? null
  );
}

/** Also where a build that this role may not see is of this index or of another one of its table. */
export function mayBeBuilding(catalog: Catalog, index: Index): boolean {
  return (
    buildOf(catalog, index) !== null || (catalog.hidden_build_tables?.includes(index.table_oid) ?? false)
  );
}

export function tableOf({tables}: Catalog, oid: string): Table | null {
  return tablesByOid(tables).get(oid) ?? null;
}

const tablesByOid = memoizeByObject(
  (tables: readonly Table[]) => new Map(tables.map(table => [table.oid, table])),
);

/** Why an index must not be dropped; null if it may be. */
export function whyNotDroppable(index: Index, table: Table | null): string | null {
  if (index.is_primary) return 'it is the primary key';
  if (index.is_exclusion) return 'an exclusion constraint needs it';
  if (index.is_replica_identity) return 'it is the replica identity of its table';
  if (index.constraint !== null) return `constraint ${index.constraint} needs it`;
  if (index.is_unique) return 'it is unique: it prevents duplicates';
  if (index.extension !== null) return `it belongs to extension ${index.extension}`;
  if (index.is_partition) return 'it is part of a partitioned index and is dropped with its parent';
  if (table?.kind === 'partitioned')
    return 'it is on a partitioned table, where an index cannot be dropped concurrently';
  return null;
}

/** A foreign key that only this index covers; null if there is none. */
export function lastForeignKeyOf(catalog: Catalog, index: Index): ForeignKey | null {
  const keys = foreignKeysByTable(catalog.foreign_keys).get(index.table_oid) ?? [];
  const covered = keys.filter(key => coversForeignKey(index, key));
  if (covered.length === 0) return null;
  const others = catalog.indexes.filter(each => each.oid !== index.oid);
  return covered.find(key => !others.some(each => coversForeignKey(each, key))) ?? null;
}

const foreignKeysByTable = memoizeByObject((keys: readonly ForeignKey[]) =>
  groupBy(keys, ({table_oid}) => table_oid),
);

/** The foreign keys that no valid index covers. */
export const uncoveredForeignKeys = memoizeByObject(({foreign_keys, indexes}: Catalog): ForeignKey[] => {
  const byTable = groupBy(indexes, ({table_oid}) => table_oid);
  return foreign_keys.filter(key => !byTable.get(key.table_oid)?.some(index => coversForeignKey(index, key)));
});

/** Younger counters say nothing about deletes that a nightly job makes. */
const sureDeletes_ms = 7 * 86_400_000;

/** That no DELETE on the parent has looked for its rows; null if one may have. One that still runs is not counted. */
export function whyNoDelete({tables, stats_age_ms}: Catalog, key: ForeignKey): string | null {
  const parent = tables.find(
    ({schema, name}) => schema === key.referenced_schema && name === key.referenced_table,
  );
  if (parent === undefined || parent.kind === 'partitioned' || parent.rows_deleted > 0) return null;
  if (stats_age_ms === null || stats_age_ms < sureDeletes_ms) return null;
  return `no row of ${parent.schema}.${parent.name} has been deleted in ${formatAge(stats_age_ms)}: an index serves only a DELETE to come`;
}

/** The leading columns are the key's, in any order; a partial index covers it if only NULLs are left out. */
function coversForeignKey(index: Index, key: ForeignKey): boolean {
  if (index.table_oid !== key.table_oid || !index.is_valid) return false;
  const tests = index.predicate === null ? [] : nullTestsOf(index.predicate);
  const isNotNull = (test: string) =>
    key.columns.some(column => test === `${quoteIdentifier(column)} IS NOT NULL`);
  if (tests === null || !tests.every(isNotNull)) return false;
  if (index.method !== 'btree' && !(index.method === 'hash' && key.columns.length === 1)) return false;
  const leading = index.columns.slice(0, key.columns.length);
  return leading.length === key.columns.length && key.columns.every(column => leading.includes(column));
}

/**
 * The tests of a predicate as `"a" IS NOT NULL`, without the server's parentheses; null if it has other conditions. So
 * predicates of poolctl and of the server can be compared.
 */
export function nullTestsOf(predicate: string): string[] | null {
  const tests = predicate
    .replace(/[()]/g, '')
    .split(' AND ')
    .map(part => {
      const [, quoted, bare, not = ''] =
        /^(?:"((?:[^"]|"")+)"|([a-z_][a-z0-9_$]*)) IS (NOT )?NULL$/.exec(part.trim()) ?? [];
      const name = quoted?.replaceAll('""', '"') ?? bare;
      return name === undefined ? null : `${quoteIdentifier(name)} IS ${not}NULL`;
    });
  return tests.every(test => test !== null) ? tests : null;
}

/** `shop.orders (user_id)`, with its name. */
export function describeIndex({name, table, schema, columns}: Index): string {
  return `${name} on ${schema}.${table} (${columns.map(column => column ?? 'expression').join(', ')})`;
}

/** A key column of an index definition. */
export type PlainKey = {
  name: string;
  /** null is the type's own. */
  opclass: string | null;
  /** `DESC NULLS LAST`; '' is ascending. */
  order: string;
};

/** A CREATE INDEX statement with CONCURRENTLY. */
export function concurrently(definition: string): string {
  return withHead(definition, unique => `CREATE ${unique}INDEX CONCURRENTLY `);
}

/** A CREATE INDEX statement with IF NOT EXISTS, for a migration. */
export function ifNotExists(definition: string): string {
  return withHead(definition, unique => `CREATE ${unique}INDEX IF NOT EXISTS `);
}

export function isUnique(definition: string): boolean {
  return /^\s*CREATE\s+UNIQUE\s/i.test(definition);
}

/**
 * An index definition without its name: method, columns with their order, INCLUDE, WHERE, without quotes. It compares
 * the server's text with ours if every key is a plain column. null if it is not an index definition.
 */
export function shapeOf(definition: string): string | null {
  const tail = tailOf(definition);
  const keys = plainKeysOf(definition);
  if (tail === null || keys === null) return tail?.replaceAll('"', '') ?? null;
  const list = keys.map(({name, opclass, order}) => [name, opclass ?? '', order].filter(Boolean).join(' '));
  return `${methodOf(tail)} (${list.join(', ')})`.replaceAll('"', '');
}

/** The key columns; null if one is an expression, or if the definition has INCLUDE or WHERE. */
export function plainKeysOf(definition: string): PlainKey[] | null {
  const list = /^\w+ ?\((.*)\)$/s.exec(tailOf(definition) ?? '')?.[1];
  if (list === undefined) return null;
  const keys = list.match(/(?:"(?:[^"]|"")*"|[^",])+/g)?.map(plainKey) ?? [];
  return keys.every(key => key !== null) ? keys : null;
}

/** The part after the table, with its method: `btree ("a", "b" DESC) WHERE ...`; null if there is none. */
export function tailOf(definition: string): string | null {
  const [, tail] = definitionPattern.exec(definition) ?? [];
  if (tail === undefined || tail === '') return null;
  return /^using\s/i.test(tail)
    ? tail.replace(/^using\s+(\w+)/i, (_, method) => method.toLowerCase())
    : `btree ${tail}`;
}

const anyName = '(?:"(?:[^"]|"")+"|[^\\s".(]+)';
const definitionPattern = new RegExp(
  `^\\s*CREATE\\s+(?:UNIQUE\\s+)?INDEX\\s+(?:CONCURRENTLY\\s+)?(?:IF\\s+NOT\\s+EXISTS\\s+)?(?:${anyName}\\s+)?ON\\s+(?:ONLY\\s+)?${anyName}(?:\\.${anyName})?\\s*(.*)$`,
  'is',
);

function methodOf(tail: string): string {
  return /^\w+/.exec(tail)?.[0] ?? '';
}

function plainKey(text: string): PlainKey | null {
  const [, quoted, bare, opclass, order = ''] =
    /^(?:"((?:[^"]|"")+)"|([a-z_]\w*))(?:\s+(?!asc\b|desc\b|nulls\b)([\w."]+))?(?:\s+((?:asc|desc|nulls)\b[a-z\s]*))?$/i.exec(
      text.trim(),
    ) ?? [];
  const name = quoted?.replaceAll('""', '"') ?? bare?.toLowerCase();
  return name === undefined ? null : {name, opclass: opclass ?? null, order: orderOf(order)};
}

/** As pg_get_indexdef writes it, without defaults. */
function orderOf(order: string): string {
  const words = order.toUpperCase().replace(/\s+/g, ' ');
  if (words.startsWith('DESC')) return words === 'DESC NULLS LAST' ? words : 'DESC';
  return words.endsWith('NULLS FIRST') ? 'NULLS FIRST' : '';
}

function withHead(definition: string, head: (unique: string) => string): string {
  return definition.replace(
    /^\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?/i,
    (_, unique) => head(unique ? 'UNIQUE ' : ''),
  );
}

import type {Catalog, ForeignKey, Index, IndexBuild, Table} from '../../model/catalog.ts';

/** The build that is at work on an index now, or on its table before it has told which; else null. */
export function buildOf({builds}: Catalog, {oid, table_oid}: Index): IndexBuild | null {
  return (
    builds.find(
      build => build.index_oid === oid || (build.index_oid === '0' && build.table_oid === table_oid),
    ) ?? null
  );
}

export function tableOf({tables}: Catalog, oid: string): Table | null {
  return tables.find(table => table.oid === oid) ?? null;
}

/** What is said of an index that may never go; null where it may. */
export function whyKept(index: Index, table: Table | null): string | null {
  if (index.is_primary) return 'it is the primary key';
  if (index.is_exclusion) return 'an exclusion constraint rests on it';
  if (index.is_replica_identity) return 'it is the replica identity: replication finds rows by it';
  if (index.constraint !== null) return `the constraint ${index.constraint} rests on it`;
  if (index.is_unique) return 'it is unique: it keeps duplicates out';
  if (index.extension !== null) return `it belongs to the extension ${index.extension}`;
  if (index.is_partition) return 'it is part of a partitioned index and goes with its parent';
  if (table?.kind === 'partitioned')
    return 'it is on a partitioned table, where nothing is done concurrently';
  return null;
}

/** The foreign key that would be left without an index, if this one went; null where another serves it or none is. */
export function lastForeignKeyOf(catalog: Catalog, index: Index): ForeignKey | null {
  const others = catalog.indexes.filter(each => each.oid !== index.oid);
  return (
    catalog.foreign_keys.find(
      key => coversForeignKey(index, key) && !others.some(each => coversForeignKey(each, key)),
    ) ?? null
  );
}

/** The foreign keys that no valid index leads with: each delete of a parent reads the whole table. */
export function uncoveredForeignKeys({foreign_keys, indexes}: Catalog): ForeignKey[] {
  return foreign_keys.filter(key => !indexes.some(index => coversForeignKey(index, key)));
}

/** Its leading columns are the key's, in any order; a partial one answers only for some of the rows. */
function coversForeignKey(index: Index, key: ForeignKey): boolean {
  if (index.table_oid !== key.table_oid || !index.is_valid || index.predicate !== null) return false;
  if (index.method !== 'btree' && !(index.method === 'hash' && key.columns.length === 1)) return false;
  const leading = index.columns.slice(0, key.columns.length);
  return leading.length === key.columns.length && key.columns.every(column => leading.includes(column));
}

/** `shop.orders (user_id)`, with its name. */
export function describeIndex({name, table, schema, columns}: Index): string {
  return `${name} on ${schema}.${table} (${columns.map(column => column ?? 'expression').join(', ')})`;
}

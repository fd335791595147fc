import type {Catalog, ForeignKey, Index, IndexBuild, Table} from '../../model/catalog.ts';
import {usageError} from '../errors.ts';
import {nearest} from '../text/nearest.ts';

/** The running build of an index, or one on its table whose index is not known yet; null if there is none. */
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

/** Why an index must not be dropped; null if it may be. */
export function whyKept(index: Index, table: Table | null): string | null {
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
  const others = catalog.indexes.filter(each => each.oid !== index.oid);
  return (
    catalog.foreign_keys.find(
      key => coversForeignKey(index, key) && !others.some(each => coversForeignKey(each, key)),
    ) ?? null
  );
}

/** The foreign keys that no valid index covers. */
export function uncoveredForeignKeys({foreign_keys, indexes}: Catalog): ForeignKey[] {
  return foreign_keys.filter(key => !indexes.some(index => coversForeignKey(index, key)));
}

/** The leading columns are the key's, in any order; a partial index does not cover a key. */
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

type Named = {schema: string; name: string};

/** Maximum number of candidates that an error names. */
const mostNamed = 5;

/**
 * Resolves `name` or `schema.name` to the `schema.name` of a known table or index. Throws AbortError (exit 2) for
 * an unknown name, which would otherwise select nothing and look like an all-clear, and for a name
 * that exists in several schemas.
 */
export function resolveName(parameter: string, typed: string, known: readonly Named[]): string {
  const exact = known.filter(each => qualified(each) === typed);
  const meant = exact.length > 0 ? exact : known.filter(({name}) => name === typed);
  const [first] = meant;
  if (first === undefined) throw unknown(parameter, typed, known);
  if (meant.length > 1)
    throw usageError(`${parameter}=${typed} exists in more than one schema`, oneOf(meant));
  return qualified(first);
}

export function qualified({schema, name}: Named): string {
  return `${schema}.${name}`;
}

function unknown(parameter: string, typed: string, known: readonly Named[]) {
  const message = `${parameter}=${typed} does not exist`;
  const elsewhere = known.filter(({name}) => name === typed.split('.').at(-1));
  if (elsewhere.length > 0) return usageError(message, oneOf(elsewhere));
  const written = typed.includes('.') ? qualified : ({name}: Named) => name;
  const near = nearest(typed, known.map(written));
  const alike = known.filter(each => written(each) === near);
  return usageError(message, alike.length > 0 ? oneOf(alike) : known.length > 0 ? oneOf(known) : undefined);
}

function oneOf(candidates: readonly Named[]): string {
  const names = candidates.slice(0, mostNamed).map(qualified);
  if (candidates.length === 1) return `did you mean ${names}?`;
  const more = candidates.length > mostNamed ? ` and ${candidates.length - mostNamed} more` : '';
  return `candidates: ${names.join(', ')}${more}`;
}

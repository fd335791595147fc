import type {Catalog, Index} from '../../model/catalog.ts';
import {groupBy} from '../group-by.ts';
import {buildOf, type PlainKey, plainKeysOf, shapeOf, tableOf, whyNotDroppable} from './index-catalog.ts';

/** An index, used or not, whose scans another one of its table would serve. */
export type Redundant = {
  index: Index;
  served_by: Index;
  /** `exact`: the same definition; `prefix`: the other one begins with its columns, and is larger. */
  kind: 'exact' | 'prefix';
};

/** The redundant indexes of these kinds; each is served by one that is not redundant itself. */
export function redundantIndexes(catalog: Catalog, kinds: readonly Redundant['kind'][]): Redundant[] {
  const isServing = (other: Index, index: Index) => {
    const kind = serves(catalog, other, index);
    return kind !== null && kinds.includes(kind);
  };
  return [...groupBy(catalog.indexes, ({table_oid}) => table_oid).values()].flatMap(own => {
    if (own.length < 2) return [];
    const valid = own.filter(({is_valid, definition}) => is_valid && definition !== '');
    const found = valid
      .filter(index => mayBeDropped(catalog, index))
      .map(index => ({index, servers: valid.filter(other => isServing(other, index))}))
      .filter(({servers}) => servers.length > 0);
    const redundant = new Set(found.map(({index}) => index));
    return found.flatMap(({index, servers}) => {
      const [served_by] = servers
        .filter(each => !redundant.has(each))
        .toSorted((a, b) => a.columns.length - b.columns.length || Number(a.oid) - Number(b.oid));
      const kind = served_by === undefined ? null : serves(catalog, served_by, index);
      return served_by === undefined || kind === null ? [] : [{index, served_by, kind}];
    });
  });
}

function mayBeDropped(catalog: Catalog, index: Index): boolean {
  return (
    whyNotDroppable(index, tableOf(catalog, index.table_oid)) === null && buildOf(catalog, index) === null
  );
}

function serves(catalog: Catalog, other: Index, index: Index): Redundant['kind'] | null {
  if (other === index || other.method !== index.method) return null;
  if (shapeOf(other.definition) === shapeOf(index.definition)) {
    // Of two that are alike and may both be dropped, the older one stays.
    return !mayBeDropped(catalog, other) || Number(other.oid) < Number(index.oid) ? 'exact' : null;
  }
  const [wide, narrow] = [plainKeysOf(other.definition), plainKeysOf(index.definition)];
  if (index.method !== 'btree' || wide === null || narrow === null) return null;
  return wide.length > narrow.length && narrow.every((key, at) => isSame(key, wide[at])) ? 'prefix' : null;
}

function isSame(a: PlainKey, b: PlainKey | undefined): boolean {
  return a.name === b?.name && a.opclass === b.opclass && a.order === b.order;
}

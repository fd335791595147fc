import type {Table} from '../../model/catalog.ts';
import type {Candidate} from './candidates.ts';
import {backward, type IndexKey, type IndexSpec} from './index-spec.ts';

/** An index of the catalog. */
export type ExistingIndex = {table_oid: string; name: string; is_valid: boolean; spec: IndexSpec};

/** The planner would not use an index on a smaller table. */
export const minimumRows = 1000;

/** CREATE INDEX CONCURRENTLY does not work on a partitioned table, and an index on one partition is of little use. */
export function isIndexable({kind, is_partition}: Table): boolean {
  return kind !== 'partitioned' && !is_partition;
}

/** An existing valid index that covers this candidate; null if there is none. */
export function findCovering(candidate: Candidate, existing: readonly ExistingIndex[]): ExistingIndex | null {
  const own = existing.filter(({table_oid}) => table_oid === candidate.table.oid);
  return (
    own.find(({spec, is_valid}) => is_valid && covers(spec, candidate.spec, candidate.equal_count)) ?? null
  );
}

/**
 * Whether `existing` serves all that `wanted` would: its first keys are those of `wanted`, of which the first
 * `equal_count`, compared with = only, may be in any order; the others have the same order, or all
 * the opposite one, because an index can be scanned backward. A unique index whose columns are all compared
 * with = returns one row at most, so it covers any index.
 */
export function covers(existing: IndexSpec, wanted: IndexSpec, equal_count: number): boolean {
  if (existing.method !== wanted.method) return false;
  if (existing.predicate !== null && existing.predicate !== wanted.predicate) return false;
  if (wanted.method === 'gin')
    return wanted.keys.every(each => existing.keys.some(key => searches(key, each)));
  const equal = wanted.keys.slice(0, equal_count);
  const isAmongEqual = (key: IndexKey) => equal.some(each => each.expression === key.expression);
  if (existing.is_unique && existing.predicate === null && existing.keys.every(isAmongEqual)) return true;
  if (existing.keys.length < wanted.keys.length) return false;
  if (!existing.keys.slice(0, equal_count).every(isAmongEqual)) return false;
  const ordered = wanted.keys.slice(equal_count);
  const held = existing.keys.slice(equal_count, wanted.keys.length);
  const isSame = (turn: (key: IndexKey) => IndexKey['order']) =>
    held.every((key, index) => {
      const other = ordered[index];
      return other !== undefined && sameKey(key, other) && key.order === turn(other);
    });
  return isSame(({order}) => order) || isSame(({order}) => backward[order]);
}

/** Another operator class serves other operators. */
function sameKey(a: IndexKey, b: IndexKey): boolean {
  return a.expression === b.expression && a.opclass === b.opclass;
}

/** The default operator class serves all that jsonb_path_ops does. */
function searches(existing: IndexKey, wanted: IndexKey): boolean {
  return existing.expression === wanted.expression && ['', wanted.opclass].includes(existing.opclass);
}

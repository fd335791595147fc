import type {Table} from '../../model/catalog.ts';
import type {Candidate} from './candidates.ts';
import {backward, type IndexKey, type IndexSpec} from './index-spec.ts';

/** An index of the catalog and what it holds. */
export type ExistingIndex = {table_oid: string; name: string; is_valid: boolean; spec: IndexSpec};

/** A table read whole in a moment: the planner would not look at an index. */
export const minimumRows = 1000;

/** CREATE INDEX CONCURRENTLY takes no partitioned table, and one of its parts would be alone in having it. */
export function isIndexable({kind, is_partition}: Table): boolean {
  return kind !== 'partitioned' && !is_partition;
}

/** The index that answers already what this one would; null where none does. */
export function findCovering(candidate: Candidate, existing: readonly ExistingIndex[]): ExistingIndex | null {
  const own = existing.filter(({table_oid}) => table_oid === candidate.table.oid);
  return (
    own.find(({spec, is_valid}) => is_valid && covers(spec, candidate.spec, candidate.equal_count)) ?? null
  );
}

/**
 * Whether `existing` answers whatever `wanted` would: its first keys are those wanted, of which the first
 * `equal_count`, compared by = alone, may stand in any order among themselves; the others in the one wanted, or all
 * of them backward round, for an index is read both ways. A unique index whose columns are all compared by = leaves
 * one row, and nothing to gain.
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

/** An operator class for patterns answers other questions. */
function sameKey(a: IndexKey, b: IndexKey): boolean {
  return a.expression === b.expression && a.opclass === b.opclass;
}

/** The type's own operator class answers what a narrower one would. */
function searches(existing: IndexKey, wanted: IndexKey): boolean {
  return existing.expression === wanted.expression && ['', wanted.opclass].includes(existing.opclass);
}

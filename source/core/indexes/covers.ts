import {turned} from './order-keys.ts';
import type {IndexKey, IndexSpec} from './spec.ts';

/**
 * Whether `present` answers whatever `wanted` would: its first keys are those wanted, of which the first
 * `equal_count`, compared by = alone, may stand in any order among themselves; the others in the one wanted, or all
 * of them turned round, for an index is read both ways. A unique index whose columns are all compared by = leaves
 * one row, and nothing to gain.
 */
export function covers(present: IndexSpec, wanted: IndexSpec, equal_count: number): boolean {
  if (present.method !== wanted.method) return false;
  if (present.predicate !== null && present.predicate !== wanted.predicate) return false;
  if (wanted.method === 'gin')
    return wanted.keys.every(each => present.keys.some(key => searches(key, each)));
  const equal = wanted.keys.slice(0, equal_count);
  const isAmongEqual = (key: IndexKey) => equal.some(each => each.expression === key.expression);
  if (present.is_unique && present.predicate === null && present.keys.every(isAmongEqual)) return true;
  if (present.keys.length < wanted.keys.length) return false;
  if (!present.keys.slice(0, equal_count).every(isAmongEqual)) return false;
  const ordered = wanted.keys.slice(equal_count);
  const held = present.keys.slice(equal_count, wanted.keys.length);
  const isSame = (turn: (key: IndexKey) => IndexKey['order']) =>
    held.every((key, index) => {
      const other = ordered[index];
      return other !== undefined && sameKey(key, other) && key.order === turn(other);
    });
  return isSame(({order}) => order) || isSame(({order}) => turned[order]);
}

/** An operator class for patterns answers other questions. */
function sameKey(a: IndexKey, b: IndexKey): boolean {
  return a.expression === b.expression && a.opclass === b.opclass;
}

/** The type's own operator class answers what a narrower one would. */
function searches(present: IndexKey, wanted: IndexKey): boolean {
  return present.expression === wanted.expression && ['', wanted.opclass].includes(present.opclass);
}

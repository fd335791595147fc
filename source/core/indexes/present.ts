import type {Table} from '../../model/catalog.ts';
import type {Candidate} from './candidates.ts';
import {covers} from './covers.ts';
import type {IndexSpec} from './spec.ts';

/** An index of the catalog and what it holds. */
export type PresentIndex = {table_oid: string; name: string; is_valid: boolean; spec: IndexSpec};

/** A table read whole in a moment: the planner would not look at an index. */
export const fewestRows = 1000;

/** CREATE INDEX CONCURRENTLY takes no partitioned table, and one of its parts would be alone in having it. */
export function isIndexable({kind, is_partition}: Table): boolean {
  return kind !== 'partitioned' && !is_partition;
}

/** The index that answers already what this one would; null where none does. */
export function findCovering(candidate: Candidate, present: readonly PresentIndex[]): PresentIndex | null {
  const own = present.filter(({table_oid}) => table_oid === candidate.table.oid);
  return (
    own.find(({spec, is_valid}) => is_valid && covers(spec, candidate.spec, candidate.equal_count)) ?? null
  );
}

import type {WorkloadStatement} from '../../../source/core/indexes/candidates.ts';
import {
  btree,
  definitionOf,
  type ExistingIndex,
  findCovering,
  type IndexSpec,
  key,
  minimumRows,
  toCandidate,
} from '../../../source/core/indexes/index-spec.ts';
import type {Condition} from '../../../source/core/indexes/statement-shape.ts';
import {rowsOf} from '../../../source/core/indexes/statistics.ts';
import type {Table} from '../../../source/model/catalog.ts';

/** The rule that poolctl is held against: an index of its own for every column a predicate names. */
export function oneColumnPerPredicate(
  statements: readonly WorkloadStatement[],
  existing: readonly ExistingIndex[],
): {table: Table; definition: string; method: string}[] {
  const found = statements
    .flatMap(({shape}) => shape.uses)
    .filter(({table}) => rowsOf(table) >= minimumRows)
    .flatMap(({table, conditions}) => conditions.flatMap(specsOf).map(spec => toCandidate(table, spec, 0)))
    .filter(candidate => findCovering(candidate, existing) === null);
  return [...new Map(found.map(each => [each.id, each])).values()].map(({table, spec}) => ({
    table,
    definition: definitionOf(table, spec, null),
    method: spec.method,
  }));
}

function specsOf(condition: Condition): IndexSpec[] {
  if (condition.kind === 'any') return condition.arms.flatMap(arm => arm.flatMap(specsOf));
  const spec = btree([key(condition.term.expression)]);
  return [condition.kind === 'contains' ? {...spec, method: 'gin'} : spec];
}

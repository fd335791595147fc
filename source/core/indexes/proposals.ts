import type {Catalog} from '../../model/catalog.ts';
import type {IndexProposal, Served} from '../../model/index-advice.ts';
import {formatAge, formatCount} from '../text/format.ts';
import type {AdviceInput, Planner} from './candidates.ts';
import type {Benefit, Choice} from './choose.ts';
import type {ForeignKeyNeed} from './foreign-key-needs.ts';
import {type Candidate, covers, definitionOf, nameFor, specId} from './index-spec.ts';
import type {Upkeep, UpkeepOf} from './upkeep.ts';

/** The chosen indexes with name, size and reasons, those that save most first. */
export function toProposals(
  {chosen, benefits}: Choice,
  keys: readonly ForeignKeyNeed[],
  {catalog, planner, existing, upkeepOf, statements_age_ms}: AdviceInput & {upkeepOf: UpkeepOf},
): IndexProposal[] {
  const taken = takenNames(catalog);
  const proposals: IndexProposal[] = [];
  // Sorted, so that the same choice always gets the same names.
  for (const candidate of [...chosen].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const {table, spec} = candidate;
    // A failed or running build of this index is replaced or adopted, so its name is free.
    const invalidTwin = existing.find(each => !each.is_valid && specId(table, each.spec) === candidate.id);
    const name = nameFor(
      table,
      spec,
      each => each !== invalidTwin?.name && taken.has(`${table.schema}.${each}`),
    );
    taken.add(`${table.schema}.${name}`);
    const own = benefits.get(candidate.id) ?? [];
    const needed = keys.filter(
      each =>
        each.candidate.table.oid === table.oid &&
        covers(spec, each.candidate.spec, each.candidate.equal_count),
    );
    const is_verified =
      planner.costSource === 'hypopg' && spec.method === 'btree' && !own.some(each => each.is_estimated);
    const serves = own
      .filter(({statement}) => statement.source === 'statements')
      .map(each => toServed(each, is_verified));
    proposals.push({
      ...describeCandidate(candidate, name, planner, is_verified),
      definition: definitionOf(table, spec, name),
      reasons: [
        ...reasonsFor(candidate, own, needed, is_verified),
        ...upkeepReasons(upkeepOf(candidate), statements_age_ms),
      ],
      serves,
      source: serves.length > 0 ? 'statements' : 'foreign_key',
    });
  }
  return proposals.sort((a, b) => savedBy(b) - savedBy(a) || (a.name < b.name ? -1 : 1));
}

/** The names of tables and indexes, as `schema.name`. */
export function takenNames({tables, indexes}: Pick<Catalog, 'tables' | 'indexes'>): Set<string> {
  return new Set([...tables, ...indexes].map(({schema, name}) => `${schema}.${name}`));
}

/** The part of a proposal that its index determines. */
export function describeCandidate(
  candidate: Candidate,
  name: string,
  planner: Planner,
  is_verified: boolean,
): Omit<IndexProposal, 'definition' | 'reasons' | 'serves' | 'source'> {
  const {table, spec} = candidate;
  return {
    schema: table.schema,
    table: table.name,
    table_oid: table.oid,
    name,
    method: spec.method,
    columns: spec.keys.map(({expression, order}) => (order === '' ? {expression} : {expression, order})),
    predicate: spec.predicate,
    estimated_size_bytes: planner.sizeOf(candidate),
    confidence: is_verified ? 'planner-verified' : 'heuristic',
  };
}

export function toServed({statement, cost_before, cost_after}: Benefit, is_verified: boolean): Served {
  const {queryid, query, calls, total_exec_time_ms} = statement;
  const costs = is_verified ? {cost_before, cost_after} : {cost_before: null, cost_after: null};
  return {queryid, query, calls, total_exec_time_ms, ...costs};
}

function reasonsFor(
  {table, spec, equal_count}: Candidate,
  benefits: readonly Benefit[],
  keys: readonly ForeignKeyNeed[],
  is_verified: boolean,
): string[] {
  const reasons: string[] = [];
  const statements = benefits.filter(({statement}) => statement.source === 'statements');
  if (statements.length > 0) {
    const calls = statements.reduce((sum, {statement}) => sum + statement.calls, 0);
    const noun = statements.length === 1 ? 'one statement' : `${statements.length} statements`;
    reasons.push(`serves ${noun}, called ${calls === 1 ? 'once' : `${formatCount(calls)} times`}`);
  }
  const [most] = [...benefits].sort((a, b) => b.cost_before - b.cost_after - (a.cost_before - a.cost_after));
  if (most !== undefined) {
    const fall = `from ${formatCount(Math.round(most.cost_before))} to ${formatCount(Math.round(most.cost_after))}`;
    reasons.push(
      is_verified
        ? `the planner would use it: the cost of ${most.statement.source === 'foreign_key' ? 'a lookup' : 'the statement it helps most'} drops ${fall}`
        : `estimated from column statistics: the cost drops ${fall}`,
    );
  }
  for (const {foreign_key} of keys) {
    reasons.push(
      `no index covers foreign key ${foreign_key.name}: a DELETE on ${foreign_key.referenced_table} scans ${table.name}`,
    );
  }
  const equal = spec.keys.slice(0, equal_count).map(({expression}) => expression);
  const [next] = spec.keys.slice(equal_count);
  if (equal.length > 0 && next !== undefined) {
    reasons.push(`${equal.join(', ')} for equality, then ${next.expression} for the range or order`);
  }
  return reasons;
}

/** What maintaining an index costs, over the time in which statements have been counted. */
function upkeepReasons({writes, hot_updates}: Upkeep, age_ms: number | null): string[] {
  const since = age_ms === null ? 'since statistics were reset' : `in ${formatAge(age_ms)}`;
  return [
    ...(writes === 0 ? [] : [`each write to the table maintains it: ${formatCount(writes)} writes ${since}`]),
    ...(hot_updates === 0
      ? []
      : [
          `${formatCount(hot_updates)} updates ${since} touch no index now (HOT) and would write to all of the table`,
        ]),
  ];
}

function savedBy({serves, source}: IndexProposal): number {
  if (source === 'foreign_key') return -1;
  return serves.reduce((sum, {total_exec_time_ms}) => sum + total_exec_time_ms, 0);
}

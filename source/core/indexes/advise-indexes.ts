import type {Table} from '../../model/catalog.ts';
import type {IndexAdvice, SkippedIndex} from '../../model/index-advice.ts';
import {type AdviceInput, candidatesFor, type Precedence, type WorkloadStatement} from './candidates.ts';
import {type Choice, chooseIndexes, type Work} from './choose.ts';
import {stopsEarly} from './evidence.ts';
import {type ForeignKeyNeed, foreignKeyNeeds} from './foreign-key-needs.ts';
import {type Candidate, covers, findCovering, isIndexable, minimumRows, toCandidate} from './index-spec.ts';
import {toProposals} from './proposals.ts';
import type {Columns, Term} from './statement-shape.ts';
import {distinctOf, rowsOf} from './statistics.ts';
import {createUpkeep, type UpkeepOf, withoutNulls} from './upkeep.ts';

/** The indexes worth building for the statements and the foreign keys, and those skipped. */
export async function adviseIndexes(input: AdviceInput): Promise<IndexAdvice> {
  const {catalog, statements, planner} = input;
  const skipped: SkippedIndex[] = [];
  const keys = foreignKeyNeeds(input, skipped);
  const upkeepOf = createUpkeep(catalog, input.writes, input.statements_age_ms);
  const precedence = columnPrecedence(statements, input.columns);
  const works: Work[] = [
    ...statements.map(statement => ({statement, candidates: candidatesOf(statement, input, precedence)})),
    ...keys.map(({statement, candidate}) => ({statement, candidates: [candidate]})),
  ];
  const choice = await chooseIndexes(
    works.filter(({candidates}) => candidates.length > 0),
    planner,
    upkeepOf,
  );
  return {
    proposals: toProposals(choice, keys, {...input, upkeepOf}),
    skipped: [...skipped, ...tooCostlyIndexes(choice, upkeepOf), ...unusedForeignKeys(choice, keys)],
    planner: planner.costSource,
  };
}

/** Candidates that can be built and that no existing index covers. */
function candidatesOf(statement: WorkloadStatement, input: AdviceInput, precedence: Precedence): Candidate[] {
  const all = statement.shape.uses
    .filter(({table}) => isIndexable(table) && rowsOf(table) >= minimumRows)
    .flatMap(use => candidatesFor(use, precedence, stopsEarly(use, statement)))
    .map(each => toCandidate(each.table, withoutNulls(each, input.columns), each.equal_count));
  return [...new Map(all.map(each => [each.id, each])).values()].filter(
    candidate => findCovering(candidate, input.existing) === null,
  );
}

/** Selective columns first, then those that most statements compare, so that they share an index. */
function columnPrecedence(statements: readonly WorkloadStatement[], columns: Columns): Precedence {
  const counts = new Map<string, number>();
  const idOf = (table: Table, {expression}: Term) => `${table.oid} ${expression}`;
  for (const {table, conditions} of statements.flatMap(({shape}) => shape.uses)) {
    for (const condition of conditions) {
      if (condition.kind !== 'equal' && condition.kind !== 'join') continue;
      const id = idOf(table, condition.term);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  const isCoarse = (table: Table, term: Term) => (distinctOf(table, term, columns) <= 10 ? 1 : 0);
  return (table, a, b) =>
    isCoarse(table, a) - isCoarse(table, b) ||
    (counts.get(idOf(table, b)) ?? 0) - (counts.get(idOf(table, a)) ?? 0) ||
    distinctOf(table, b, columns) - distinctOf(table, a, columns) ||
    (a.expression < b.expression ? -1 : 1);
}

function tooCostlyIndexes({too_costly}: Choice, upkeepOf: UpkeepOf): SkippedIndex[] {
  return too_costly.map(({candidate, saved_ms}) => {
    const {writes, hot_updates} = upkeepOf(candidate);
    const hot =
      hot_updates === 0
        ? ''
        : `, and ${hot_updates} updates that touch no index now (HOT) would write to all of its table`;
    return {
      what: describe(candidate),
      reason: `writes would cost more than it saves: ${Math.round(saved_ms)} ms saved for ${writes} writes${hot}`,
    };
  });
}

function unusedForeignKeys({chosen}: Choice, keys: readonly ForeignKeyNeed[]): SkippedIndex[] {
  const isServed = ({candidate}: ForeignKeyNeed) =>
    chosen.some(
      ({table, spec}) =>
        table.oid === candidate.table.oid && covers(spec, candidate.spec, candidate.equal_count),
    );
  return keys
    .filter(each => !isServed(each))
    .map(({what}) => ({
      what,
      reason: 'no index covers it, but so many rows share a value that the planner would not use one',
    }));
}

function describe({table, spec}: Candidate): string {
  const where = spec.predicate === null ? '' : ` WHERE ${spec.predicate}`;
  return `${table.schema}.${table.name} (${spec.keys.map(({expression}) => expression).join(', ')})${where}`;
}

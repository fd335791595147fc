import type {Catalog, Table} from '../../model/catalog.ts';
import type {IndexAdvice, Skipped} from '../../model/index-advice.ts';
import {type Candidate, candidatesFor, type Precedence} from './candidates.ts';
import {type Choice, chooseIndexes, type Work} from './choose.ts';
import {covers} from './covers.ts';
import {type ForeignKeyNeed, foreignKeyNeeds} from './foreign-keys.ts';
import type {Planner, WorkStatement} from './planner.ts';
import {fewestRows, findCovering, isIndexable, type PresentIndex} from './present.ts';
import {toProposals} from './proposal.ts';
import {distinctOf, rowsOf} from './selectivity.ts';
import type {Columns, Term} from './shape.ts';

export type AdviceInput = {
  catalog: Catalog;
  columns: Columns;
  present: readonly PresentIndex[];
  statements: readonly WorkStatement[];
  planner: Planner;
};

/** The indexes worth building for the statements seen and for the foreign keys, and what was left out. */
export async function adviseIndexes(input: AdviceInput): Promise<IndexAdvice> {
  const {catalog, statements, planner} = input;
  const skipped: Skipped[] = [];
  const keys = foreignKeyNeeds(catalog, input.present, skipped);
  const precedence = commonFirst(statements, input.columns);
  const works: Work[] = [
    ...statements.map(statement => ({statement, candidates: worthTrying(statement, input, precedence)})),
    ...keys.map(({statement, candidate}) => ({statement, candidates: [candidate]})),
  ];
  const choice = await chooseIndexes(
    works.filter(({candidates}) => candidates.length > 0),
    planner,
  );
  return {
    proposals: toProposals(choice, keys, input),
    skipped: [...skipped, ...leftOut(choice), ...unhelpedKeys(choice, keys)],
    planner: planner.judge,
  };
}

/** What could be built at all, and is not there yet in another form. */
function worthTrying({shape}: WorkStatement, input: AdviceInput, precedence: Precedence): Candidate[] {
  const all = shape.uses
    .filter(({table}) => isIndexable(table) && rowsOf(table) >= fewestRows)
    .flatMap(use => candidatesFor(use, precedence));
  return [...new Map(all.map(each => [each.id, each])).values()].filter(
    candidate => findCovering(candidate, input.present) === null,
  );
}

/** Columns that tell rows apart first, then those that most statements compare, so that they share an index. */
function commonFirst(statements: readonly WorkStatement[], columns: Columns): Precedence {
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

function leftOut({too_costly}: Choice): Skipped[] {
  return too_costly.map(({candidate, saved_ms, writes}) => ({
    what: describe(candidate),
    reason: `the table is written to more than it is read: it would save ${Math.round(saved_ms)} ms of the statements seen, and ${writes} writes would have paid for it`,
  }));
}

function unhelpedKeys({chosen}: Choice, keys: readonly ForeignKeyNeed[]): Skipped[] {
  const isServed = ({candidate}: ForeignKeyNeed) =>
    chosen.some(
      ({table, spec}) =>
        table.oid === candidate.table.oid && covers(spec, candidate.spec, candidate.equal_count),
    );
  return keys
    .filter(each => !isServed(each))
    .map(({what}) => ({
      what,
      reason: 'no index leads with it, but so many rows share a value that the planner would not use one',
    }));
}

function describe({table, spec}: Candidate): string {
  const where = spec.predicate === null ? '' : ` WHERE ${spec.predicate}`;
  return `${table.schema}.${table.name} (${spec.keys.map(({expression}) => expression).join(', ')})${where}`;
}

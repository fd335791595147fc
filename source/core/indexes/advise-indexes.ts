import type {Catalog, Table} from '../../model/catalog.ts';
import type {IndexAdvice, IndexProposal, Served, SkippedIndex} from '../../model/recipe-data.ts';
import {formatCount} from '../text/format.ts';
import type {Planner, WorkloadStatement} from './candidates.ts';
import {type Candidate, candidatesFor, type Precedence} from './candidates.ts';
import {type Benefit, type Choice, chooseIndexes, type Work} from './choose.ts';
import {covers, type ExistingIndex, findCovering, isIndexable, minimumRows} from './existing-index.ts';
import {type ForeignKeyNeed, foreignKeyNeeds} from './foreign-keys.ts';
import {definitionOf, type IndexSpec, specId} from './index-spec.ts';
import type {Columns, Term} from './statement-shape.ts';
import {distinctOf, rowsOf} from './statistics.ts';

export type AdviceInput = {
  catalog: Catalog;
  columns: Columns;
  existing: readonly ExistingIndex[];
  statements: readonly WorkloadStatement[];
  planner: Planner;
};

/** The indexes worth building for the statements and the foreign keys, and those skipped. */
export async function adviseIndexes(input: AdviceInput): Promise<IndexAdvice> {
  const {catalog, statements, planner} = input;
  const skipped: SkippedIndex[] = [];
  const keys = foreignKeyNeeds(catalog, input.existing, skipped);
  const precedence = columnPrecedence(statements, input.columns);
  const works: Work[] = [
    ...statements.map(statement => ({statement, candidates: candidatesOf(statement, input, precedence)})),
    ...keys.map(({statement, candidate}) => ({statement, candidates: [candidate]})),
  ];
  const choice = await chooseIndexes(
    works.filter(({candidates}) => candidates.length > 0),
    planner,
  );
  return {
    proposals: toProposals(choice, keys, input),
    skipped: [...skipped, ...tooCostlyIndexes(choice), ...unusedForeignKeys(choice, keys)],
    planner: planner.costSource,
  };
}

/** Candidates that can be built and that no existing index covers. */
function candidatesOf({shape}: WorkloadStatement, input: AdviceInput, precedence: Precedence): Candidate[] {
  const all = shape.uses
    .filter(({table}) => isIndexable(table) && rowsOf(table) >= minimumRows)
    .flatMap(use => candidatesFor(use, precedence));
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

function tooCostlyIndexes({too_costly}: Choice): SkippedIndex[] {
  return too_costly.map(({candidate, saved_ms, writes}) => ({
    what: describe(candidate),
    reason: `writes would cost more than it saves: ${Math.round(saved_ms)} ms saved for ${writes} writes`,
  }));
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

/** NAMEDATALEN - 1, in bytes. */
const longest = 63;
const ending = '_idx';

/** `table_column_idx`, as PostgreSQL and Prisma's `@@index` name an index; numbered if the name is taken. */
export function nameFor({name}: Table, {keys}: IndexSpec, isTaken: (name: string) => boolean): string {
  const words = keys.map(({expression}) => wordOf(expression));
  const base = [name, ...words].join('_');
  for (let number = 0; ; number++) {
    const suffix = `${ending}${number === 0 ? '' : number}`;
    const candidate = `${cut(base, longest - suffix.length)}${suffix}`;
    if (!isTaken(candidate)) return candidate;
  }
}

/** A column's name, or the words of an expression. */
function wordOf(expression: string): string {
  if (/^"(?:[^"]|"")+"$/.test(expression)) return expression.slice(1, -1).replaceAll('""', '"');
  return (expression.match(/[\p{L}\p{N}_]+/gu) ?? ['expr']).join('_');
}

/** The longest prefix within `bytes` bytes of UTF-8. */
function cut(text: string, bytes: number): string {
  let taken = '';
  let size = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    size += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (size > bytes) break;
    taken += character;
  }
  return taken;
}

/** The chosen indexes with name, size and reasons, those that save most first. */
function toProposals(
  {chosen, benefits}: Choice,
  keys: readonly ForeignKeyNeed[],
  {catalog, planner, existing}: AdviceInput,
): IndexProposal[] {
  const taken = new Set([...catalog.tables, ...catalog.indexes].map(({schema, name}) => `${schema}.${name}`));
  const proposals: IndexProposal[] = [];
  // Sorted, so that the same choice always gets the same names.
  for (const candidate of [...chosen].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const {table, spec} = candidate;
    // A failed or running build of this index is replaced or adopted, so its name is free.
    const begun = existing.find(each => !each.is_valid && specId(table, each.spec) === candidate.id);
    const name = nameFor(table, spec, each => each !== begun?.name && taken.has(`${table.schema}.${each}`));
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
      schema: table.schema,
      table: table.name,
      table_oid: table.oid,
      name,
      method: spec.method,
      columns: spec.keys.map(({expression, order}) => (order === '' ? {expression} : {expression, order})),
      predicate: spec.predicate,
      definition: definitionOf(table, spec, name),
      estimated_size_bytes: planner.sizeOf(candidate),
      confidence: is_verified ? 'planner-verified' : 'heuristic',
      reasons: reasonsFor(candidate, own, needed, is_verified),
      serves,
      source: serves.length > 0 ? 'statements' : 'foreign_key',
    });
  }
  return proposals.sort((a, b) => savedBy(b) - savedBy(a) || (a.name < b.name ? -1 : 1));
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
  const writes = table.rows_inserted + table.rows_updated + table.rows_deleted;
  if (writes > 0)
    reasons.push(
      `each write to the table maintains it: ${formatCount(writes)} writes since statistics were reset`,
    );
  return reasons;
}

function savedBy({serves, source}: IndexProposal): number {
  if (source === 'foreign_key') return -1;
  return serves.reduce((sum, {total_exec_time_ms}) => sum + total_exec_time_ms, 0);
}

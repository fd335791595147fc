import type {Catalog, ForeignKey, Table} from '../../model/catalog.ts';
import type {IndexAdvice, IndexProposal, Served, SkippedIndex} from '../../model/recipe-data.ts';
import {thresholds} from '../health/thresholds.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {formatAge, formatCount} from '../text/format.ts';
import {
  candidatesFor,
  type Planner,
  type Precedence,
  type StatementWrites,
  type WorkloadStatement,
} from './candidates.ts';
import {type Benefit, type Choice, chooseIndexes, type Work} from './choose.ts';
import {stopsEarly} from './evidence.ts';
import {whyNoDelete} from './index-catalog.ts';
import {
  btree,
  type Candidate,
  covers,
  definitionOf,
  type ExistingIndex,
  findCovering,
  isIndexable,
  key,
  minimumRows,
  nameFor,
  specId,
  toCandidate,
} from './index-spec.ts';
import {type Columns, columnTerm, type Term} from './statement-shape.ts';
import {distinctOf, rowsOf} from './statistics.ts';
import {createUpkeep, type Upkeep, type UpkeepOf, withoutNulls} from './upkeep.ts';

export type AdviceInput = {
  catalog: Catalog;
  columns: Columns;
  existing: readonly ExistingIndex[];
  statements: readonly WorkloadStatement[];
  planner: Planner;
  /** What all statements write, not only the costliest. */
  writes: readonly StatementWrites[];
  /** Since when statements have been counted; null if unknown. */
  statements_age_ms: number | null;
};

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

/** The chosen indexes with name, size and reasons, those that save most first. */
function toProposals(
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
        ...needed.flatMap(each => whyNoDelete(catalog, each.foreign_key) ?? []),
        ...upkeepReasons(upkeepOf(candidate), statements_age_ms),
      ],
      serves,
      source: serves.length > 0 ? 'statements' : 'foreign_key',
    });
  }
  const isForNobody = ({reasons}: IndexProposal) =>
    Number(reasons.some(each => each.endsWith('a DELETE to come')));
  return proposals.sort(
    (a, b) => savedBy(b) - savedBy(a) || isForNobody(a) - isForNobody(b) || (a.name < b.name ? -1 : 1),
  );
}

/** The names of tables and indexes, as `schema.name`. */
export function takenNames({tables, indexes}: Catalog): Set<string> {
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

/** A foreign key that no index covers: every DELETE on the parent scans the table. */
type ForeignKeyNeed = {
  foreign_key: ForeignKey;
  candidate: Candidate;
  statement: WorkloadStatement;
  /** For display. */
  what: string;
};

function foreignKeyNeeds(
  {catalog, existing, columns}: AdviceInput,
  skipped: SkippedIndex[],
): ForeignKeyNeed[] {
  const {foreign_keys, tables} = catalog;
  return foreign_keys.flatMap(foreign_key => {
    const table = tables.find(({oid}) => oid === foreign_key.table_oid);
    if (table === undefined) return [];
    const what = `foreign key ${foreign_key.name} of ${table.schema}.${table.name}`;
    const spec = btree(foreign_key.columns.map(name => key(quoteIdentifier(name))));
    const full = toCandidate(table, spec, spec.keys.length);
    const candidate = toCandidate(table, withoutNulls(full, columns), spec.keys.length);
    if (findCovering(candidate, existing) !== null) return [];
    const reason = reasonToSkip(table);
    if (reason !== null) {
      skipped.push({what, reason});
      return [];
    }
    return [{foreign_key, candidate, what, statement: foreignKeyStatement(foreign_key, table)}];
  });
}

function reasonToSkip(table: Table): string | null {
  if (!isIndexable(table)) {
    return 'its table is partitioned, where an index cannot be built concurrently: build one on each partition, then on the parent';
  }
  const rows = rowsOf(table);
  return rows < thresholds.unindexed_table_rows.warning
    ? `its table has only ${Math.round(rows)} rows`
    : null;
}

/**
 * The statement that the server runs when a parent row is deleted or its key changes (RI_FKey_noaction_del). Its lock
 * rules out index-only scans.
 */
function foreignKeyStatement({schema, name, columns}: ForeignKey, table: Table): WorkloadStatement {
  const terms = columns.map(columnTerm);
  const where = terms.map(({expression}, index) => `x.${expression} = $${index + 1}`).join(' AND ');
  const from = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
  return {
    queryid: `${schema}.${table.name}.${name}`,
    query: `SELECT 1 FROM ONLY ${from} x WHERE ${where} FOR KEY SHARE OF x`,
    calls: 0,
    rows: null,
    total_exec_time_ms: 0,
    source: 'foreign_key',
    shape: {
      uses: [
        {
          table,
          conditions: terms.map(term => ({kind: 'equal', term, is_list: false, values: 1})),
          order: [],
          limit: null,
        },
      ],
      returns_matches: true,
      write: null,
    },
  };
}

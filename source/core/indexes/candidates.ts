import type {Table} from '../../model/catalog.ts';
import type {IndexAdvice} from '../../model/index-advice.ts';

import {btree, type IndexKey, type IndexSpec, key, orderKeys, specId} from './index-spec.ts';
import type {Condition, StatementShape, TableUse, Term} from './statement-shape.ts';

/** An index that might help; its first `equal_count` keys are compared by =. */
export type Candidate = {id: string; table: Table; spec: IndexSpec; equal_count: number};

/** Which of two columns that are both compared by = comes first in an index. */
export type Precedence = (table: Table, a: Term, b: Term) => number;

/** Wider ones cost more to keep than their last column saves. */
const mostKeys = 4;

/**
 * The indexes that could answer what a statement asks of one table: columns compared by = first, then one range or
 * the order wanted, or two ranges. Simple ones are among them: who chooses sees whether the wider ones are worth it.
 */
export function candidatesFor(use: TableUse, precedence: Precedence): Candidate[] {
  const btrees = alternatives(use, precedence).map(({equal, rest, predicate}) => {
    const keys = uniqueKeys([...equal.map(term => key(term.expression)), ...rest]).slice(0, mostKeys);
    return toCandidate(use.table, btree(keys, predicate), Math.min(equal.length, keys.length));
  });
  const all = [...btrees.filter(({spec}) => spec.keys.length > 0), ...containment(use)];
  return [...new Map(all.map(candidate => [candidate.id, candidate])).values()];
}

function containment({table, conditions}: TableUse): Candidate[] {
  return containmentIndexes(conditions).map(spec => toCandidate(table, spec, 0));
}

export function toCandidate(table: Table, spec: IndexSpec, equal_count: number): Candidate {
  return {id: specId(table, spec), table, spec, equal_count};
}

type Alternative = {equal: Term[]; rest: IndexKey[]; predicate: string | null};

function alternatives(use: TableUse, precedence: Precedence): Alternative[] {
  const {table, conditions, order} = use;
  const sorted = (terms: Term[]) => uniqueTerms(terms).sort((a, b) => precedence(table, a, b));
  const equal = sorted(termsOf(conditions, each => each.kind === 'equal' && !each.is_list));
  const lists = sorted(termsOf(conditions, each => each.kind === 'equal' && each.is_list));
  const ranges = uniqueTerms(termsOf(conditions, each => each.kind === 'range'));
  const joins = joinedTerms(conditions).map(sorted);
  const make = (terms: Term[], rest: IndexKey[] = []): Alternative => ({equal: terms, rest, predicate: null});
  const inOrder = orderKeys(order);
  const found = [
    ...[...equal, ...lists, ...ranges].map(term => make([term])),
    make([...equal, ...lists]),
    ...ranges.map(term => make([...equal, ...lists], [key(term.expression)])),
    ...ranges.map(term => make(equal, [key(term.expression)])),
    ...pairs(ranges).map(terms =>
      make(
        [...equal, ...lists],
        terms.map(({expression}) => key(expression)),
      ),
    ),
    ...(order.length === 0 ? [] : [make(equal, inOrder), make([], inOrder)]),
    ...joins.flatMap(terms => [
      make(terms),
      make([...terms, ...equal]),
      make([...equal, ...terms]),
      ...ranges.map(term => make([...terms, ...equal], [key(term.expression)])),
      ...(order.length === 0 ? [] : [make(terms, inOrder)]),
    ]),
    ...conditions.flatMap(each =>
      each.kind === 'any' ? each.arms.flatMap(arm => armOf(use, arm, precedence)) : [],
    ),
  ];
  return [...found, ...partial(conditions, found)];
}

function armOf(use: TableUse, arm: Condition[], precedence: Precedence): Alternative[] {
  return alternatives({...use, conditions: arm, order: []}, precedence);
}

/**
 * `deleted_at IS NULL` as the WHERE of an index leaves out the rows that are never asked for. As a key it would not
 * do before an order: the planner does not take it for a constant (only equivalence classes are).
 */
function partial(conditions: readonly Condition[], found: readonly Alternative[]): Alternative[] {
  const tests = conditions.flatMap(each =>
    each.kind === 'null' && each.term.is_column
      ? [{...each, text: `${each.term.expression} IS ${each.is_null ? '' : 'NOT '}NULL`}]
      : [],
  );
  const isNull = tests
    .filter(({is_null}) => is_null)
    .map(({term}) => ({equal: [term], rest: [], predicate: null}));
  if (tests.length === 0) return [];
  const predicate = tests.map(({text}) => text).join(' AND ');
  return [...isNull, ...found.map(each => ({...each, predicate}))];
}

/** A second range narrows down nothing, but is compared in the index before the table is looked at. */
function pairs(ranges: readonly Term[]): [Term, Term][] {
  return ranges.flatMap(first =>
    ranges.filter(second => second !== first).map((second): [Term, Term] => [first, second]),
  );
}

function termsOf(conditions: readonly Condition[], isWanted: (each: Condition) => boolean): Term[] {
  return conditions.flatMap(each => (isWanted(each) && 'term' in each ? [each.term] : []));
}

/** For each table joined, the terms it is joined by. */
function joinedTerms(conditions: readonly Condition[]): Term[][] {
  const byOther = new Map<TableUse, Term[]>();
  for (const each of conditions) {
    if (each.kind !== 'join') continue;
    byOther.set(each.other, [...(byOther.get(each.other) ?? []), each.term]);
  }
  return [...byOther.values()];
}

function uniqueTerms(terms: readonly Term[]): Term[] {
  return [...new Map(terms.map(term => [term.expression, term])).values()];
}

/** A column stands in an index once: compared by =, its order no longer matters. */
function uniqueKeys(keys: readonly IndexKey[]): IndexKey[] {
  return keys.filter(
    ({expression}, index) => keys.findIndex(each => each.expression === expression) === index,
  );
}

/**
 * GIN indexes for what a statement looks for inside jsonb, arrays and text search vectors. Where all it asks of
 * jsonb is @>, @? and @@, jsonb_path_ops makes a smaller and faster one (PostgreSQL's manual, "jsonb Indexing").
 */
export function containmentIndexes(conditions: readonly Condition[]): IndexSpec[] {
  const operators = new Map<string, {operators: Set<string>; type: string}>();
  for (const each of conditions) {
    if (each.kind !== 'contains') continue;
    const {expression} = each.term;
    const known = operators.get(expression) ?? {operators: new Set<string>(), type: each.type};
    known.operators.add(each.operator);
    operators.set(expression, known);
  }
  return [...operators].map(([expression, {operators: used, type}]) => {
    const isByPath = type === 'jsonb' && [...used].every(operator => pathOperators.has(operator));
    return {
      method: 'gin',
      keys: [{expression, order: '', opclass: isByPath ? 'jsonb_path_ops' : ''}],
      included: [],
      predicate: null,
      is_unique: false,
    };
  });
}

const pathOperators = new Set(['@>', '@?', '@@']);

/** The operators that a GIN index with the type's own operator class answers; none where it has no such class. */
export function ginOperators(type: string): readonly string[] {
  if (type === 'jsonb') return ['@>', '?', '?|', '?&', '@?', '@@'];
  if (type === 'tsvector') return ['@@'];
  return type.startsWith('_') ? ['@>', '<@', '&&'] : [];
}

/** A statement that was seen, or that a foreign key asks when its parent's row goes. */
export type WorkloadStatement = {
  queryid: string;
  query: string;
  calls: number;
  total_exec_time_ms: number;
  shape: StatementShape;
  source: 'statements' | 'foreign_key';
};

/**
 * What a statement costs in the planner's units, and which of the candidates its plan reads. `is_estimated`: reckoned
 * from statistics, as poolctl does not let the server plan this one.
 */
export type Planned = {cost: number; used: ReadonlySet<string>; is_estimated?: true};

/** Who knows what a statement would cost with indexes that are not there; null where it cannot be planned. */
export type Planner = {
  /** Whether that is the server itself, or reckoned from its statistics. */
  costSource: IndexAdvice['planner'];
  plan(statement: WorkloadStatement, candidates: readonly Candidate[]): Promise<Planned | null>;
  /** Bytes an index that is not there would take. */
  sizeOf(candidate: Candidate): number;
};

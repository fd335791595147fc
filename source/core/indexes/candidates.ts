import type {Catalog, Table} from '../../model/catalog.ts';
import type {IndexAdvice} from '../../model/index-advice.ts';
import {
  btree,
  type Candidate,
  type ExistingIndex,
  type IndexKey,
  type IndexSpec,
  key,
  orderKeys,
  toCandidate,
} from './index-spec.ts';
import type {Columns, Condition, StatementShape, TableUse, Term} from './statement-shape.ts';

/** Sorts columns compared with = into the order of an index. */
export type Precedence = (table: Table, a: Term, b: Term) => number;

/** A further key would cost more to maintain than it saves. */
const mostKeys = 4;

/**
 * The indexes that could serve a statement on one table: columns compared with = first, then one range or
 * the requested order, or two ranges. Narrow ones are included; `chooseIndexes` decides whether wider ones pay.
 * `isOrderEnough`: an index of the order alone is among them (see `stopsEarly`).
 */
export function candidatesFor(use: TableUse, precedence: Precedence, isOrderEnough = true): Candidate[] {
  const btrees = alternatives(use, precedence, isOrderEnough).map(({equal, rest, predicate}) => {
    const keys = uniqueKeys([...equal.map(term => key(term.expression)), ...rest]).slice(0, mostKeys);
    return toCandidate(use.table, btree(keys, predicate), Math.min(equal.length, keys.length));
  });
  const all = [...btrees.filter(({spec}) => spec.keys.length > 0), ...containment(use)];
  return [...new Map(all.map(candidate => [candidate.id, candidate])).values()];
}

function containment({table, conditions}: TableUse): Candidate[] {
  return containmentIndexes(conditions).map(spec => toCandidate(table, spec, 0));
}

type Alternative = {equal: Term[]; rest: IndexKey[]; predicate: string | null};

function alternatives(use: TableUse, precedence: Precedence, isOrderEnough: boolean): Alternative[] {
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
    ...(order.length === 0 ? [] : [make(equal, inOrder)]),
    ...(order.length === 0 || !isOrderEnough ? [] : [make([], inOrder)]),
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
  return alternatives({...use, conditions: arm, order: []}, precedence, false);
}

/**
 * `deleted_at IS NULL` as the WHERE of an index leaves out rows that are never requested. As a key it would not
 * work before an order: the planner does not treat it as a constant (only equivalence classes are).
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

/** A second range does not narrow the scan, but is compared in the index before the heap is read. */
function pairs(ranges: readonly Term[]): [Term, Term][] {
  return ranges.flatMap(first =>
    ranges.filter(second => second !== first).map((second): [Term, Term] => [first, second]),
  );
}

function termsOf(conditions: readonly Condition[], isWanted: (each: Condition) => boolean): Term[] {
  return conditions.flatMap(each => (isWanted(each) && 'term' in each ? [each.term] : []));
}

/** The join terms, one list per joined table. */
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

/** Each column once: compared with =, its order no longer matters. */
function uniqueKeys(keys: readonly IndexKey[]): IndexKey[] {
  return keys.filter(
    ({expression}, index) => keys.findIndex(each => each.expression === expression) === index,
  );
}

/**
 * GIN indexes for searches in jsonb, arrays and text search vectors. If the only operators on a
 * jsonb column are @>, @? and @@, jsonb_path_ops gives a smaller and faster index (manual, "jsonb Indexing").
 */
function containmentIndexes(conditions: readonly Condition[]): IndexSpec[] {
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

/** The operators of the type's default GIN operator class; empty if it has none. */
export function ginOperators(type: string): readonly string[] {
  if (type === 'jsonb') return ['@>', '?', '?|', '?&', '@?', '@@'];
  if (type === 'tsvector') return ['@@'];
  return type.startsWith('_') ? ['@>', '<@', '&&'] : [];
}

/** A statement of pg_stat_statements, or the one a foreign key runs when a parent row is deleted. */
export type WorkloadStatement = {
  queryid: string;
  query: string;
  calls: number;
  /** Rows returned or changed by these calls; null if unknown. */
  rows: number | null;
  total_exec_time_ms: number;
  shape: StatementShape;
  source: 'statements' | 'foreign_key';
};

/** What a statement writes to a table. */
export type StatementWrites = {
  table_oid: string;
  kind: 'insert' | 'update' | 'delete';
  /** Set by an UPDATE. */
  columns: readonly string[];
  rows: number;
  calls: number;
};

/**
 * A statement's cost in the planner's units, and the ids of the candidates its plan reads. `is_estimated`: computed
 * from statistics, because poolctl does not let the server plan this statement.
 */
export type Planned = {cost: number; used: ReadonlySet<string>; is_estimated?: true};

/** Costs statements with hypothetical indexes. */
export type Planner = {
  /** `hypopg`: the server's planner; `none`: estimates from its statistics. */
  costSource: IndexAdvice['planner'];
  plan(statement: WorkloadStatement, candidates: readonly Candidate[]): Promise<Planned | null>;
  /** Bytes that a hypothetical index would take. */
  sizeOf(candidate: Candidate): number;
};

/** What the advice on indexes rests on. */
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

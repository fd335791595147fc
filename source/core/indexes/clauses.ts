import type {A_Expr, Node, NullTest, SelectStmt} from 'libpg-query';
import {ginOperators} from './candidates.ts';
import type {Condition, SortTerm, TableUse} from './statement-shape.ts';
import {
  type Naming,
  namesOf,
  type Resolved,
  resolveColumn,
  resolveTerm,
  type Scope,
} from './statement-shape.ts';

/** A condition and its table; a join gives one for each table. */
export type Found = {use: TableUse; condition: Condition};

/** The operands of an AND, flattened. */
export function conjunctsOf(node: Node | undefined): Node[] {
  if (node === undefined) return [];
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR') {
    return (node.BoolExpr.args ?? []).flatMap(conjunctsOf);
  }
  return [node];
}

/** The conditions that one operand puts on the statement's tables; empty if no index could serve it. */
export function readCondition(node: Node, scope: Scope, naming: Naming): Found[] {
  if ('A_Expr' in node) return readOperator(node.A_Expr, scope, naming);
  if ('NullTest' in node) return readNullTest(node.NullTest, scope, naming);
  if ('BoolExpr' in node) {
    const {boolop, args = []} = node.BoolExpr;
    if (boolop === 'OR_EXPR') return readOr(args, scope, naming);
    const [negated] = args;
    return boolop === 'NOT_EXPR' && negated !== undefined ? readBoolean(negated, scope, naming) : [];
  }
  if ('BooleanTest' in node) {
    const {arg, booltesttype} = node.BooleanTest;
    const isIndexable = booltesttype === 'IS_TRUE' || booltesttype === 'IS_FALSE';
    return isIndexable && arg !== undefined ? readBoolean(arg, scope, naming) : [];
  }
  return readBoolean(node, scope, naming);
}

/** `archived` and `NOT archived` are `= true` and `= false`. */
function readBoolean(node: Node, scope: Scope, naming: Naming): Found[] {
  const resolved = 'ColumnRef' in node ? resolveTerm(node, scope, naming) : null;
  return resolved === null
    ? []
    : [about(resolved, term => ({kind: 'equal', term, is_list: false, values: 1}))];
}

function readNullTest({arg, nulltesttype}: NullTest, scope: Scope, naming: Naming): Found[] {
  const resolved = arg === undefined ? null : resolveTerm(arg, scope, naming);
  const is_null = nulltesttype === 'IS_NULL';
  return resolved === null ? [] : [about(resolved, term => ({kind: 'null', term, is_null}))];
}

function readOperator(expression: A_Expr, scope: Scope, naming: Naming): Found[] {
  const {kind, lexpr, rexpr} = expression;
  const [operator = ''] = namesOf(expression.name).slice(-1);
  if (lexpr === undefined || rexpr === undefined) return [];
  const left = {node: lexpr, term: resolveTerm(lexpr, scope, naming)};
  const right = {node: rexpr, term: resolveTerm(rexpr, scope, naming)};
  const isConstant = (node: Node) => usesIn(node, scope, naming).size === 0;
  const listed = (values: number) =>
    left.term !== null && operator === '=' && isConstant(rexpr)
      ? [about(left.term, term => ({kind: 'equal', term, is_list: true, values}))]
      : [];
  switch (kind) {
    case 'AEXPR_IN':
      return listed('List' in rexpr ? (rexpr.List.items ?? []).length : unknownArray);
    case 'AEXPR_OP_ANY':
      return listed(unknownArray);
    case 'AEXPR_NOT_DISTINCT':
      return [];
    case 'AEXPR_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
      return left.term !== null && isConstant(rexpr)
        ? [about(left.term, term => ({kind: 'range', term, is_bounded: true}))]
        : [];
    case 'AEXPR_OP':
      if (operator === '=') return readEqual(left, right, scope, naming);
      if (ranges.has(operator)) return readRange(left, right, scope, naming);
      return left.term !== null && isConstant(rexpr) ? readContains(left.term, operator, naming) : [];
    default:
      return [];
  }
}

/** The planner's assumed length of an unknown array (estimate_array_length). */
const unknownArray = 10;
const ranges = new Set(['<', '<=', '>', '>=']);

/** Containment operators; `to_tsvector('english', body)` is a text search vector for any `body`. */
function readContains(resolved: Resolved, operator: string, {columns}: Naming): Found[] {
  const {term, use} = resolved;
  const own = columns.get(use.table.oid)?.find(({name}) => name === term.column)?.type ?? '';
  const type = term.is_column ? own : term.expression.startsWith('to_tsvector(') ? 'tsvector' : '';
  if (!ginOperators(type).includes(operator)) return [];
  return [about(resolved, found => ({kind: 'contains', term: found, operator, type}))];
}

type Side = {node: Node; term: Resolved | null};

function readEqual(left: Side, right: Side, scope: Scope, naming: Naming): Found[] {
  const sides: [Side, Side][] = [
    [left, right],
    [right, left],
  ];
  return sides.flatMap(([{term: resolved}, against]): Found[] => {
    if (resolved === null) return [];
    const others = usesIn(against.node, scope, naming);
    const [other] = others;
    if (other === undefined)
      return [about(resolved, term => ({kind: 'equal', term, is_list: false, values: 1}))];
    return others.has(resolved.use) ? [] : [about(resolved, term => ({kind: 'join', term, other}))];
  });
}

/** `(a, b) > ($1, $2)` (keyset pagination) is a range of its first column. */
function readRange(left: Side, right: Side, scope: Scope, naming: Naming): Found[] {
  const first = ({node, term}: Side) => {
    const [head] = 'RowExpr' in node ? (node.RowExpr.args ?? []) : [];
    return head === undefined ? term : resolveTerm(head, scope, naming);
  };
  const sides: [Side, Side][] = [
    [left, right],
    [right, left],
  ];
  return sides.flatMap(([side, against]): Found[] => {
    const resolved = first(side);
    const isFixed = usesIn(against.node, scope, naming).size === 0;
    return resolved === null || !isFixed
      ? []
      : [about(resolved, term => ({kind: 'range', term, is_bounded: false}))];
  });
}

/** An index helps only if every arm has a condition on the same table. */
function readOr(arms: readonly Node[], scope: Scope, naming: Naming): Found[] {
  const found = arms.map(arm => conjunctsOf(arm).flatMap(node => readCondition(node, scope, naming)));
  const [first = []] = found;
  const uses = new Set(first.map(({use}) => use));
  return [...uses].flatMap((use): Found[] => {
    const own = found.map(each => each.filter(one => one.use === use).map(({condition}) => condition));
    return own.every(conditions => conditions.length > 0) ? [{use, condition: simpleAny(own)}] : [];
  });
}

/** `a = 1 OR a = 2` is `a IN (1, 2)`. */
function simpleAny(arms: Condition[][]): Condition {
  const terms = arms.map(([condition, ...more]) =>
    condition?.kind === 'equal' && more.length === 0 ? condition.term : null,
  );
  const [term] = terms;
  const isOne =
    term !== null && term !== undefined && terms.every(each => each?.expression === term.expression);
  return isOne ? {kind: 'equal', term, is_list: true, values: arms.length} : {kind: 'any', arms};
}

function about({use, term}: Resolved, condition: (term: Resolved['term']) => Condition): Found {
  return {use, condition: condition(term)};
}

/**
 * A condition on one table that no index could serve (`payload->>$2 = $1`) still reduces the rows
 * that are sorted after it.
 */
export function noteUnread(node: Node, scope: Scope, naming: Naming): void {
  const uses = usesIn(node, scope, naming);
  const [use] = uses;
  if (use === undefined || uses.size !== 1 || !('A_Expr' in node)) return;
  const {kind, name} = node.A_Expr;
  const isRare = (kind === 'AEXPR_OP' && namesOf(name).at(-1) === '=') || kind === 'AEXPR_LIKE';
  if (isRare) use.unread_share = (use.unread_share ?? 1) * equalityShare;
}

/** DEFAULT_EQ_SEL and DEFAULT_MATCH_SEL (selfuncs.h). */
const equalityShare = 0.005;

/** The tables that an expression refers to; a subquery counts with its outer references. */
function usesIn(node: Node, scope: Scope, naming: Naming): Set<TableUse> {
  const uses = new Set<TableUse>();
  visit(node, (kind, value) => {
    if (kind !== 'ColumnRef') return;
    const resolved = resolveColumn(value as never, scope, naming);
    if (resolved !== null) uses.add(resolved.use);
  });
  return uses;
}

/** Calls `see` for every node below this one. */
function visit(node: unknown, see: (kind: string, value: object) => void): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [kind, value] of Object.entries(node)) {
    if (typeof value !== 'object' || value === null) continue;
    see(kind, value);
    visit(value, see);
  }
}

/** Records the order that ORDER BY, min() or max() requests on its table. */
export function readOrder(select: SelectStmt, scope: Scope, naming: Naming): void {
  if (select.groupClause !== undefined || select.havingClause !== undefined) return;
  const extreme = readExtreme(select, scope, naming);
  if (extreme !== null) {
    extreme.use.order = [{...extreme.term, direction: 'ASC', nulls: 'LAST'}];
    extreme.use.is_limited = true;
    return;
  }
  // Aggregates and DISTINCT return other rows than they read.
  if (select.distinctClause !== undefined || (select.targetList ?? []).some(isAggregate)) return;
  const keys = (select.sortClause ?? []).map(node => readKey(node, select, scope, naming));
  const [first] = keys;
  if (first === null || first === undefined) return;
  const order: SortTerm[] = [];
  for (const key of keys) {
    if (key === null || key.use !== first.use) break;
    order.push(key.term);
  }
  // Rows ordered by the first keys only must still be sorted, which pays only with a LIMIT.
  if (order.length < keys.length && select.limitCount === undefined) return;
  first.use.order = order;
  first.use.is_limited = select.limitCount !== undefined;
}

/** `SELECT max(at) FROM t WHERE ...` reads one end of an index. */
function readExtreme(
  {targetList = [], fromClause = []}: SelectStmt,
  scope: Scope,
  naming: Naming,
): Resolved | null {
  const [target] = targetList;
  if (targetList.length !== 1 || fromClause.length !== 1 || target === undefined) return null;
  if (!('ResTarget' in target) || target.ResTarget.val === undefined) return null;
  const {val} = target.ResTarget;
  const [argument] = 'FuncCall' in val && isExtreme(val.FuncCall.funcname) ? (val.FuncCall.args ?? []) : [];
  return argument === undefined ? null : resolveTerm(argument, scope, naming);
}

function isExtreme(name: Node[] | undefined): boolean {
  return ['min', 'max'].includes(namesOf(name).at(-1) ?? '');
}

const aggregates = new Set([
  'count',
  'sum',
  'avg',
  'min',
  'max',
  'array_agg',
  'string_agg',
  'json_agg',
  'jsonb_agg',
]);

function isAggregate(target: Node): boolean {
  const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
  if (value === undefined || !('FuncCall' in value)) return false;
  return value.FuncCall.over === undefined && aggregates.has(namesOf(value.FuncCall.funcname).at(-1) ?? '');
}

type Key = {use: Resolved['use']; term: SortTerm};

function readKey(node: Node, {targetList = []}: SelectStmt, scope: Scope, naming: Naming): Key | null {
  if (!('SortBy' in node) || node.SortBy.node === undefined) return null;
  const {sortby_dir, sortby_nulls} = node.SortBy;
  const resolved = resolveTerm(sortedExpression(node.SortBy.node, targetList), scope, naming);
  if (resolved === null) return null;
  const direction = sortby_dir === 'SORTBY_DESC' ? 'DESC' : 'ASC';
  const standard = direction === 'DESC' ? 'FIRST' : 'LAST';
  const nulls =
    sortby_nulls === 'SORTBY_NULLS_FIRST'
      ? 'FIRST'
      : sortby_nulls === 'SORTBY_NULLS_LAST'
        ? 'LAST'
        : standard;
  return {use: resolved.use, term: {...resolved.term, direction, nulls}};
}

/** The expression of ORDER BY 2 or ORDER BY output_name; an output name wins over a column. */
function sortedExpression(node: Node, targets: readonly Node[]): Node {
  const outputs = targets.flatMap(target => ('ResTarget' in target ? [target.ResTarget] : []));
  if ('A_Const' in node) return outputs[(node.A_Const.ival?.ival ?? 0) - 1]?.val ?? node;
  const names = 'ColumnRef' in node ? namesOf(node.ColumnRef.fields) : [];
  if (names.length !== 1) return node;
  return outputs.find(({name}) => name === names[0])?.val ?? node;
}

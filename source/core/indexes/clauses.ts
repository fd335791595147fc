import type {A_Expr, Node, NullTest} from 'libpg-query';
import {ginOperators} from './candidates.ts';
import type {Bound, Condition, TableUse} from './statement-shape.ts';
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

/** `$1`, `$1::int`, `now()`; null for another expression. */
function boundOf(node: Node): Bound | null {
  if ('ParamRef' in node) return node.ParamRef.number ?? null;
  if ('TypeCast' in node && node.TypeCast.arg !== undefined) return boundOf(node.TypeCast.arg);
  if ('FuncCall' in node && namesOf(node.FuncCall.funcname).at(-1) === 'now') return 'now';
  return 'SQLValueFunction' in node && clocks.has(node.SQLValueFunction.op ?? '') ? 'now' : null;
}

const clocks = new Set(['SVFOP_CURRENT_TIMESTAMP', 'SVFOP_LOCALTIMESTAMP', 'SVFOP_CURRENT_DATE']);

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
        ? [about(left.term, term => ({kind: 'range', term, is_bounded: true, ...endsOf(rexpr)}))]
        : [];
    case 'AEXPR_OP':
      if (operator === '=') return readEqual(left, right, scope, naming);
      if (ranges.has(operator)) return readRange(left, right, {operator, scope, naming});
      return left.term !== null && isConstant(rexpr) ? readContains(left.term, operator, naming) : [];
    default:
      return [];
  }
}

/** The ends of a BETWEEN. */
function endsOf(node: Node): {lower?: Bound; upper?: Bound} {
  const [lower, upper] = ('List' in node ? (node.List.items ?? []) : []).map(boundOf);
  return {...(lower != null && {lower}), ...(upper != null && {upper})};
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
    if (other === undefined) {
      const bound = boundOf(against.node);
      const parameter = typeof bound === 'number' ? {parameter: bound} : {};
      return [about(resolved, term => ({kind: 'equal', term, is_list: false, values: 1, ...parameter}))];
    }
    return others.has(resolved.use) ? [] : [about(resolved, term => ({kind: 'join', term, other}))];
  });
}

/** `(a, b) > ($1, $2)` (keyset pagination) is a range of its first column. */
function readRange(
  left: Side,
  right: Side,
  {operator, scope, naming}: {operator: string; scope: Scope; naming: Naming},
): Found[] {
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
    if (resolved === null || !isFixed) return [];
    const bound = boundOf(against.node);
    const end = operator.startsWith('>') === (side === left) ? 'lower' : 'upper';
    const ends = bound === null ? {} : {[end]: bound};
    return [about(resolved, term => ({kind: 'range', term, is_bounded: false, ...ends}))];
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

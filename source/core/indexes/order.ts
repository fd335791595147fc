import type {Node, SelectStmt} from 'libpg-query';
import {
  type Naming,
  namesOf,
  type Resolved,
  resolveTerm,
  type Scope,
  type SortTerm,
} from './statement-shape.ts';

/** Records the order that ORDER BY, min() or max() requests on its table. */
export function readOrder(
  select: SelectStmt,
  scope: Scope,
  {naming, isOutermost}: {naming: Naming; isOutermost: boolean},
): void {
  if (select.groupClause !== undefined || select.havingClause !== undefined) return;
  const extreme = readExtreme(select, scope, naming);
  if (extreme !== null) {
    extreme.use.order = [{...extreme.term, direction: 'ASC', nulls: 'LAST'}];
    extreme.use.limit = 1;
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
  if (select.limitCount !== undefined) first.use.limit = isOutermost ? 'result' : unknownLimit;
}

/** The LIMIT assumed for a subquery, whose rows are not counted. */
export const unknownLimit = 100;

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

export function isAggregate(target: Node): boolean {
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

import type {
  DeleteStmt,
  InsertStmt,
  MergeStmt,
  Node,
  RangeVar,
  RawStmt,
  SelectStmt,
  SubLink,
  UpdateStmt,
} from 'libpg-query';
import type {Table} from '../../model/catalog.ts';
import {conjunctsOf, type Found, noteUnread, readCondition} from './clauses.ts';
import {isAggregate, readOrder} from './order.ts';
import type {StatementShape, TableUse} from './statement-shape.ts';
import {
  columnTerm,
  findQuery,
  findTable,
  type Naming,
  namesOf,
  type Resolved,
  resolveTerm,
  type Scope,
  type Source,
} from './statement-shape.ts';

/** Reads the tables, conditions and orders of a parsed statement, including joins, aliases, WITH and subqueries. */
export function readStatement({stmt}: RawStmt, naming: Naming): StatementShape {
  const reading: Reading = {naming, uses: []};
  if (stmt !== undefined) readNode(stmt, null, reading);
  const {uses} = reading;
  const write = stmt === undefined ? null : writeOf(stmt, naming);
  return {uses, write, returns_matches: uses.length === 1 && stmt !== undefined && returnsMatches(stmt)};
}

/** Whether each row that matches is one of the statement's rows. */
function returnsMatches(stmt: Node): boolean {
  if ('UpdateStmt' in stmt || 'DeleteStmt' in stmt) return true;
  if (!('SelectStmt' in stmt)) return false;
  const {groupClause, havingClause, distinctClause, limitCount, limitOffset, larg, ...select} =
    stmt.SelectStmt;
  const changesRows = [groupClause, havingClause, distinctClause, limitCount, limitOffset, larg];
  return (
    changesRows.every(clause => clause === undefined) &&
    (select.fromClause ?? []).every(item => 'RangeVar' in item) &&
    !(select.targetList ?? []).some(isAggregate)
  );
}

function writeOf(stmt: Node, naming: Naming): StatementShape['write'] {
  const of = (relation: RangeVar | undefined) =>
    relation === undefined ? null : findTable(relation, naming);
  if ('InsertStmt' in stmt) return written('insert', of(stmt.InsertStmt.relation), []);
  if ('DeleteStmt' in stmt) return written('delete', of(stmt.DeleteStmt.relation), []);
  if (!('UpdateStmt' in stmt)) return null;
  const columns = (stmt.UpdateStmt.targetList ?? []).flatMap(target =>
    'ResTarget' in target && target.ResTarget.name !== undefined ? [target.ResTarget.name] : [],
  );
  return written('update', of(stmt.UpdateStmt.relation), columns);
}

function written(
  kind: 'insert' | 'update' | 'delete',
  table: Table | null,
  columns: string[],
): StatementShape['write'] {
  return table === null ? null : {table, kind, columns};
}

type Reading = {naming: Naming; uses: TableUse[]};
type Outputs = ReadonlyMap<string, Resolved>;

const nothing: Outputs = new Map();

function readNode(node: Node, outer: Scope | null, reading: Reading): Outputs {
  if ('SelectStmt' in node) return readSelect(node.SelectStmt, outer, reading);
  if ('UpdateStmt' in node) readChange(node.UpdateStmt, node.UpdateStmt.fromClause, outer, reading);
  if ('DeleteStmt' in node) readChange(node.DeleteStmt, node.DeleteStmt.usingClause, outer, reading);
  if ('InsertStmt' in node) readInsert(node.InsertStmt, outer, reading);
  if ('MergeStmt' in node) readMerge(node.MergeStmt, outer, reading);
  return nothing;
}

function readSelect(select: SelectStmt, outer: Scope | null, reading: Reading): Outputs {
  const scope = openScope(select.withClause?.ctes, outer, reading);
  if (select.larg !== undefined && select.rarg !== undefined) {
    readSelect(select.larg, scope, reading);
    readSelect(select.rarg, scope, reading);
    return nothing;
  }
  for (const item of select.fromClause ?? []) readFrom(item, scope, reading);
  readWhere(select.whereClause, scope, reading);
  for (const part of [select.targetList, select.havingClause, select.sortClause, select.valuesLists]) {
    readSubqueries(part, scope, reading);
  }
  readOrder(select, scope, {naming: reading.naming, isOutermost: outer === null});
  return outputsOf(select, scope, reading);
}

function readChange(
  {relation, whereClause, withClause, ...rest}: UpdateStmt | DeleteStmt,
  from: Node[] | undefined,
  outer: Scope | null,
  reading: Reading,
): void {
  const scope = openScope(withClause?.ctes, outer, reading);
  if (relation !== undefined) readFrom({RangeVar: relation}, scope, reading);
  for (const item of from ?? []) readFrom(item, scope, reading);
  readWhere(whereClause, scope, reading);
  readSubqueries('targetList' in rest ? rest.targetList : [], scope, reading);
}

function readInsert({selectStmt, withClause}: InsertStmt, outer: Scope | null, reading: Reading): void {
  const scope = openScope(withClause?.ctes, outer, reading);
  if (selectStmt !== undefined) readNode(selectStmt, scope, reading);
}

function readMerge(merge: MergeStmt, outer: Scope | null, reading: Reading): void {
  const scope = openScope(merge.withClause?.ctes, outer, reading);
  if (merge.relation !== undefined) readFrom({RangeVar: merge.relation}, scope, reading);
  if (merge.sourceRelation !== undefined) readFrom(merge.sourceRelation, scope, reading);
  readWhere(merge.joinCondition, scope, reading);
}

function openScope(ctes: Node[] | undefined, outer: Scope | null, reading: Reading): Scope {
  const scope: Scope = {sources: [], queries: new Map(), outer};
  for (const cte of ctes ?? []) {
    if (!('CommonTableExpr' in cte)) continue;
    const {ctename = '', ctequery} = cte.CommonTableExpr;
    // A recursive query refers to itself.
    scope.queries.set(ctename, nothing);
    if (ctequery !== undefined) scope.queries.set(ctename, readNode(ctequery, scope, reading));
  }
  return scope;
}

/** Adds the sources of a FROM item and the conditions of its ON. */
function readFrom(item: Node, scope: Scope, reading: Reading): void {
  if ('RangeVar' in item) {
    const {relname = '', schemaname = null, alias} = item.RangeVar;
    const name = {alias: alias?.aliasname ?? relname, schema: alias === undefined ? schemaname : null};
    const query = schemaname === null ? findQuery(relname, scope) : null;
    scope.sources.push(
      query === null ? tableSource(item, name, reading) : {...name, kind: 'query', outputs: query},
    );
  } else if ('RangeSubselect' in item) {
    const {subquery, alias} = item.RangeSubselect;
    const outputs = subquery === undefined ? nothing : readNode(subquery, scope, reading);
    scope.sources.push({alias: alias?.aliasname ?? '', schema: null, kind: 'query', outputs});
  } else if ('JoinExpr' in item) {
    readJoin(item.JoinExpr, scope, reading);
  }
}

function tableSource(item: Node, name: {alias: string; schema: string | null}, reading: Reading): Source {
  const table = 'RangeVar' in item ? findTable(item.RangeVar, reading.naming) : null;
  if (table === null) return {...name, kind: 'query', outputs: nothing};
  const use: TableUse = {table, conditions: [], order: [], limit: null};
  reading.uses.push(use);
  return {...name, kind: 'table', use};
}

type Join = Extract<Node, {JoinExpr: unknown}>['JoinExpr'];

function readJoin({larg, rarg, quals, usingClause, jointype}: Join, scope: Scope, reading: Reading): void {
  const first = scope.sources.length;
  if (larg !== undefined) readFrom(larg, scope, reading);
  const second = scope.sources.length;
  if (rarg !== undefined) readFrom(rarg, scope, reading);
  // ON does not restrict the outer side of an outer join.
  const kept =
    jointype === 'JOIN_LEFT'
      ? scope.sources.slice(first, second)
      : jointype === 'JOIN_RIGHT'
        ? scope.sources.slice(second)
        : [];
  const keptUses = new Set(kept.flatMap(usesOf));
  const found = jointype === 'JOIN_FULL' ? [] : readConditions(quals, scope, reading);
  addAll(found.filter(({use}) => !keptUses.has(use)));
  for (const name of namesOf(usingClause)) {
    const [left, right] = [scope.sources.slice(first, second), scope.sources.slice(second)].map(sources =>
      resolveTerm({ColumnRef: {fields: [{String: {sval: name}}]}}, {...scope, sources}, reading.naming),
    );
    if (left && right) addAll(joinOf(left, right).filter(({use}) => !keptUses.has(use)));
  }
}

function usesOf(source: Source): TableUse[] {
  return source.kind === 'table' ? [source.use] : [...source.outputs.values()].map(({use}) => use);
}

function joinOf(left: Resolved, right: Resolved): Found[] {
  if (left.use === right.use) return [];
  return [
    {use: left.use, condition: {kind: 'join', term: left.term, other: right.use}},
    {use: right.use, condition: {kind: 'join', term: right.term, other: left.use}},
  ];
}

function readWhere(where: Node | undefined, scope: Scope, reading: Reading): void {
  addAll(readConditions(where, scope, reading));
}

function readConditions(node: Node | undefined, scope: Scope, reading: Reading): Found[] {
  return conjunctsOf(node).flatMap(each => {
    if ('SubLink' in each) return readSublink(each.SubLink, scope, reading);
    readSubqueries(each, scope, reading);
    const found = readCondition(each, scope, reading.naming);
    if (found.length === 0) noteUnread(each, scope, reading.naming);
    return found;
  });
}

function addAll(found: readonly Found[]): void {
  for (const {use, condition} of found) use.conditions.push(condition);
}

/** Reads subqueries inside expressions; nested ones are read recursively. */
function readSubqueries(part: unknown, scope: Scope, reading: Reading): void {
  if (typeof part !== 'object' || part === null) return;
  for (const [kind, value] of Object.entries(part)) {
    if (kind === 'SubLink') addAll(readSublink(value as SubLink, scope, reading));
    else readSubqueries(value, scope, reading);
  }
}

/** `x IN (SELECT y ...)` joins x with y; EXISTS joins through the outer references in its WHERE. */
function readSublink(
  {subLinkType, testexpr, operName, subselect}: SubLink,
  scope: Scope,
  reading: Reading,
): Found[] {
  if (subselect === undefined) return [];
  const [output] = readNode(subselect, scope, reading).values();
  const isIn = subLinkType === 'ANY_SUBLINK' && (operName === undefined || namesOf(operName)[0] === '=');
  if (!isIn || testexpr === undefined || output === undefined) return [];
  const tested = resolveTerm(testexpr, scope, reading.naming);
  return tested === null ? [] : joinOf(tested, output);
}

/** Output columns that are table columns. With GROUP BY only the grouped ones; with LIMIT none. */
function outputsOf(select: SelectStmt, scope: Scope, {naming}: Reading): Outputs {
  if (select.limitCount !== undefined || select.limitOffset !== undefined) return nothing;
  const outputs = new Map<string, Resolved>();
  for (const target of select.targetList ?? []) {
    if (!('ResTarget' in target) || target.ResTarget.val === undefined) continue;
    const {name, val} = target.ResTarget;
    if ('ColumnRef' in val && val.ColumnRef.fields?.some(field => 'A_Star' in field)) {
      const [alias] = namesOf(val.ColumnRef.fields).slice(-1);
      const sources = scope.sources.filter(source => alias === undefined || source.alias === alias);
      for (const source of sources) for (const [key, value] of allOf(source, naming)) outputs.set(key, value);
      continue;
    }
    const resolved = resolveTerm(val, scope, naming);
    const [own] = 'ColumnRef' in val ? namesOf(val.ColumnRef.fields).slice(-1) : [];
    const key = name ?? own;
    if (resolved !== null && key !== undefined) outputs.set(key, resolved);
  }
  return select.groupClause === undefined ? outputs : onlyGrouped(outputs, select.groupClause, scope, naming);
}

function onlyGrouped(outputs: Outputs, groups: Node[], scope: Scope, naming: Naming): Outputs {
  const grouped = groups.map(node => resolveTerm(node, scope, naming));
  return new Map(
    [...outputs].filter(([, {use, term}]) =>
      grouped.some(each => each?.use === use && each.term.expression === term.expression),
    ),
  );
}

function allOf(source: Source, {columns}: Naming): Iterable<[string, Resolved]> {
  if (source.kind === 'query') return source.outputs;
  const {use} = source;
  return (columns.get(use.table.oid) ?? []).map(({name}): [string, Resolved] => [
    name,
    {use, term: columnTerm(name)},
  ]);
}

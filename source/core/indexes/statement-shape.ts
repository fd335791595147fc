import type {A_Expr, ColumnRef, FuncCall, Node, RangeVar} from 'libpg-query';
import type {Table} from '../../model/catalog.ts';
import {quoteIdentifier, quoteLiteral} from '../sql/quote.ts';

/** The conditions and orders of a statement that an index could serve. */
export type StatementShape = {
  uses: TableUse[];
  /** Every row that matches is returned or changed: one table, without aggregates, LIMIT or subqueries. */
  returns_matches: boolean;
  /** The table it writes to; `columns` that an UPDATE sets. */
  write: {table: Table; kind: 'insert' | 'update' | 'delete'; columns: string[]} | null;
};

/** One FROM entry of a statement; a self-join has two of the same table. */
export type TableUse = {
  table: Table;
  /** Combined with AND. */
  conditions: Condition[];
  /** The requested order of this table's rows; empty if there is none, or if it spans several tables. */
  order: SortTerm[];
  /**
   * Where a scan in the requested order stops: `result` after the rows that the statement returns (its own LIMIT), a
   * number for min() and max() and for the LIMIT of a subquery, null at the end.
   */
  limit: 'result' | number | null;
  /** Estimated selectivity of conditions that no index could serve; absent without such. */
  unread_share?: number;
};

export type Condition =
  /** `= constant`; `is_list`: IN or = ANY, with the (estimated) number of `values`. */
  | {kind: 'equal'; term: Term; is_list: boolean; values: number; parameter?: number; share?: number}
  /** `= an expression of another table`. */
  | {kind: 'join'; term: Term; other: TableUse}
  /** <, >, BETWEEN, a prefix; `is_bounded` on both sides; `share`: see `learnRanges`. */
  | {kind: 'range'; term: Term; is_bounded: boolean; lower?: Bound; upper?: Bound; share?: number}
  | {kind: 'null'; term: Term; is_null: boolean}
  /** @>, ?, &&, @@ and other operators of a GIN index. */
  | {kind: 'contains'; term: Term; operator: string; type: string}
  /** OR: each arm's conditions on this table. */
  | {kind: 'any'; arms: Condition[][]};

/** The other side of a comparison: `$n`, or the server's clock. */
export type Bound = number | 'now';

/** A possible index key: SQL with every identifier quoted. */
export type Term = {
  expression: string;
  /** Its column, or the column it is computed from. */
  column: string;
  is_column: boolean;
};

export type SortTerm = Term & {direction: 'ASC' | 'DESC'; nulls: 'FIRST' | 'LAST'};

/** A column's planner statistics (pg_stats) and type. */
export type Column = {
  name: string;
  /** pg_type.typname: `jsonb`, `tsvector`, `int4`, `_int4` for an array. */
  type: string;
  is_not_null: boolean;
  /** pg_stats.n_distinct: negative is a fraction of the rows; 0 is unknown. */
  n_distinct: number;
  null_ratio: number;
  /** pg_stats.most_common_freqs[1]: the share of rows with the most common value; 0 if unknown. */
  most_common_share: number;
  /** The share of the histogram that lies before the server's clock; null for other types. */
  before_now: number | null;
  average_width_bytes: number;
  /** pg_stats.correlation, -1 to 1. */
  correlation: number;
};

/** Columns by table oid. */
export type Columns = ReadonlyMap<string, readonly Column[]>;

/** The names in a list of String nodes: a qualified name, an operator. */
export function namesOf(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap(node => ('String' in node ? [node.String.sval ?? ''] : []));
}

/**
 * Normalises an index expression over one column, so that two can be compared; `write`
 * gives a column's text. Null if it may not be immutable or has unknown constants.
 */
export function writeExpression(node: Node, write: (column: ColumnRef) => string | null): string | null {
  if ('ColumnRef' in node) return write(node.ColumnRef);
  if ('FuncCall' in node) return writeFunction(node.FuncCall, write);
  if ('A_Expr' in node) return writeJsonPath(node.A_Expr, write);
  // What pg_get_indexdef adds: `'key'::text`, `(email)::text`.
  if ('TypeCast' in node && node.TypeCast.arg !== undefined) {
    const [type] = namesOf(node.TypeCast.typeName?.names).slice(-1);
    return type === 'text' || type === 'regconfig' ? writeExpression(node.TypeCast.arg, write) : null;
  }
  if ('A_Const' in node && node.A_Const.sval !== undefined) return quoteLiteral(node.A_Const.sval.sval ?? '');
  return null;
}

/** Immutable functions that are common in index expressions. */
const functions = new Map([
  ['lower', 1],
  ['upper', 1],
  ['md5', 1],
  // With a named configuration; without one it depends on a setting.
  ['to_tsvector', 2],
]);

function writeFunction(
  {funcname, args = []}: FuncCall,
  write: (column: ColumnRef) => string | null,
): string | null {
  const [name = ''] = namesOf(funcname).slice(-1);
  if (functions.get(name) !== args.length) return null;
  const written = args.map(argument => writeExpression(argument, write));
  return written.includes(null) ? null : `${name}(${written.join(', ')})`;
}

function writeJsonPath(
  {name, lexpr, rexpr}: A_Expr,
  write: (column: ColumnRef) => string | null,
): string | null {
  const [operator = ''] = namesOf(name);
  if (lexpr === undefined || rexpr === undefined || !['->', '->>'].includes(operator)) return null;
  const [left, right] = [writeExpression(lexpr, write), writeExpression(rexpr, write)];
  return left === null || right === null ? null : `(${left} ${operator} ${right})`;
}

/** A column of an index's table, without its qualifier. */
export function writeOwnColumn({fields}: ColumnRef): string | null {
  const [name] = namesOf(fields).slice(-1);
  return name === undefined ? null : quoteIdentifier(name);
}

/** A FROM entry: a table, or a query whose output columns may be table columns. */
export type Source = {alias: string; schema: string | null} & (
  | {kind: 'table'; use: TableUse}
  | {kind: 'query'; outputs: ReadonlyMap<string, Resolved>}
);

/** A term of one table of the statement. */
export type Resolved = {use: TableUse; term: Term};

/** The names visible at one query level, and the outer levels. */
export type Scope = {
  sources: Source[];
  /** WITH queries by name. */
  queries: Map<string, ReadonlyMap<string, Resolved>>;
  outer: Scope | null;
};

export type Naming = {tables: readonly Table[]; columns: Columns; search_path: readonly string[]};

/** The table of a name; null for views, functions and unknown names. */
export function findTable({schemaname, relname}: RangeVar, {tables, search_path}: Naming): Table | null {
  const named = tables.filter(({name}) => name === relname);
  if (schemaname !== undefined) return named.find(({schema}) => schema === schemaname) ?? null;
  for (const each of search_path) {
    const found = named.find(({schema}) => schema === each);
    if (found !== undefined) return found;
  }
  // The application's search_path is unknown: a name that exists once is unambiguous.
  return named.length === 1 ? (named[0] ?? null) : null;
}

/** Looks up a WITH query, innermost level first. */
export function findQuery(name: string, scope: Scope | null): ReadonlyMap<string, Resolved> | null {
  if (scope === null) return null;
  return scope.queries.get(name) ?? findQuery(name, scope.outer);
}

/** The column, or indexable expression over one column, that a node is; null for anything else. */
export function resolveTerm(node: Node, scope: Scope, naming: Naming): Resolved | null {
  if ('ColumnRef' in node) return resolveColumn(node.ColumnRef, scope, naming);
  const found: Resolved[] = [];
  const expression = writeExpression(node, column => {
    const resolved = resolveColumn(column, scope, naming);
    if (resolved === null || !resolved.term.is_column) return null;
    found.push(resolved);
    return resolved.term.expression;
  });
  const [first] = found;
  if (expression === null || first === undefined || found.length > 1) return null;
  return {use: first.use, term: {expression, column: first.term.column, is_column: false}};
}

/** Looks up a column level by level, outwards. */
export function resolveColumn({fields}: ColumnRef, scope: Scope, naming: Naming): Resolved | null {
  const path = namesOf(fields);
  const [column = ''] = path.slice(-1);
  const [alias, schema] = path.slice(0, -1).reverse();
  for (let level: Scope | null = scope; level !== null; level = level.outer) {
    for (const source of level.sources) {
      if (alias !== undefined && source.alias !== alias) continue;
      if (schema !== undefined && source.schema !== null && source.schema !== schema) continue;
      const resolved = columnOf(source, column, naming);
      if (resolved !== null) return resolved;
    }
  }
  return null;
}

function columnOf(source: Source, name: string, naming: Naming): Resolved | null {
  if (source.kind === 'query') return source.outputs.get(name) ?? null;
  const known = naming.columns.get(source.use.table.oid) ?? [];
  if (!known.some(column => column.name === name)) return null;
  return {use: source.use, term: columnTerm(name)};
}

export function columnTerm(name: string): Term {
  return {expression: quoteIdentifier(name), column: name, is_column: true};
}

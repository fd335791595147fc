import type {Table} from '../../model/catalog.ts';

/** The conditions and orders of a statement that an index could serve. */
export type StatementShape = {uses: TableUse[]};

/** One FROM entry of a statement; a self-join has two of the same table. */
export type TableUse = {
  table: Table;
  /** Combined with AND. */
  conditions: Condition[];
  /** The requested order of this table's rows; empty if there is none, or if it spans several tables. */
  order: SortTerm[];
  /** The statement has a LIMIT. */
  is_limited: boolean;
  /** Estimated selectivity of conditions that no index could serve; absent without such. */
  unread_share?: number;
};

export type Condition =
  /** `= constant`; `is_list`: IN or = ANY, with the (estimated) number of `values`. */
  | {kind: 'equal'; term: Term; is_list: boolean; values: number}
  /** `= an expression of another table`. */
  | {kind: 'join'; term: Term; other: TableUse}
  /** <, >, BETWEEN, a prefix; `is_bounded` on both sides. */
  | {kind: 'range'; term: Term; is_bounded: boolean}
  | {kind: 'null'; term: Term; is_null: boolean}
  /** @>, ?, &&, @@ and other operators of a GIN index. */
  | {kind: 'contains'; term: Term; operator: string; type: string}
  /** OR: each arm's conditions on this table. */
  | {kind: 'any'; arms: Condition[][]};

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
  average_width_bytes: number;
  /** pg_stats.correlation, -1 to 1. */
  correlation: number;
};

/** Columns by table oid. */
export type Columns = ReadonlyMap<string, readonly Column[]>;

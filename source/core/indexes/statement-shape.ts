import type {Table} from '../../model/catalog.ts';

/** What a statement asks of its tables, as far as an index could answer it. */
export type StatementShape = {uses: TableUse[]};

/** A table as one FROM entry of a statement; a table joined with itself is used twice. */
export type TableUse = {
  table: Table;
  /** All must hold. */
  conditions: Condition[];
  /** The order the statement wants of this table's rows; empty where it wants none, or of several tables. */
  order: SortTerm[];
  /** It stops after the first rows of that order. */
  is_limited: boolean;
  /** The share of rows that conditions we cannot read leave; absent where there is none. */
  unread_share?: number;
};

export type Condition =
  /** `= constant`; `is_list` is IN or = ANY, whose rows come in no order, and `values` how many it holds or may hold. */
  | {kind: 'equal'; term: Term; is_list: boolean; values: number}
  /** `= an expression of another table`. */
  | {kind: 'join'; term: Term; other: TableUse}
  /** <, >, BETWEEN, a prefix; `is_bounded` on both sides. */
  | {kind: 'range'; term: Term; is_bounded: boolean}
  | {kind: 'null'; term: Term; is_null: boolean}
  /** @>, ?, &&, @@ and their kin, which a GIN index answers. */
  | {kind: 'contains'; term: Term; operator: string; type: string}
  /** OR: each arm's conditions on this table. */
  | {kind: 'any'; arms: Condition[][]};

/** What an index can have as a key: SQL, with every identifier quoted. */
export type Term = {
  expression: string;
  /** The column it is, or is computed from. */
  column: string;
  is_column: boolean;
};

export type SortTerm = Term & {direction: 'ASC' | 'DESC'; nulls: 'FIRST' | 'LAST'};

/** What the planner knows of a column (pg_stats), and its type. */
export type Column = {
  name: string;
  /** pg_type.typname: `jsonb`, `tsvector`, `int4`, `_int4` for an array. */
  type: string;
  is_not_null: boolean;
  /** As pg_stats has it: negative is a fraction of the rows; 0 is unknown. */
  n_distinct: number;
  null_ratio: number;
  average_width_bytes: number;
  /** Of the order on disk with the column's own, -1 to 1. */
  correlation: number;
};

/** Columns by table oid. */
export type Columns = ReadonlyMap<string, readonly Column[]>;

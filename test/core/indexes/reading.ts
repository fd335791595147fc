import type {WorkloadStatement} from '../../../source/core/indexes/candidates.ts';
import {readStatement} from '../../../source/core/indexes/read-statement.ts';
import type {
  Column,
  Columns,
  Condition,
  StatementShape,
  TableUse,
} from '../../../source/core/indexes/statement-shape.ts';
import type {Table} from '../../../source/model/catalog.ts';
import {loadSqlParser} from '../../../source/postgres/reach/parse-sql.ts';

export const parser = await loadSqlParser();

/** A table with `rows` rows of 100 bytes, not written to since they were inserted. */
export function table(name: string, rows: number, overrides: Partial<Table> = {}): Table {
  return {
    oid: `oid of ${name}`,
    schema: 'public',
    name,
    kind: 'table',
    is_partition: false,
    estimated_rows: rows,
    size_bytes: rows * 100,
    seq_scans: 0,
    seq_rows_read: 0,
    index_scans: 0,
    rows_inserted: rows,
    rows_updated: 0,
    rows_hot_updated: 0,
    rows_deleted: 0,
    live_rows: rows,
    dead_rows: 0,
    rows_changed_since_analyze: 0,
    analyze_age_ms: 0,
    vacuum_age_ms: null,
    ...overrides,
  };
}

function column(name: string, n_distinct: number, overrides: Partial<Column> = {}): Column {
  const rest = {type: 'int4', is_not_null: true, null_ratio: 0, average_width_bytes: 4, correlation: 0};
  const unknown = {most_common_share: 0, before_now: null};
  return {name, n_distinct, ...rest, ...unknown, ...overrides};
}

/** Three tables of a shop. */
export const tables = [table('customer', 10_000), table('orders', 100_000), table('item', 500_000)];

export const columns: Columns = new Map([
  ['oid of customer', [column('id', -1), column('email', -1, {type: 'text'}), column('country', 50)]],
  [
    'oid of orders',
    [
      column('id', -1),
      column('customer_id', 10_000),
      column('status', 4, {type: 'text'}),
      column('created_at', -1, {type: 'timestamptz', average_width_bytes: 8}),
      column('deleted_at', 1000, {type: 'timestamptz', is_not_null: false, null_ratio: 0.95}),
      column('paid', 2, {type: 'bool', average_width_bytes: 1}),
      column('data', -1, {type: 'jsonb', average_width_bytes: 60}),
      column('tags', -0.5, {type: '_text', average_width_bytes: 20}),
      column('body', -1, {type: 'text'}),
    ],
  ],
  ['oid of item', [column('order_id', 100_000), column('product_id', 5000), column('quantity', 10)]],
]);

export function shapeOf(sql: string): StatementShape {
  const [statement] = parser.parse(sql).stmts ?? [];
  if (statement === undefined) throw new Error('no statement');
  return readStatement(statement, {tables, columns, search_path: ['public']});
}

/** What was read, in few words: `orders: status =, created_at range; order created_at DESC limited`. */
export function inWords(sql: string): string[] {
  return shapeOf(sql).uses.map(use => {
    const order = use.order.map(({expression, direction}) => `${plain(expression)} ${direction}`).join(', ');
    const wanted = use.order.length === 0 ? '' : `; order ${order}${use.limit === null ? '' : ' limited'}`;
    return `${use.table.name}: ${use.conditions.map(words).join(', ')}${wanted}`;
  });
}

function words(condition: Condition): string {
  if (condition.kind === 'any')
    return `any(${condition.arms.map(arm => arm.map(words).join(' and ')).join(' | ')})`;
  const name = plain(condition.term.expression);
  switch (condition.kind) {
    case 'equal':
      return condition.is_list ? `${name} in` : `${name} =`;
    case 'join':
      return `${name} = ${nameOf(condition.other)}`;
    case 'range':
      return condition.is_bounded ? `${name} between` : `${name} range`;
    case 'null':
      return condition.is_null ? `${name} null` : `${name} not null`;
    case 'contains':
      return `${name} ${condition.operator}`;
  }
}

function nameOf({table: {name}}: TableUse): string {
  return name;
}

function plain(expression: string): string {
  return expression.replaceAll('"', '');
}

/** A statement of the workload, called 100 times. */
export function workStatement(
  queryid: string,
  query: string,
  total_exec_time_ms: number,
  {all = tables, rows = null}: {all?: Table[]; rows?: number | null} = {},
): WorkloadStatement {
  const shape = withTables(shapeOf(query), all);
  return {queryid, query, calls: 100, rows, total_exec_time_ms, source: 'statements', shape};
}

function withTables<Shape extends {uses: {table: Table}[]}>(shape: Shape, all: Table[]): Shape {
  for (const use of shape.uses) use.table = all.find(({oid}) => oid === use.table.oid) ?? use.table;
  return shape;
}

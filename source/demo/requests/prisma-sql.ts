import type {Random} from '../../core/random.ts';

export type Query = {text: string; values: unknown[]};

/** Column to value, or to [operator, value]. The value of IN is a list. */
export type Where = Record<string, unknown>;

/** `prisma.model.count()` as Prisma 5 to 7 send it. */
export function count(table: string, where: Where = {}): Query {
  const {clause, values} = conditions(table, where);
  const inner = `SELECT ${column(table, 'id')} FROM ${relation(table)} WHERE ${clause} OFFSET $${values.length + 1}`;
  return {text: `SELECT COUNT(*) AS "_count$_all" FROM (${inner}) AS "sub"`, values: [...values, 0]};
}

/** `prisma.model.findMany()`. Without `take` it has no limit. */
export function findMany(
  table: string,
  columns: readonly string[],
  where: Where = {},
  {orderBy, take}: {orderBy?: string; take?: number} = {},
): Query {
  const {clause, values} = conditions(table, where);
  const order = orderBy === undefined ? '' : ` ORDER BY ${column(table, orderBy)} DESC`;
  const limit = take === undefined ? '' : ` LIMIT $${values.length + 1}`;
  const paging = `${limit} OFFSET $${values.length + (take === undefined ? 1 : 2)}`;
  return {
    text: `SELECT ${list(table, columns)} FROM ${relation(table)} WHERE ${clause}${order}${paging}`,
    values: [...values, ...(take === undefined ? [0] : [take, 0])],
  };
}

/** `prisma.model.findUnique()`. */
export function findUnique(table: string, columns: readonly string[], id: unknown): Query {
  const key = column(table, 'id');
  return {
    text: `SELECT ${list(table, columns)} FROM ${relation(table)} WHERE (${key} = $1 AND 1=1) LIMIT $2 OFFSET $3`,
    values: [id, 1, 0],
  };
}

/** `prisma.model.groupBy()` with a count. */
export function groupBy(table: string, columns: readonly string[], where: Where = {}): Query {
  const {clause, values} = conditions(table, where);
  const by = list(table, columns);
  const counted = `COUNT(${column(table, 'id')}) AS "_count$id"`;
  return {
    text: `SELECT ${counted}, ${by} FROM ${relation(table)} WHERE ${clause} GROUP BY ${by} OFFSET $${values.length + 1}`,
    values: [...values, 0],
  };
}

/** `prisma.model.update()` of one row. */
export function update(table: string, id: unknown, change: Record<string, unknown>): Query {
  const names = Object.keys(change);
  const sets = names.map((name, index) => `"${name}" = $${index + 1}`).join(', ');
  const key = column(table, 'id');
  return {
    text: `UPDATE ${relation(table)} SET ${sets} WHERE (${key} = $${names.length + 1} AND 1=1)`,
    values: [...Object.values(change), id],
  };
}

/** `prisma.model.create()`. */
export function create(table: string, row: Record<string, unknown>): Query {
  const names = Object.keys(row);
  const columns = names.map(name => `"${name}"`).join(',');
  const places = names.map((_, index) => `$${index + 1}`).join(',');
  return {
    text: `INSERT INTO ${relation(table)} (${columns}) VALUES (${places}) RETURNING ${column(table, 'id')}`,
    values: Object.values(row),
  };
}

/** Appends a sqlcommenter tag, like Prisma's plug-in: keys sorted, values URL-encoded. */
export function tagged(query: Query, tags: Record<string, string>): Query {
  const pairs = Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1));
  const comment = pairs.map(([key, value]) => `${key}='${encodeURIComponent(value)}'`).join(',');
  return {...query, text: `${query.text} /*${comment}*/`};
}

function conditions(table: string, where: Where): {clause: string; values: unknown[]} {
  const values: unknown[] = [];
  const place = (value: unknown) => `$${values.push(value)}`;
  const terms = Object.entries(where).map(([name, condition]) => {
    if (!Array.isArray(condition)) return `${column(table, name)} = ${place(condition)}`;
    const [operator, value] = condition;
    if (operator !== 'IN') return `${column(table, name)} ${operator} ${place(value)}`;
    return `${column(table, name)} IN (${value.map(place).join(',')})`;
  });
  if (terms.length === 0) return {clause: '1=1', values};
  return {clause: terms.length === 1 ? String(terms[0]) : `(${terms.join(' AND ')})`, values};
}

function list(table: string, columns: readonly string[]): string {
  return columns.map(name => column(table, name)).join(', ');
}

function column(table: string, name: string): string {
  return `${relation(table)}."${name}"`;
}

function relation(table: string): string {
  return `"public"."${table}"`;
}

type Row = Record<string, unknown>;

/** Sends a statement on any connection of the instance's pool. */
export type Send = (query: Query) => Promise<Row[]>;

/** What one call of an endpoint sends. `weight` is its frequency relative to the others. */
export type Request = {route: string; weight: number; run(send: Send, random: Random): Promise<void>};

/** Chooses a request at random, by weight. */
export function chooseRequest(requests: readonly Request[], random: Random): Request {
  const tickets = requests.flatMap(request => Array<Request>(request.weight).fill(request));
  return random.oneOf(tickets);
}

import {parseTags} from '../core/sql/shown-sql.ts';
import {routeFinder} from '../core/text/route.ts';
import type {ScanEndpoint} from '../model/scan-report.ts';
import {nameOfKey, propertyOf, unwrap} from './code/nodes.ts';
import type {Query} from './evaluate/cost.ts';
import type {PrismaModels} from './prisma-models.ts';

/** One statement of pg_stat_statements. */
export type LiveStatement = {query: string | null; calls: number; total_exec_time_ms: number};

type Shape = {table: string; verb: string; columns: string[]};
type Live = NonNullable<ScanEndpoint['live']>;

const verbs: Record<string, string> = {
  create: 'insert',
  createMany: 'insert',
  createManyAndReturn: 'insert',
  upsert: 'insert',
  update: 'update',
  updateMany: 'update',
  updateManyAndReturn: 'update',
  delete: 'delete',
  deleteMany: 'delete',
  count: 'count',
};

/**
 * What the statements of each endpoint's queries cost on a server, by their tags (the route of the sender that
 * pg_stat_statements keeps) and by their shape: table, kind, and the columns that are compared. pg_stat_statements does not know who sent a statement (its comment is the first sender's), so one that several
 * endpoints can send counts for each of them, and `shared_with` says so.
 */
export function liveCosts(
  endpoints: readonly {route: string; queries: readonly Query[]}[],
  statements: readonly LiveStatement[],
  models: PrismaModels | null,
): (Live | null)[] {
  const shapes = statements.map(({query}) => (query === null ? null : shapeOfStatement(query)));
  const find = routeFinder(endpoints.map(({route}) => route));
  const senders = statements.map(({query}) => senderOf(query, find));
  const matched = endpoints.map(({route, queries}) => {
    const own = queries.flatMap(each => shapeOfQuery(each, models) ?? []);
    return new Set(
      statements.flatMap((_, at) =>
        senders[at] === route || own.some(each => matches(each, shapes[at] ?? null)) ? [at] : [],
      ),
    );
  });
  return matched.map((own, endpoint) => {
    if (own.size === 0) return null;
    const sum = {calls: 0, total_exec_time_ms: 0};
    for (const at of own) {
      sum.calls += statements[at]?.calls ?? 0;
      sum.total_exec_time_ms += statements[at]?.total_exec_time_ms ?? 0;
    }
    const others = matched.filter((each, at) => at !== endpoint && [...own].some(one => each.has(one)));
    return {statements: own.size, ...sum, shared_with: others.length};
  });
}

/** The route that a statement's tags name (`/*route='%2Fusers'*\/`), raw SQL and all; null without one that is known. */
function senderOf(query: string | null, find: (route: string) => string | null): string | null {
  if (!query?.includes("route='")) return null;
  const {route, method} = parseTags(query);
  if (route === undefined) return null;
  return find(method === undefined ? route : `${method} ${route}`);
}

/** `columns` null: what the code compares is put together elsewhere, so any columns match. */
function shapeOfQuery(
  {model, operation, argument}: Query,
  models: PrismaModels | null,
): (Omit<Shape, 'columns'> & {columns: string[] | null}) | null {
  if (model === null) return null;
  const shape = models?.get(model);
  const table = shape?.table ?? model.charAt(0).toUpperCase() + model.slice(1);
  const verb = verbs[operation] ?? 'select';
  const options = argument && unwrap(argument);
  const where = options?.type === 'ObjectExpression' ? propertyOf(options, 'where') : null;
  if (verb === 'insert') return {table, verb, columns: null};
  if (
    options === null ||
    (options.type === 'ObjectExpression' &&
      where === null &&
      options.properties.every(({type}) => type === 'Property'))
  )
    return {table, verb, columns: []};
  if (where?.type !== 'ObjectExpression') return {table, verb, columns: null};
  const columns: string[] = [];
  for (const each of where.properties) {
    const name = each.type === 'Property' ? nameOfKey(each.key, each.computed) : null;
    const field = name === null ? undefined : shape?.fields.get(name);
    // A relation, AND, OR or a spread: its columns are not these.
    if (name === null || field === undefined || field.isRelation) return {table, verb, columns: null};
    columns.push(field.column ?? name);
  }
  return {table, verb, columns};
}

function matches(query: NonNullable<ReturnType<typeof shapeOfQuery>>, statement: Shape | null): boolean {
  if (statement === null || statement.table !== query.table || statement.verb !== query.verb) return false;
  if (query.columns === null) return true;
  const own = new Set(query.columns);
  return own.size === new Set(statement.columns).size && statement.columns.every(each => own.has(each));
}

/** Prisma's SQL quotes every name and qualifies every column: `"public"."User"."email" = $1`. Null for other statements. */
export function shapeOfStatement(sql: string): Shape | null {
  const [, word = ''] = /^\s*(SELECT|INSERT|UPDATE|DELETE)\b/i.exec(sql) ?? [];
  const start = {
    SELECT: /\bFROM\s+(?:\(\s*SELECT[\s\S]*?\bFROM\s+)?/i,
    INSERT: /\bINTO\s+/i,
    UPDATE: /\bUPDATE\s+/i,
    DELETE: /\bFROM\s+/i,
  }[word.toUpperCase()];
  const found = start?.exec(sql);
  if (!found) return null;
  const [, table] = /^(?:"[^"]*"\.)?"([^"]*)"/.exec(sql.slice(found.index + found[0].length)) ?? [];
  if (table === undefined) return null;
  const verb = /^\s*SELECT\s+COUNT\(/i.test(sql) ? 'count' : word.toLowerCase();
  const [, where = ''] =
    /\bWHERE\b([\s\S]*?)(?:\b(?:ORDER\s+BY|GROUP\s+BY|LIMIT|OFFSET|RETURNING)\b|$)/i.exec(sql) ?? [];
  const columns = [...where.matchAll(/"([^"]+)"\s*(?:=|<>|[<>]=?|(?:NOT\s+)?(?:I?LIKE|IN)\b|IS\b)/gi)].map(
    ([, name = '']) => name,
  );
  return {table, verb, columns: verb === 'insert' ? [] : columns};
}

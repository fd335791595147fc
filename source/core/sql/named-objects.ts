import type {Node} from 'libpg-query';

type NameKind = 'relation' | 'function' | 'attribute' | 'operator' | 'type' | 'opclass';

/** A name in a statement; `schema` is '' if the search path determines it. */
export type NamedObject = {kind: NameKind; schema: string; name: string};

/**
 * Every object that a parsed statement names or implies, including other meanings of a name: `f(x)` may be a cast to type
 * f, and `t.f` (`attribute`) a function f of the row.
 */
export function namedObjects(statement: Node): NamedObject[] {
  const found = new Map<string, NamedObject>();
  const add = (kind: NameKind, names: readonly string[]) => {
    const name = names.at(-1);
    if (name === undefined) return;
    const object = {kind, schema: names.at(-2) ?? '', name};
    found.set(JSON.stringify(object), object);
  };
  for (const operator of impliedOperators) add('operator', [operator]);
  for (const node of descendants(statement)) {
    for (const [kind, names] of namesOf(node)) add(kind, names);
    for (const key of Object.keys(node)) for (const name of formerCalls[key] ?? []) add('function', [name]);
  }
  return [...found.values()];
}

/** Operators that IN, BETWEEN, CASE x WHEN, NULLIF, USING and row comparisons look up by name. */
const impliedOperators = ['=', '<>', '<', '<=', '>', '>='];

/**
 * Syntax of PostgreSQL 16 and 17 that an older server reads as a call of whichever function has this name: `json_scalar(x)`
 * is a JsonScalarExpr to the parser and `public.json_scalar(x)` to PostgreSQL 15.
 */
const formerCalls: Record<string, readonly string[]> = {
  JsonParseExpr: ['json'],
  JsonScalarExpr: ['json_scalar'],
  JsonSerializeExpr: ['json_serialize'],
  JsonFuncExpr: ['json_exists', 'json_query', 'json_value'],
  JsonObjectConstructor: ['json_object'],
  JsonArrayConstructor: ['json_array'],
  JsonArrayAgg: ['json_arrayagg'],
  MergeSupportFunc: ['merge_action'],
};

/** A node of the parse tree; some are bare (`typeName`, `relation`), others wrapped in their kind. */
type Part = Record<string, unknown>;

function namesOf(node: Part): [NameKind, string[]][] {
  if (typeof node.relname === 'string') {
    const schema = typeof node.schemaname === 'string' ? [node.schemaname] : [];
    return [['relation', [...schema, node.relname]]];
  }
  if ('funcname' in node) return both(calledName(strings(node.funcname)));
  // TABLESAMPLE's.
  if ('method' in node) return [['function', strings(node.method)]];
  if ('names' in node) return [['type', strings(node.names)]];
  if ('useOp' in node) return [['operator', strings(node.useOp)]];
  if ('operName' in node) return [['operator', strings(node.operName)]];
  if ('opclass' in node) return [['opclass', strings(node.opclass)]];
  if ('kind' in node && Array.isArray(node.name)) return [['operator', strings(node.name)]];
  if ('fields' in node) return strings(node.fields).slice(1).map(attribute);
  if ('indirection' in node) return strings(node.indirection).map(attribute);
  return [];
}

/** Since PostgreSQL 16 the grammar turns json_object into pg_catalog.json_object; before, the search path decides. */
function calledName(names: string[]): string[] {
  return names.join('.') === 'pg_catalog.json_object' ? ['json_object'] : names;
}

function both(names: string[]): [NameKind, string[]][] {
  return [
    ['function', names],
    ['type', names],
  ];
}

function attribute(name: string): [NameKind, string[]] {
  return ['attribute', [name]];
}

function strings(nodes: unknown): string[] {
  if (!Array.isArray(nodes)) return [];
  return (nodes as Node[]).flatMap(node => ('String' in node ? [node.String.sval ?? ''] : []));
}

/** The value and all objects inside it, depth first. */
export function* descendants(value: unknown): Iterable<Part> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Part;
  for (const each of Object.values(value)) yield* descendants(each);
}

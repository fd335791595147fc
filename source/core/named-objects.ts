import type {Node} from 'libpg-query';

type NameKind = 'relation' | 'function' | 'attribute' | 'operator' | 'type' | 'opclass';

/** A name as a statement has it; `schema` is '' where the search path decides. */
export type NamedObject = {kind: NameKind; schema: string; name: string};

/**
 * Every object that a parsed statement names, and those that its syntax implies. What a name could also mean is in
 * it: `f(x)` may be a cast to type f, and `t.f` (`attribute`) a function f of the row.
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
  }
  return [...found.values()];
}

/** IN, BETWEEN, CASE x WHEN, NULLIF, USING and row comparisons look these up by name. */
const impliedOperators = ['=', '<>', '<', '<=', '>', '>='];

/** An object of the parse tree; some are bare (`typeName`, `relation`), others wrapped in their kind. */
type Part = Record<string, unknown>;

function namesOf(node: Part): [NameKind, string[]][] {
  if (typeof node.relname === 'string') {
    const schema = typeof node.schemaname === 'string' ? [node.schemaname] : [];
    return [['relation', [...schema, node.relname]]];
  }
  if ('funcname' in node) return both(strings(node.funcname));
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

/** The object and all objects in it. */
export function* descendants(value: unknown): Iterable<Part> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Part;
  for (const each of Object.values(value)) yield* descendants(each);
}

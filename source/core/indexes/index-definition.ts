/** A key column of an index definition. */
export type PlainKey = {
  name: string;
  /** null is the type's own. */
  opclass: string | null;
  /** `DESC NULLS LAST`; '' is ascending. */
  order: string;
};

/** A CREATE INDEX statement with CONCURRENTLY. */
export function concurrently(definition: string): string {
  return withHead(definition, unique => `CREATE ${unique}INDEX CONCURRENTLY `);
}

/** A CREATE INDEX statement with IF NOT EXISTS, for a migration. */
export function ifNotExists(definition: string): string {
  return withHead(definition, unique => `CREATE ${unique}INDEX IF NOT EXISTS `);
}

export function isUnique(definition: string): boolean {
  return /^\s*CREATE\s+UNIQUE\s/i.test(definition);
}

/**
 * An index definition without its name: method, columns with their order, INCLUDE, WHERE, without quotes. It compares
 * the server's text with ours if every key is a plain column. null if it is not an index definition.
 */
export function shapeOf(definition: string): string | null {
  const tail = tailOf(definition);
  const keys = plainKeysOf(definition);
  if (tail === null || keys === null) return tail?.replaceAll('"', '') ?? null;
  const list = keys.map(({name, opclass, order}) => [name, opclass ?? '', order].filter(Boolean).join(' '));
  return `${methodOf(tail)} (${list.join(', ')})`.replaceAll('"', '');
}

/** The key columns; null if one is an expression, or if the definition has INCLUDE or WHERE. */
export function plainKeysOf(definition: string): PlainKey[] | null {
  const list = /^\w+ ?\((.*)\)$/s.exec(tailOf(definition) ?? '')?.[1];
  if (list === undefined) return null;
  const keys = list.match(/(?:"(?:[^"]|"")*"|[^",])+/g)?.map(plainKey) ?? [];
  return keys.every(key => key !== null) ? keys : null;
}

/** The part after the table, with its method: `btree ("a", "b" DESC) WHERE ...`; null if there is none. */
export function tailOf(definition: string): string | null {
  const [, tail] = definitionPattern.exec(definition) ?? [];
  if (tail === undefined || tail === '') return null;
  return /^using\s/i.test(tail)
    ? tail.replace(/^using\s+(\w+)/i, (_, method) => method.toLowerCase())
    : `btree ${tail}`;
}

const anyName = '(?:"(?:[^"]|"")+"|[^\\s".(]+)';
const definitionPattern = new RegExp(
  `^\\s*CREATE\\s+(?:UNIQUE\\s+)?INDEX\\s+(?:CONCURRENTLY\\s+)?(?:IF\\s+NOT\\s+EXISTS\\s+)?(?:${anyName}\\s+)?ON\\s+(?:ONLY\\s+)?${anyName}(?:\\.${anyName})?\\s*(.*)$`,
  'is',
);

function methodOf(tail: string): string {
  return /^\w+/.exec(tail)?.[0] ?? '';
}

function plainKey(text: string): PlainKey | null {
  const [, quoted, bare, opclass, order = ''] =
    /^(?:"((?:[^"]|"")+)"|([a-z_]\w*))(?:\s+(?!asc\b|desc\b|nulls\b)([\w."]+))?(?:\s+((?:asc|desc|nulls)\b[a-z\s]*))?$/i.exec(
      text.trim(),
    ) ?? [];
  const name = quoted?.replaceAll('""', '"') ?? bare?.toLowerCase();
  return name === undefined ? null : {name, opclass: opclass ?? null, order: orderOf(order)};
}

/** As pg_get_indexdef writes it, without defaults. */
function orderOf(order: string): string {
  const words = order.toUpperCase().replace(/\s+/g, ' ');
  if (words.startsWith('DESC')) return words === 'DESC NULLS LAST' ? words : 'DESC';
  return words.endsWith('NULLS FIRST') ? 'NULLS FIRST' : '';
}

function withHead(definition: string, head: (unique: string) => string): string {
  return definition.replace(
    /^\s*CREATE\s+(UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?/i,
    (_, unique) => head(unique ? 'UNIQUE ' : ''),
  );
}

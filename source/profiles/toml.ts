import {type AST, getStaticTOMLValue, ParseError, parseTOML} from 'toml-eslint-parser';

/** A table of a TOML file, each entry with the line that it stands in. */
export type Table = Map<string, {line: number; value: unknown}>;

/** What is wrong, and in which line. */
export class TomlError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** The root table. Throws TomlError, whose message quotes nothing of the text: there may be a password in it. */
export function readToml(text: string): Table {
  const root: Table = new Map();
  for (const node of parse(text).body[0].body) {
    if (node.type === 'TOMLKeyValue') add(root, node);
    else {
      const line = node.loc.start.line;
      if (node.kind === 'array')
        throw new TomlError(line, 'a list of tables ([[...]]) is nothing poolctl has');
      const table = descend(root, namesOf(node.key), line);
      for (const entry of node.body) add(table, entry);
    }
  }
  return root;
}

export function isTable(value: unknown): value is Table {
  return value instanceof Map;
}

function parse(text: string): AST.TOMLProgram {
  try {
    return parseTOML(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new TomlError(error.lineNumber, `it is not TOML from column ${error.column + 1} on`);
  }
}

function add(table: Table, {key, value}: AST.TOMLKeyValue): void {
  const names = namesOf(key);
  const line = key.loc.start.line;
  const parent = descend(table, names.slice(0, -1), line);
  parent.set(names.at(-1) ?? '', {line, value: contentOf(value)});
}

function contentOf(node: AST.TOMLContentNode): unknown {
  if (node.type !== 'TOMLInlineTable') return getStaticTOMLValue(node);
  const table: Table = new Map();
  for (const entry of node.body) add(table, entry);
  return table;
}

/** The table of that name, made where it is not there yet. */
function descend(table: Table, names: readonly string[], line: number): Table {
  let current = table;
  for (const name of names) {
    const known = current.get(name)?.value;
    const next: Table = isTable(known) ? known : new Map();
    if (next !== known) current.set(name, {line, value: next});
    current = next;
  }
  return current;
}

function namesOf({keys}: AST.TOMLKey): string[] {
  return keys.map(key => (key.type === 'TOMLBare' ? key.name : key.value));
}

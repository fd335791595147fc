import {type AST, getStaticTOMLValue, ParseError, parseTOML} from 'toml-eslint-parser';
import {type Entry, isTable, type Report, type Table} from './fields.ts';

/**
 * The root table of a TOML text; empty if it is not valid TOML. Messages never quote the text, which may contain a
 * password.
 */
export function readToml(text: string, report: Report): Table {
  const root: Table = new Map();
  for (const node of parse(text, report)?.body[0].body ?? []) {
    const line = node.loc.start.line;
    if (node.type === 'TOMLKeyValue') add(root, node);
    else if (node.kind === 'array') report(line, 'lists of tables ([[...]]) are not supported');
    else {
      const table = descend(root, namesOf(node.key), line);
      for (const entry of node.body) add(table, entry);
    }
  }
  return root;
}

function parse(text: string, report: Report): AST.TOMLProgram | null {
  try {
    return parseTOML(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    // The parser's message quotes only the code point of a character, which is removed.
    const message = error.message.replace(/(code point) \S+/, '$1');
    const detail = message.slice(0, 1).toLowerCase() + message.slice(1);
    report(error.lineNumber, `invalid TOML at column ${error.column + 1}: ${detail}`);
    return null;
  }
}

function add(table: Table, {key, value}: AST.TOMLKeyValue): void {
  const names = namesOf(key);
  const line = key.loc.start.line;
  const parent = descend(table, names.slice(0, -1), line);
  parent.set(names.at(-1) ?? '', {line, value: contentOf(value)});
}

function contentOf(node: AST.TOMLContentNode): unknown {
  if (node.type === 'TOMLArray') {
    return node.elements.map((each): Entry => ({line: each.loc.start.line, value: contentOf(each)}));
  }
  if (node.type !== 'TOMLInlineTable') return getStaticTOMLValue(node);
  const table: Table = new Map();
  for (const entry of node.body) add(table, entry);
  return table;
}

/** The table nested under `names`; created if missing. */
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

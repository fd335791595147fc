import {type AST, getStaticTOMLValue, ParseError, parseTOML} from 'toml-eslint-parser';

/** A table of a TOML file, each entry with the line that it stands in. */
export type Table = Map<string, {line: number; value: unknown}>;

/** Takes what is wrong, and in which line. */
export type Report = (line: number, message: string) => void;

/** The root table, empty where it is no TOML. What is reported quotes nothing of the text: a password may be in it. */
export function readToml(text: string, report: Report): Table {
  const root: Table = new Map();
  for (const node of parse(text, report)?.body[0].body ?? []) {
    if (node.type === 'TOMLKeyValue') add(root, node);
    else {
      const line = node.loc.start.line;
      if (node.kind === 'array') {
        report(line, 'a list of tables ([[...]]) is nothing poolctl has');
        continue;
      }
      const table = descend(root, namesOf(node.key), line);
      for (const entry of node.body) add(table, entry);
    }
  }
  return root;
}

export function isTable(value: unknown): value is Table {
  return value instanceof Map;
}

function parse(text: string, report: Report): AST.TOMLProgram | null {
  try {
    return parseTOML(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    report(error.lineNumber, `it is not TOML from column ${error.column + 1} on: ${saidBy(error)}`);
    return null;
  }
}

/** The parser's words are its own but for a character (its code point) that it stumbled over. */
function saidBy({message}: ParseError): string {
  const words = message.replace(/(code point) \S+/, '$1');
  return words.slice(0, 1).toLowerCase() + words.slice(1);
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

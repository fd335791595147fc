/** Part of a statement: SQL, or a `$name` in it. */
type Piece = {sql: string} | {name: string};

export type Scanned = {
  pieces: Piece[];
  /** Offset after the `;`, or of the text's end. */
  end: number;
  isEnded: boolean;
};

/**
 * Scans one statement from `start` to its `;`. Ignores `;` and `$name` in strings, quoted identifiers, dollar quotes and
 * comments (lexical structure as in PostgreSQL's scan.l).
 */
export function scanStatement(text: string, start: number): Scanned {
  const pieces: Piece[] = [];
  let from = start;
  let at = start;
  const cut = () => {
    if (at > from) pieces.push({sql: text.slice(from, at)});
  };
  while (at < text.length) {
    if (text[at] === ';') {
      cut();
      return {pieces, end: at + 1, isEnded: true};
    }
    const name = nameAt(text, at);
    if (name !== null) {
      cut();
      pieces.push({name});
      at += name.length + 1;
      from = at;
    } else at = afterToken(text, at);
  }
  cut();
  return {pieces, end: at, isEnded: false};
}

const wordCharacter = /[\w$\u0080-\uffff]/;

function nameAt(text: string, at: number): string | null {
  if (text[at] !== '$') return null;
  const [, name, dollar] = matchAt(/\$([A-Za-z_]\w*)(\$?)/y, text, at) ?? [];
  return name === undefined || dollar === '$' ? null : name;
}

/** The offset after the token at `at`: a quoted text, a comment, a word, or one character. */
function afterToken(text: string, at: number): number {
  const two = text.slice(at, at + 2);
  if (two === '--') return afterLineComment(text, at);
  if (two === '/*') return afterComment(text, at);
  const character = text[at] ?? '';
  if (character === "'") return afterQuote(text, at, "'");
  if (character === '"') return afterQuote(text, at, '"');
  if (character === '$') return afterDollar(text, at);
  if (/^[eE]'/.test(two)) return afterEscapeString(text, at + 1);
  // A number ends with its digits: up to PostgreSQL 14, `1e'...'` is a number and an E'...' string.
  if (/\d/.test(character)) return at + 1;
  return at + (wordAt(text, at).length || 1);
}

/** The word at `at`, or ''. */
export function wordAt(text: string, at: number): string {
  let end = at;
  while (end < text.length && wordCharacter.test(text[end] ?? '')) end++;
  return text.slice(at, end);
}

/** The offset after white space and comments. */
export function afterBlanks(text: string, at: number): number {
  let end = at;
  for (;;) {
    const two = text.slice(end, end + 2);
    if (two === '--') end = afterLineComment(text, end);
    else if (two === '/*') end = afterComment(text, end);
    else if (/^[ \t\n\r\f\v]/.test(two)) end++;
    else return end;
  }
}

/** A carriage return ends a line comment too. */
function afterLineComment(text: string, at: number): number {
  const length = text.slice(at).search(/[\n\r]/);
  return length === -1 ? text.length : at + length;
}

function afterQuote(text: string, at: number, quote: string): number {
  return indexOrEnd(text, quote, at + 1) + 1;
}

/** Only E'...' has backslash escapes. A doubled quote reads as two strings here, which ends at the same place. */
function afterEscapeString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== "'") end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

/** Block comments nest. */
function afterComment(text: string, at: number): number {
  let depth = 1;
  let end = at + 2;
  while (end < text.length && depth > 0) {
    const two = text.slice(end, end + 2);
    depth += two === '/*' ? 1 : two === '*/' ? -1 : 0;
    end += two === '/*' || two === '*/' ? 2 : 1;
  }
  return end;
}

function afterDollar(text: string, at: number): number {
  const [tag] = matchAt(/\$(?:[A-Za-z_]\w*)?\$/y, text, at) ?? [];
  if (tag === undefined) return at + 1;
  return indexOrEnd(text, tag, at + tag.length) + tag.length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function indexOrEnd(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from);
  return found === -1 ? text.length : found;
}

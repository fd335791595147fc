/** A statement cut where a `$name` stands in it. */
type Piece = {sql: string} | {name: string};

export type Scanned = {
  pieces: Piece[];
  /** Behind the `;`; the end of the text where there is none. */
  end: number;
  isEnded: boolean;
};

/**
 * One statement from `start` to its `;`: those in strings, quoted identifiers, dollar quotes and comments are none,
 * and neither is a `$name` in one a name (lexical structure as in PostgreSQL's scan.l).
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
    } else at = behindToken(text, at);
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

/** Whatever begins at `at` is over: a quoted thing, a comment, a word, or one character. */
function behindToken(text: string, at: number): number {
  const two = text.slice(at, at + 2);
  if (two === '--') return behindLineComment(text, at);
  if (two === '/*') return behindComment(text, at);
  const character = text[at] ?? '';
  if (character === "'") return behindQuote(text, at, "'");
  if (character === '"') return behindQuote(text, at, '"');
  if (character === '$') return behindDollar(text, at);
  if (/^[eE]'/.test(two)) return behindEscapes(text, at + 1);
  // A number is over where its digits are: `1e'` is a number and an E'...' up to PostgreSQL 14.
  if (/\d/.test(character)) return at + 1;
  return at + (wordAt(text, at).length || 1);
}

/** The word that begins at `at`; empty where none does. */
export function wordAt(text: string, at: number): string {
  let end = at;
  while (end < text.length && wordCharacter.test(text[end] ?? '')) end++;
  return text.slice(at, end);
}

/** Behind what separates words: white space and comments. */
export function behindBlanks(text: string, at: number): number {
  let end = at;
  for (;;) {
    const two = text.slice(end, end + 2);
    if (two === '--') end = behindLineComment(text, end);
    else if (two === '/*') end = behindComment(text, end);
    else if (/^[ \t\n\r\f\v]/.test(two)) end++;
    else return end;
  }
}

/** A carriage return alone ends it too. */
function behindLineComment(text: string, at: number): number {
  const length = text.slice(at).search(/[\n\r]/);
  return length === -1 ? text.length : at + length;
}

function behindQuote(text: string, at: number, quote: string): number {
  return indexOrEnd(text, quote, at + 1) + 1;
}

/** E'...' alone knows the backslash; a doubled quote reads as two strings, which is the same to us. */
function behindEscapes(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== "'") end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

/** PostgreSQL's comments nest. */
function behindComment(text: string, at: number): number {
  let depth = 1;
  let end = at + 2;
  while (end < text.length && depth > 0) {
    const two = text.slice(end, end + 2);
    depth += two === '/*' ? 1 : two === '*/' ? -1 : 0;
    end += two === '/*' || two === '*/' ? 2 : 1;
  }
  return end;
}

function behindDollar(text: string, at: number): number {
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

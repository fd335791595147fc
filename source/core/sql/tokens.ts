/**
 * A token of SQL, by the rules of PostgreSQL's scanner (scan.l). In truncated text (track_activity_query_size) the last
 * token extends to the end.
 */
export type SqlToken = {
  kind:
    | 'space'
    | 'comment'
    /** In quotes of any kind, dollar quotes too. */
    | 'string'
    | 'number'
    /** `"name"` */
    | 'quoted'
    /** `$1` */
    | 'parameter'
    | 'word'
    | 'operator'
    /** One character: a parenthesis, a comma. */
    | 'mark'
    /** From `coarseTokens`: everything between two strings or comments. */
    | 'rest';
  text: string;
};

/** Splits SQL into tokens; every character is in exactly one. */
export function sqlTokens(sql: string): SqlToken[] {
  const tokens: SqlToken[] = [];
  for (let at = 0; at < sql.length; ) {
    const token = tokenAt(sql, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

/** Splits SQL into strings, comments and the text between them; five times as fast as `sqlTokens`. */
export function coarseTokens(sql: string): SqlToken[] {
  const plain = plainLength(sql);
  const tokens: SqlToken[] = plain === 0 ? [] : [{kind: 'rest', text: sql.slice(0, plain)}];
  for (let at = plain; at < sql.length; ) {
    rest.lastIndex = at;
    const text = rest.exec(sql)?.[0];
    const token: SqlToken = text === undefined ? tokenAt(sql, at) : {kind: 'rest', text};
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

/** Matches any SQL with a string or a comment. Most statements of an application have parameters only. */
export const literalMark = /'|--|\/\*|\$(?!\d)/;

/**
 * Number of characters before the first comment; 0 if a quote or a dollar sign precedes it. Most statements of an
 * application have neither, only sqlcommenter's comment at the end.
 */
function plainLength(sql: string): number {
  const at = sql.search(literalMark);
  const isComment = sql[at] === '-' || sql[at] === '/';
  return isComment && !sql.slice(0, at).includes('"') ? at : 0;
}

/**
 * Whether a string may continue after this token: with standard_conforming_strings = off, a backslash escapes the closing
 * quote.
 */
export function mayContinue({kind, text}: SqlToken): boolean {
  return kind === 'string' && /^'/.test(text) && /(?:^|[^\\])(?:\\\\)*\\'$/.test(text);
}

/** A string literal's content, without quotes; escapes are kept. */
export function literalContent(text: string): string {
  const tag = /^\$[^$]*\$/.exec(text)?.[0];
  if (tag !== undefined) return text.slice(tag.length, text.endsWith(tag) ? -tag.length : undefined);
  const from = text.indexOf("'") + 1;
  return text.slice(from, text.length > from && text.endsWith("'") ? -1 : undefined).replaceAll("''", "'");
}

function tokenAt(sql: string, at: number): SqlToken {
  if (sql.startsWith('/*', at)) return {kind: 'comment', text: sql.slice(at, commentEnd(sql, at))};
  token.lastIndex = at;
  const match = token.exec(sql);
  const text = match?.[0] ?? '';
  const kind = kinds.find((_, index) => match?.[index + 1] !== undefined);
  if (kind === undefined) return {kind: 'mark', text: sql.slice(at, at + 1)};
  return kind === 'dollar' ? {kind: 'string', text: sql.slice(at, dollarEnd(sql, at, text))} : {kind, text};
}

/** Comments nest. */
function commentEnd(sql: string, from: number): number {
  const end = sql.indexOf('*/', from + 2);
  const nested = sql.indexOf('/*', from + 2);
  if (end !== -1 && (nested === -1 || nested > end)) return end + 2;
  let depth = 0;
  commentMark.lastIndex = from;
  for (let mark = commentMark.exec(sql); mark !== null; mark = commentMark.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return commentMark.lastIndex;
  }
  return sql.length;
}

function dollarEnd(sql: string, from: number, tag: string): number {
  const end = sql.indexOf(tag, from + tag.length);
  return end === -1 ? sql.length : end + tag.length;
}

const commentMark = /\/\*|\*\//g;
const kinds = [
  'space',
  'comment',
  'string',
  'dollar',
  'quoted',
  'parameter',
  'word',
  'number',
  'operator',
] as const;
const token = new RegExp(
  [
    /(\s+)/,
    // To the end of the line; a carriage return also ends one.
    /(--[^\n\r]*)/,
    /([eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|\\?$)|(?:[uU]&|[bBxXnN])?'(?:[^']|'')*(?:'|$))/,
    /(\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)/,
    /((?:[uU]&)?"(?:[^"]|"")*(?:"|$))/,
    /(\$\d+)/,
    /([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/,
    /(0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/,
    /((?:(?!--|\/\*)[-+*/<>=~!@#%^&|`?:])+)/,
  ]
    .map(({source}) => source)
    .join('|'),
  'y',
);

/** Text in which no string or comment starts; an `e` before a quote is a prefix unless it ends a word. */
const rest =
  /(?:(?!(?:[eEbBxXnN]|[uU]&)['])[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d+|\$\d+|\s+|"(?:[^"]|"")*"|(?!--|\/\*)[^'"$A-Za-z_\u0080-\uffff\d\s])+/y;

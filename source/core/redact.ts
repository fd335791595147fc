/**
 * A statement without its literals, comments and line breaks: strings, numbers, bit strings and dollar quotes
 * become `?`. What is left says what a session did, not with whose data. A statement cut off inside a literal
 * (track_activity_query_size) loses the rest.
 */
export function redactLiterals(sql: string): string {
  return sql.replace(token, replaceToken).replace(/\s+/g, ' ').trim();
}

/** Passwords in URLs, in `PASSWORD '...'`, in conninfo strings: whatever text it is, they do not pass. */
export function redactSecrets(text: string): string {
  return text
    .replace(urlCredentials, '$1***@')
    .replace(urlParameter, '$1***')
    .replace(passwordClause, '$1***')
    .replace(passwordSetting, '$1***');
}

/** The same for every string in a plain value. */
export function redactDeep<T>(value: T): T {
  return redactValue(value) as T;
}

function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactSecrets(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redactValue(member)]));
}

// Alternatives in the order of PostgreSQL's own scanner (scan.l); what must stay as it is comes as a group.
const token = new RegExp(
  [
    /--[^\n]*/, // a comment to the end of the line
    /\/\*[\s\S]*?(?:\*\/|$)/, // a comment, nested ones cut at the first end: the rest is redacted as SQL
    /[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/, // an escape string
    /(?:[uU]&|[bBxXnN])?'(?:[^']|'')*(?:'|$)/, // a string, a bit string
    /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$[\s\S]*/, // a dollar quote: its end is found in replaceToken
    /("(?:[^"]|"")*(?:"|$))/, // a quoted identifier
    /(\$\d+)/, // a parameter
    /([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)/, // an identifier or keyword, digits and all
    /0[xXoObB][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?/, // a number
  ]
    .map(({source}) => source)
    .join('|'),
  'g',
);

function replaceToken(text: string, ...groups: unknown[]): string {
  if (groups.slice(0, 3).some(kept => kept !== undefined)) return text;
  if (text.startsWith('--') || text.startsWith('/*')) return ' ';
  const quote = /^\$[^$]*\$/.exec(text)?.[0];
  if (quote === undefined) return '?';
  const end = text.indexOf(quote, quote.length);
  return end === -1 ? '?' : `?${redactLiterals(text.slice(end + quote.length))}`;
}

// Up to the last @: a password written without percent-encoding may hold one, or a slash.
const urlCredentials = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:)\S*@/gi;
const urlParameter = /([?&](?:password|sslpassword|passfile|api_key)=)[^&\s"']+/gi;
/** What may stand between PASSWORD and its literal, and the literal in each of its spellings, cut off ones too. */
const passwordClause =
  /(\bpassword\b"?(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/|\bto\b)*)(?:(?:[eE]|[uU]&)?'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)(?:\s*\n\s*'(?:[^']|'')*(?:'|$))*|\$(\w*)\$[\s\S]*?(?:\$\2\$|$))/gi;
const passwordSetting =
  /(\b(?:pg)?(?:ssl)?password\s*=\s*)(?:''[^']*(?:''|$)|'(?:[^'\\]|\\.)*'|"[^"]*"|[^\s&"',;]+)/gi;

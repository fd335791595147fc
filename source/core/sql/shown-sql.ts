import type {ExecutableText} from '../../model/step.ts';
import {redactQuotedName, redactSecrets, type Showable} from '../text/redact.ts';
import {isSecretName, maskSecrets, secretsByPlace} from './secrets.ts';
import {coarseTokens, literalMark, mayContinue, type SqlToken, sqlTokens} from './tokens.ts';

/**
 * A statement without literals, comments and line breaks: strings, numbers, bit strings and dollar quotes become `?`. What
 * remains says what a session did, not with which data. A statement truncated inside a literal
 * (track_activity_query_size) loses the rest.
 */
export function redactLiterals(sql: string): string {
  const tokens = sqlTokens(sql);
  const isSecret = secretIn(sql, tokens);
  return render(tokens, token => token.kind === 'string' || token.kind === 'number' || isSecret(token))
    .replace(/\s+/g, ' ')
    .trim();
}

/**
 * A session's or application's statement for display and recording, never for execution: strings of every kind and values
 * in the position of a secret become `?`; of comments only sqlcommenter tags remain. Numbers, names and line breaks
 * remain.
 *
 * Uses PostgreSQL's lexical rules, not its normalisation, which keeps the literals of CREATE, COMMENT, COPY and ALTER
 * DATABASE and cannot parse truncated text.
 */
export function shownStatement(sql: string): string {
  const mayHoldSecret = mayNameSecret(sql);
  if (!mayHoldSecret && !literalMark.test(sql)) return sql;
  if (!mayHoldSecret) return render(coarseTokens(sql), ({kind}) => kind === 'string', tagsOf).trim();
  const tokens = sqlTokens(sql);
  const isSecret = secretIn(sql, tokens);
  return render(tokens, token => token.kind === 'string' || isSecret(token), tagsOf).trim();
}

function secretIn(sql: string, tokens: readonly SqlToken[]): (token: SqlToken) => boolean {
  const secrets = mayNameSecret(sql) ? secretsByPlace(tokens) : null;
  return token => token.kind !== 'parameter' && (secrets?.has(token) ?? false);
}

function mayNameSecret(sql: string): boolean {
  return secretHint.test(sql) && secretWord.test(sql);
}

/** Matches whatever `secretWord` matches, in two thirds of the time. */
const secretHint = /:\/\/|key|pass|pwd|secret|token|bearer|credential|authorization|pin|otp|cv[vc]/i;
/** What the name of a secret contains, in any case, also in the plural. */
const secretWord =
  /:\/\/|bearer|passw|passphrase|passcode|pwd|secret|token|(?:api|access|private|signing|encryption|auth)[_-]?key|credential|authorization|(?:^|[^a-z])(?:pin|otp|cvv|cvc)s?(?:[^a-z]|$)/i;

function render(
  tokens: readonly SqlToken[],
  isMasked: (token: SqlToken) => boolean,
  commentText: (comment: string) => string = () => '',
): string {
  let shown = '';
  for (const token of tokens) {
    if (token.kind === 'comment')
      shown += `${shown.trimEnd() === shown && shown !== '' ? ' ' : ''}${commentText(token.text)}`;
    else if (!isMasked(token)) shown += token.kind === 'quoted' ? redactQuotedName(token.text) : token.text;
    else {
      shown += '?';
      if (mayContinue(token)) break;
    }
  }
  return shown;
}

/**
 * The sqlcommenter tags of a statement: `/*route='%2Fusers',action='index'* /` gives {route: '/users', ...}.
 * Prisma appends them at the end, other libraries prepend them: every comment is read. Keys and values
 * are URL-encoded and a quote inside a value is `\'` (google.github.io/sqlcommenter/spec). A comment that the
 * server truncated (track_activity_query_size) yields the tags that are complete.
 */
export function parseTags(query: string | null): Record<string, string> {
  if (query === null) return {};
  const tags: [string, string][] = [];
  for (let start = query.indexOf('/*'); start >= 0; ) {
    const end = query.indexOf('*/', start + 2);
    const comment = query.slice(start + 2, end < 0 ? undefined : end);
    collectPairs(comment, tags);
    start = end < 0 ? -1 : query.indexOf('/*', end + 2);
  }
  return Object.fromEntries(tags);
}

/** The tags with secrets redacted, for display and recordings. */
export function shownTags(query: string): Record<string, string> {
  const tags = Object.entries(parseTags(query));
  return Object.fromEntries(
    tags.map(([name, value]) => [name, isSecretName(name) ? '***' : redactSecrets(value)]),
  );
}

/** `/*route='%2Fusers'* /`; '' for a comment without tags. */
function tagsOf(comment: string): string {
  const tags = comment.includes("='") ? Object.entries(shownTags(comment)) : [];
  if (tags.length === 0) return '';
  return `/*${tags.map(([name, value]) => `${encodeTag(name)}='${encodeTag(value)}'`).join(',')}*/`;
}

/** Percent-encodes a tag as sqlcommenter does; a lone surrogate, which cannot be encoded, is replaced. */
function encodeTag(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, '\ufffd')).replaceAll("'", '%27');
}

/**
 * Scans from one `='` to the next, never backward: a pattern that tries a key at every position takes
 * 40 ms for 500 comments of 300 characters without tags, and any client can choose the comments.
 */
function collectPairs(comment: string, tags: [string, string][]): void {
  let keyFrom = 0;
  for (let equals = comment.indexOf("='"); equals >= 0; equals = comment.indexOf("='", keyFrom)) {
    const close = closingQuote(comment, equals + 2);
    if (close < 0) return;
    const key = comment.slice(Math.max(keyFrom, equals - longestKey), equals).match(/[^\s,='"]*$/)?.[0] ?? '';
    const value = comment.slice(equals + 2, close).replaceAll("\\'", "'");
    if (key !== '') tags.push([decode(key), decode(value)]);
    keyFrom = close + 1;
  }
}

const longestKey = 128;

/** The end of the value that starts at `from`; -1 if it was truncated. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf("'", from); at >= 0; at = text.indexOf("'", at + 1)) {
    if (text[at - 1] !== '\\' || at === from) return at;
  }
  return -1;
}

/** Unchanged if it is not URL-encoded, as `100%`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Text for a preview, line by line, with every control character, format character and unusual space made visible. Lines end
 * where PostgreSQL ends them: a carriage return ends a comment (`-- one row<CR>OR true`).
 */
export function revealLines(text: Showable): Showable[] {
  return text
    .split(/\r?\n|(?<=\r)/)
    .map(line => line.replace(/^\t+/, tabs => '  '.repeat(tabs.length)).replace(hidden, reveal));
}

/** SQL for a preview, with secrets masked: the only conversion from executable to shown text. */
export function shownLines(text: ExecutableText): Showable[] {
  return revealLines(maskSecrets(text));
}

const hidden = /(?! )[\p{Zs}\p{Zl}\p{Zp}]|[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

function reveal(found: string): string {
  const code = found.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

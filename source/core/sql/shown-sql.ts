import {shownTags} from '../activity/tags.ts';
import {redactQuotedName} from '../text/redact.ts';
import {secretsByPlace} from './secrets.ts';
import {coarseTokens, literalMark, mayGoOn, type SqlToken, sqlTokens} from './tokens.ts';

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

function secretIn(sql: string, tokens: readonly SqlToken[]): (token: SqlToken) => boolean {
  const secrets = mayNameSecret(sql) ? secretsByPlace(tokens) : null;
  return token => token.kind !== 'parameter' && (secrets?.has(token) ?? false);
}

function mayNameSecret(sql: string): boolean {
  return secretHint.test(sql) && secretName.test(sql);
}

/** Found in whatever `secretName` finds, and looked for in two thirds of the time. */
const secretHint = /:\/\/|key|pass|pwd|secret|token|bearer|credential|authorization|pin|otp|cv[vc]/i;
/** What a name of a secret has in it, in any case and plural. */
const secretName =
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
      if (mayGoOn(token)) break;
    }
  }
  return shown;
}

import {secretsByPlace} from './sql-secrets.ts';
import {mayGoOn, type SqlToken, sqlTokens} from './sql-tokens.ts';

/**
 * A statement without its literals, comments and line breaks: strings, numbers, bit strings and dollar quotes
 * become `?`. What is left says what a session did, not with whose data. A statement cut off inside a literal
 * (track_activity_query_size) loses the rest.
 */
export function redactLiterals(sql: string): string {
  return render(sqlTokens(sql), ({kind}) => kind === 'string' || kind === 'number')
    .replace(/\s+/g, ' ')
    .trim();
}

/**
 * A session's or an application's statement as it is shown and kept: strings of every kind become `?`, so does what
 * else stands where a secret would, and comments go. Numbers, names and line breaks stay. It is never executed.
 *
 * By PostgreSQL's own lexical rules and not by its normalisation, which leaves the literals of CREATE, COMMENT, COPY
 * and ALTER DATABASE in place and cannot read a text that was cut off.
 */
export function shownStatement(sql: string): string {
  if (!mayHoldLiteral.test(sql)) return sql;
  const tokens = sqlTokens(sql);
  const secrets = secretName.test(sql) ? secretsByPlace(tokens) : null;
  return render(tokens, token => token.kind === 'string' || (secrets?.has(token) ?? false)).trim();
}

/** Asked of every new text: most of an application's have parameters and nothing else. */
const mayHoldLiteral =
  /'|--|\/\*|\$(?!\d)|passw|passphrase|pwd|secret|token|key|pin|otp|cvv|cvc|credential|authorization/i;
const secretName = /passw|passphrase|passcode|pwd|secret|token|key|pin|otp|cvv|cvc|credential|authorization/i;

function render(tokens: readonly SqlToken[], isMasked: (token: SqlToken) => boolean): string {
  let shown = '';
  for (const token of tokens) {
    if (token.kind === 'comment') shown += shown === '' || /\s$/.test(shown) ? '' : ' ';
    else if (!isMasked(token)) shown += token.text;
    else {
      shown += '?';
      if (mayGoOn(token)) break;
    }
  }
  return shown;
}

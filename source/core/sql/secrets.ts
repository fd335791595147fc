import type {Verification} from '../../model/step.ts';
import {redactBesideSql, redactCredentials, redactSecrets, type Showable} from '../text/redact.ts';
import {literalContent, type SqlToken, sqlTokens} from './tokens.ts';

/** The statement with each secret replaced by `***`; unchanged without secrets. */
export function maskSecrets(sql: string): string {
  return mask(sql, 0);
}

/**
 * The literals in the position of a secret: compared with, assigned to or passed next to something named like a secret
 * (`password = 'x'`, `set_config('app.token', 'x', false)`), or a key for pgcrypto. If in doubt, it is a secret. A name
 * alone is not: `payload->>'password'`.
 */
export function secretsByPlace(tokens: readonly SqlToken[]): ReadonlySet<SqlToken> {
  const words = tokens.filter(({kind}) => kind !== 'space' && kind !== 'comment');
  const found = new Set<SqlToken>();
  collect(words, false, found);
  collect(words.toReversed(), true, found);
  return found;
}

/** The numbers of parameters whose values are secrets: `password = $1`. */
export function secretParameters(sql: string): ReadonlySet<number> {
  const numbers = [...secretsByPlace(sqlTokens(sql))].flatMap(({kind, text}) =>
    kind === 'parameter' ? [Number(text.slice(1))] : [],
  );
  return new Set(numbers);
}

function mask(sql: string, depth: number): string {
  const tokens = sqlTokens(sql);
  const secrets = secretsByPlace(tokens);
  return tokens
    .map(token => {
      const {kind, text} = token;
      if (kind === 'comment') return redactSecrets(text);
      if (kind === 'string') return secrets.has(token) ? "'***'" : maskContent(text, depth);
      if (secrets.has(token) && kind !== 'parameter') return '***';
      return kind === 'quoted' ? redactCredentials(text) : text;
    })
    .join('');
}

/** A literal may contain a secret itself, or SQL: a function body, a statement for EXECUTE. */
function maskContent(text: string, depth: number): string {
  const content = literalContent(text);
  const isNested = content.includes("'") || content.includes('$');
  if (isNested && depth > 4) return "'***'";
  const shown = isNested ? redactBesideSql(mask(content, depth + 1)) : redactSecrets(content);
  if (shown === content) return text;
  const tag = /^\$[^$]*\$/.exec(text)?.[0];
  return tag === undefined ? `'${shown.replaceAll("'", "''")}'` : `${tag}${shown}${tag}`;
}

/** SET and ALTER ROLE/USER/DATABASE/SYSTEM also take unquoted values, up to the end of the statement. */
function setsParameter(words: readonly SqlToken[], start: number): boolean {
  const [first = '', second = ''] = words.slice(start, start + 2).map(({text}) => text);
  return /^set$/i.test(first) || (/^alter$/i.test(first) && /^(?:role|user|database|system)$/i.test(second));
}

function isAssignment({text}: SqlToken): boolean {
  return /^(?:=|to)$/i.test(text);
}

/** The scope of a secret's name: up to the next comma at its depth, or for an argument to the end of the call. */
type Reach = {depth: number; isCall: boolean};

function collect(words: readonly SqlToken[], isBackward: boolean, found: Set<SqlToken>): void {
  let depth = 0;
  let reach: Reach | null = null;
  let isSetTo = false;
  let start = 0;
  for (const [at, word] of words.entries()) {
    if (word.text === ';') start = at + 1;
    isSetTo &&= word.text !== ';';
    if (isSetTo && word.kind !== 'mark') found.add(word);
    if (isSetTo) continue;
    const [before, after] = isBackward ? [words[at + 1], words[at - 1]] : [words[at - 1], words[at + 1]];
    const step = depthOf(word) * (isBackward ? -1 : 1);
    depth += step;
    if (reach !== null) reach = endOf(reach, word, depth);
    if (isName(word, before)) {
      reach = {depth, isCall: !isBackward && word.kind === 'string' && !isKey(before)};
    } else if (!isBackward && isCipher(word, after)) reach = {depth: depth + 1, isCall: true};
    else if (reach !== null && isValue(word, {before, after, isBackward, words})) found.add(word);
    isSetTo =
      !isBackward &&
      reach !== null &&
      isAssignment(word) &&
      isName(before ?? word, undefined) &&
      setsParameter(words, start);
  }
}

function endOf(reach: Reach, {kind, text}: SqlToken, depth: number): Reach | null {
  if (kind === 'word' && boundaries.test(text)) return null;
  if (text === ';') return null;
  if (reach.isCall) return depth < reach.depth && text === ')' ? null : reach;
  if (text === ',' && depth <= reach.depth) return null;
  return depth < reach.depth ? {...reach, depth} : reach;
}

const boundaries = /^(?:and|or|where|on|using|from|join|select|returning|then|else|when|end|set|having)$/i;

function depthOf({kind, text}: SqlToken): number {
  if (kind !== 'mark') return 0;
  return text === '(' || text === '[' ? 1 : text === ')' || text === ']' ? -1 : 0;
}

function isName(word: SqlToken, before: SqlToken | undefined): boolean {
  if (before?.text === '::') return false;
  if (word.kind === 'word') return secretName.test(word.text);
  if (word.kind === 'quoted') return secretName.test(word.text.slice(word.text.indexOf('"') + 1, -1));
  return word.kind === 'string' && secretName.test(literalContent(word.text));
}

/** `app.password`, `user_token`. */
export function isSecretName(name: string): boolean {
  return secretName.test(name);
}

/** A name such as `app.password`; not a sentence that contains the word. */
const secretName =
  /^[\w.-]*(?:pass(?:w(?:or)?d|wd|phrase|code)|pwd|secret|token|(?:api|access|secret|private|signing|encryption|auth)[_-]?key|credential|authorization|(?:^|[_.-])(?:pin|otp|cvv|cvc))s?(?:_?(?:hash|digest|base64|hex|value|text|enc|encrypted|plain))?$/i;

/** Functions that take a key or a plain-text password. */
function isCipher(word: SqlToken, after: SqlToken | undefined): boolean {
  return word.kind === 'word' && after?.text === '(' && ciphers.test(word.text);
}

const ciphers =
  /^(?:crypt|hmac|digest|encrypt|decrypt|encrypt_iv|decrypt_iv|pgp_(?:sym|pub)_(?:en|de)crypt(?:_bytea)?|pgp_key_id|dearmor)$/i;

/** The right operand of `->>` and similar operators is a key, not a secret. */
function isKey(before: SqlToken | undefined): boolean {
  return (
    before !== undefined && before.kind === 'operator' && /^(?:#?->?>?|#>>?|\?[|&]?|-)$/.test(before.text)
  );
}

type Around = {
  before: SqlToken | undefined;
  after: SqlToken | undefined;
  isBackward: boolean;
  words: readonly SqlToken[];
};

function isValue(word: SqlToken, {before, after, isBackward, words}: Around): boolean {
  if (word.kind === 'string') return !isKey(before);
  const beside = isBackward ? after : before;
  const isSet =
    beside !== undefined &&
    (/^(?:=|:=|=>|<>|!=|to)$/i.test(beside.text) || (!isBackward && /^password$/i.test(beside.text)));
  if (!isSet) return false;
  if (word.kind === 'number' || word.kind === 'parameter') return true;
  if (isBackward) return false;
  if (word.kind === 'quoted') return after?.text !== '.';
  // PASSWORD hush without quotes is a syntax error, but its text is shown too.
  const [first, second] = words;
  const isRole =
    /^(?:alter|create)$/i.test(first?.text ?? '') && /^(?:role|user|group)$/i.test(second?.text ?? '');
  return isRole && word.kind === 'word' && /^password$/i.test(beside.text) && !/^null$/i.test(word.text);
}

/** Whether a statement's value contains a secret: as SQL (a definition), as `name=value` of a setting, or as text. */
export function isSecretValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isSecretValue);
  return typeof value === 'string' && maskText(value) !== value;
}

/** Whether `value`, assigned to or compared with `name`, is a secret. */
export function isSecretPair(name: string, value: string | number | boolean | null): boolean {
  if (value === null || value === '' || typeof value === 'boolean') return false;
  const text = `SET ${name} = '${String(value).replaceAll("'", "''")}'`;
  return maskSecrets(text) !== text;
}

/** The value for display, with secrets masked. */
export function shownValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shownValue);
  return typeof value === 'string' ? maskText(value) : value;
}

export function shownExpectation({column, op, value}: Verification['expect']): Verification['expect'] {
  return {column, op, value: isSecretPair(column, value) ? '***' : (shownValue(value) as typeof value)};
}

export function shownSettings(settings: Record<string, string>): Record<string, Showable> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      isSecretPair(name, value) ? '***' : maskText(value),
    ]),
  );
}

function maskText(text: string): string {
  const [, name, setting = ''] = /^([\w.]+)=([\s\S]*)$/.exec(text) ?? [];
  return name !== undefined && isSecretPair(name, setting) ? `${name}=***` : redactSecrets(maskSecrets(text));
}

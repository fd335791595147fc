import {mayHoldOne, proseForms, type SecretForm, secretForms} from './secret-forms.ts';

/** Text for display, never executed (see model/step.ts). */
export type Showable = string & {readonly use?: 'shown'};

/** Masks passwords and other secrets in any text: URLs, `PASSWORD '...'`, conninfo strings, JSON, headers, commands. */
export function redactSecrets(text: Showable): string {
  return replaceForms(text, patterns);
}

/** An error's message on one line, without secrets. */
export function messageOf(error: unknown): string {
  return redactSecrets(error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}

/** A plain value with the secrets in all its strings masked. A value with executable text is a type error. */
export function redactDeep<T extends ShowableValue>(value: T): T {
  return redactValue(value) as T;
}

type ShowableValue =
  | Showable
  | number
  | boolean
  | null
  | undefined
  | readonly ShowableValue[]
  | {readonly [key: string]: ShowableValue};

function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactSecrets(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, redactValue(member)]));
}

/** Masks secrets in text whose SQL literals are already masked. */
export function redactBesideSql(text: Showable): string {
  return replaceForms(text, besideSql);
}

function replaceForms(text: string, forms: readonly SecretForm[]): string {
  if (!mayHoldOne.test(text)) return text;
  return forms.reduce((shown, [pattern, by]) => shown.replace(pattern, by), text);
}

/** Masks a quoted name that contains an address, by mistake or for dblink; a truncated address has no `@`. */
export function redactQuotedName(name: Showable): string {
  return redactBesideSql(name).replace(cutOffCredentials, '$1***');
}

/** Masks only the password of an address: `password=x` may be an index's name. */
export function redactCredentials(name: Showable): string {
  return name.replace(urlCredentials, '$1***@');
}

// Bounded quantifiers keep the cost linear. Up to the last @: a password that is not percent-encoded may contain @ and /.
const urlCredentials = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@]{0,200}:)\S{0,1000}@/gi;
const cutOffCredentials = /(:\/\/[^\s/:@"]{0,200}:)(?!\*\*\*@)[^"]+$/;
const urlParameter =
  /([?&](?:password|sslpassword|passfile|(?:api|access|secret|auth)[_-]?key|(?:access_|auth_|refresh_)?token|client_secret|secret|signature|sig)=)[^&\s"']+/gi;
/**
 * PASSWORD, what may separate it from its literal, and the literal in any spelling, also truncated. After a quote,
 * `password` is a key: `payload->>'password'`.
 */
const passwordClause =
  /((?<!['])\bpassword\b"?(?:\s|--[^\n]{0,1000}\n|\/\*[\s\S]{0,1000}?\*\/|\bto\b)*)(?:(?:[eE]|[uU]&)?'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)(?:\s*\n\s*'(?:[^']|'')*(?:'|$))*|\$(\w*)\$[\s\S]*?(?:\$\2\$|$))/gi;
const passwordSetting =
  /(\b(?:pg)?(?:ssl)?password\s*=\s*)(?!\*\*\*)(?:''[^']*(?:''|$)|'(?:[^'\\]|\\.)*'|"[^"]*"|[^\s&"',;]+)/gi;
/** `"token": "..."`, with the quotes of JSON in a string escaped or not. */
const jsonMember =
  /(\\?"[\w.-]{0,64}(?:passw(?:or)?d|passphrase|secret|token|(?:api|access|secret|private|auth)[_-]?key|credentials?|authorization)s?\\?"\s*:\s*)(?:\\?"(?:[^"\\]|\\(?!")[\s\S]|\\"(?![,}\s\]]))*(?:\\?"|$)|-?\d+)/gi;
const header = /(\b(?:bearer|basic)\s+)[A-Za-z0-9+/._~=-]{6,}/gi;
const authorization = /(\b(?:authorization|x-api-key)\s*[:=]\s*)(?!(?:bearer|basic)\b)[^\s'",;]+/gi;
/** `DEPLOY_TOKEN=...` before a command, `--api-key=...` of one, `token:...`; not a cast, `password::text`. */
const assignment =
  /((?:\b|_|--)(?:(?:[A-Za-z][\w-]{0,64}[_-])?(?:passw(?:or)?d|passphrase|pass|pwd|pw|secret|token|signature|(?:api|access|secret|private)[_-]?key)|[A-Za-z]\w{0,64}passw(?:or)?d)(?:=|:(?![:\s])))(?!\*\*\*)(?:'[^']*'|"[^"]*"|[^\s&"',;)]+)/gi;
/** `curl -u user:password` */
const commandLine =
  /(\s(?:-u|--user|--password|--token)[= ]\s*)(?:[^\s'"]+:[^\s'"]+|(?<=(?:--password|--token)[= ])[^\s'"]+)/gi;
/** A token instead of a user: `https://TOKEN@github.com`. */
const urlToken = /(\bhttps?:\/\/)[^\s/:@]{1,1000}@/gi;
const jsonWebToken = /\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?/g;
const awsKey = /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g;
const awsSecret = /(\baws_?(?:secret_?access_?key|session_?token)\s*[=:]\s*)[^\s'",;]+/gi;
const privateKey = /(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;

const besideSql: readonly SecretForm[] = [
  [urlCredentials, '$1***@'],
  [urlToken, '$1***@'],
  [jsonWebToken, '***'],
  [urlParameter, '$1***'],
  [passwordSetting, '$1***'],
  [jsonMember, '$1"***"'],
  [header, '$1***'],
  [authorization, '$1***'],
  [assignment, '$1***'],
  [commandLine, '$1***'],
  [awsSecret, '$1***'],
  [awsKey, '***'],
  [privateKey, '$1***'],
  ...secretForms,
];
const patterns: readonly SecretForm[] = [[passwordClause, '$1***'], ...besideSql, ...proseForms];

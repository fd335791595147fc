import type {EnvFile, UrlAddress} from '../../model/application.ts';
import type {QueryEdit, UrlParameters} from '../../model/step.ts';
import {hostStart, parameterName, parameterValue, parsePostgresUrl} from '../text/postgres-url.ts';

/** The URL parameters that configure a pool; others are not read. */
const poolParameters = [
  'connection_limit',
  'pool_timeout',
  'connect_timeout',
  'socket_timeout',
  'pgbouncer',
  'schema',
  'max',
  'connectionTimeoutMillis',
  'idleTimeoutMillis',
];

/** Reads the variable of an .env file's text; `text` null: the file does not exist. */
export function readEnvFile(path: string, variable: string, text: string | null): EnvFile {
  const refuse = (problem: string): EnvFile => ({
    path,
    variable,
    problem,
    masked_line: '',
    address: null,
    pooler: null,
    parameters: {},
  });
  if (text === null) return refuse('the file does not exist');
  const found = findVariable(text, variable);
  if (found === null) return refuse(`it must set ${variable} exactly once`);
  const {value, start, line_start} = found;
  // Its proxy pools, and takes no pool's parameters.
  if (/^prisma(?:\+postgres)?:\/\//.test(value)) {
    return {
      ...refuse(`${variable} in it is a URL of Prisma's own proxy, which has its own limit`),
      pooler: "Prisma's proxy (Accelerate)",
    };
  }
  if (!/^postgres(?:ql)?:\/\//.test(value)) {
    return refuse(`${variable} in it is not a postgresql:// URL`);
  }
  if (isAmbiguousUrl(value)) {
    return refuse(`the URL in ${variable} has an @ in its password or its parameters: write it as %40`);
  }
  const all = readParameters(value);
  return {
    path,
    variable,
    problem: null,
    // The rest of the line, such as a comment, is not shown.
    masked_line: `${text.slice(line_start, start)}${maskUrl(value, poolParameters)}${closingQuote(text, start)}`,
    address: readAddress(value),
    pooler: poolerOf(value, all),
    parameters: Object.fromEntries(
      poolParameters.flatMap(name => (all.has(name) ? [[name, all.get(name) ?? '']] : [])),
    ),
  };
}

/** Host names of poolers, as their vendors document them. */
const poolerHosts: readonly [host: RegExp, name: string][] = [
  [/-pooler\.(?:[\w-]+\.)*neon\.tech$/i, "Neon's pooler (PgBouncer)"],
  [/\.pooler\.supabase\.com$/i, "Supabase's pooler (Supavisor)"],
  [/\.proxy-[\w-]+\.[\w-]+\.rds\.amazonaws\.com(?:\.cn)?$/i, 'RDS Proxy'],
  [/^(?:accelerate\.prisma-data\.net|pooled\.db\.prisma\.io)$/i, "Prisma's pooler"],
];

/** The pooler that a URL names by its host or by `pgbouncer=true`; null: none is named. */
export function poolerOf(url: string, parameters: ReadonlyMap<string, string>): string | null {
  const host = /^[^:/?#]*/.exec(url.slice(hostStart(url)))?.[0] ?? '';
  const named = poolerHosts.find(([pattern]) => pattern.test(host))?.[1];
  return named ?? (parameters.get('pgbouncer') === 'true' ? 'a pooler (pgbouncer=true)' : null);
}

/** The edits that set these URL parameters, and the two lines of a diff; no edits if they are set. */
export function envChange(
  {masked_line, variable}: EnvFile,
  wanted: Readonly<Record<string, string>>,
): {edits: QueryEdit[]; diff: string[]} {
  // The masked URL has its pool parameters and all separators unchanged.
  const edits = queryEdits(findVariable(masked_line, variable)?.value ?? '', wanted);
  const changed = setUrlQuery(masked_line, {variable, edits});
  return {edits, diff: [`-${masked_line}`, `+${changed ?? masked_line}`]};
}

function closingQuote(text: string, start: number): string {
  const before = text.charAt(start - 1);
  return /["'`]/.test(before) ? before : '';
}

/**
 * Edits the query of one variable's URL in an .env file's text; no other byte changes, and the inverted
 * edits restore the text. `undefined` if the variable is not set exactly once or an edit does not match.
 */
export function setUrlQuery(
  text: string,
  {variable, edits}: {variable: string; edits: readonly QueryEdit[]},
): string | undefined {
  const found = findVariable(text, variable);
  if (found === null) return undefined;
  const {start, end} = querySpan(found.value);
  let query: string | undefined = found.value.slice(start, end);
  for (const edit of edits) query = query === undefined ? undefined : editQuery(query, edit);
  if (query === undefined) return undefined;
  return text.slice(0, found.start + start) + query + text.slice(found.start + end);
}

/** The edits that set these parameters; of a repeated parameter the last counts, as for Prisma and node-postgres. */
export function queryEdits(url: string, wanted: Readonly<Record<string, string>>): QueryEdit[] {
  const {start, end} = querySpan(url);
  let query = url.slice(start, end);
  return Object.entries(wanted).flatMap(([name, value]) => {
    const part = lastPart(query, name);
    const text = `${name}=${encodeURIComponent(value)}`;
    if (part !== null && parameterValue(part.text) === value) return [];
    const separator = query === '' ? '?' : /[?&]$/.test(query) ? '' : '&';
    const edit = part === null ? {before: '', after: separator + text} : {before: part.text, after: text};
    query = editQuery(query, edit) ?? query;
    return [edit];
  });
}

/**
 * For journals written before `url_query`: sets (or removes, null) query parameters of one variable's URL in an .env
 * file's text; comments, quotes and other lines are unchanged. `undefined` if the variable is not set exactly once or its
 * parameters differ from `before`.
 */
export function setUrlParameters(
  text: string,
  {variable, before, after}: {variable: string; before: UrlParameters; after: UrlParameters},
): string | undefined {
  const found = findVariable(text, variable);
  if (found === null) return undefined;
  const parameters = readParameters(found.value);
  for (const [name, value] of Object.entries(before)) {
    if ((parameters.get(name) ?? null) !== value) return undefined;
  }
  const value = writeParameters(found.value, after);
  return text.slice(0, found.start) + value + text.slice(found.start + found.value.length);
}

/**
 * The value of `variable` without quotes, and the positions of its value and line; null unless it is
 * set exactly once.
 */
export function findVariable(
  text: string,
  variable: string,
): {value: string; start: number; line_start: number} | null {
  const assignment = new RegExp(
    `^((?:\\ufeff)?[ \\t]*(?:export[ \\t]+)?${escapeRegExp(variable)}[ \\t]*=[ \\t]*)(?:"([^"\\n]*)"|'([^'\\n]*)'|\`([^\`\\n]*)\`|([^\\s#"'\`][^\\s#]*|(?=[ \\t]*(?:#|\\r?$))))(?=[ \\t]*(?:#.*)?\\r?$)`,
    'gm',
  );
  // A line inside another variable's value is not an assignment.
  const values = [...text.matchAll(quotedValue)].map(
    ({index, 0: whole}) => [index, index + whole.length] as const,
  );
  const [match, ...others] = [...text.matchAll(assignment)].filter(
    ({index}) => !values.some(([start, end]) => start < index && index < end),
  );
  if (match === undefined || others.length > 0) return null;
  const [, head = '', double, single, back, bare = ''] = match;
  const quoted = double ?? single ?? back;
  const start = match.index + head.length + (quoted === undefined ? 0 : 1);
  return {value: quoted ?? bare, start, line_start: match.index};
}

/** An assignment with a quoted value, which may span lines as in dotenv; an escaped quote does not end it. */
const quotedValue =
  /^(?:\ufeff)?[ \t]*(?:export[ \t]+)?[\w.-]+[ \t]*[=:][ \t]*(?:'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`)[ \t]*(?:#.*)?\r?$/gm;

/** The query parameters of a URL; also of one that `new URL` refuses. */
export function readParameters(url: string): Map<string, string> {
  const [, query = ''] = splitQuery(url);
  return new Map(
    query
      .split('&')
      .filter(part => part !== '')
      .map(part => [parameterName(part), parameterValue(part)]),
  );
}

/**
 * The address of a postgresql:// URL; null if it is incomplete, names several hosts or a proxy (prisma+postgres://), or
 * contains variables (`${DB_HOST}`).
 */
function readAddress(url: string): UrlAddress | null {
  if (!/^postgres(ql)?:/.test(url)) return null;
  // Masked first, because a password may contain a delimiter.
  const [head] = splitQuery(maskUrl(url, []));
  const parsed = parsePostgresUrl(head);
  if (parsed.problem !== null) return null;
  const {host = '', port = '5432', dbname: database = '', user: role = ''} = parsed.parameters;
  // Prisma reads a socket's folder from the query and ignores the host before it.
  const folder = readParameters(url).get('host');
  const address = {host: folder ?? host, port: Number(port), database, role};
  const isOpen = [address.host, database, role].some(text => text === '' || text.includes('$'));
  return isOpen || host.includes(',') ? null : address;
}

/** Whether an `@` may belong to the password or to a parameter: such a URL is not edited. */
export function isAmbiguousUrl(url: string): boolean {
  const [, authority = '', rest = ''] = /^\w[\w+.-]*:\/\/([^/?#]*)(.*)$/s.exec(url) ?? [];
  return authority.includes('@') && rest.includes('@');
}

/** Masks all but `shown` parameters: `postgresql://app:***@host:5432/shop?schema=***&connection_limit=5`. */
export function maskUrl(url: string, shown: readonly string[]): string {
  const [head, query, fragment] = splitQuery(url);
  const host = hostStart(url);
  const scheme = url.indexOf('://') + 3;
  const [user = '', ...password] = head.slice(scheme, Math.max(scheme, host - 1)).split(':');
  const credentials = host === scheme ? '' : `${user}${password.length > 0 ? ':***' : ''}@`;
  const masked = (query ?? '')
    .split('&')
    .map(part => (part === '' || shown.includes(parameterName(part)) ? part : `${parameterName(part)}=***`));
  const tail = query === undefined ? '' : `?${masked.join('&')}`;
  return `${head.slice(0, scheme)}${credentials}${head.slice(host)}${tail}${fragment.trim() === '' ? fragment : '#***'}`;
}

function writeParameters(url: string, after: UrlParameters): string {
  const [head, query = '', fragment] = splitQuery(url);
  const changed = new Map(Object.entries(after).filter(([, value]) => value !== null));
  // An existing parameter keeps its position.
  const parts = query.split('&').flatMap(part => {
    if (part === '') return [];
    const name = parameterName(part);
    if (!(name in after)) return [part];
    const value = changed.get(name);
    changed.delete(name);
    return value === undefined || value === null ? [] : [`${name}=${encodeURIComponent(value)}`];
  });
  const added = [...changed].map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`);
  const all = [...parts, ...added];
  return all.length === 0 ? head + fragment : `${head}?${all.join('&')}${fragment}`;
}

/** From the `?` to the fragment; an empty span if there is no query. */
function querySpan(url: string): {start: number; end: number} {
  const [head, , fragment] = splitQuery(url);
  return {start: head.length, end: url.length - fragment.length};
}

function editQuery(query: string, {before, after}: QueryEdit): string | undefined {
  const [separator = ''] = /^[?&]/.exec(before === '' ? after : before) ?? [];
  const part = lastPart(query, parameterName((before === '' ? after : before).slice(separator.length)));
  if (before === '') {
    const isFitting = separator === '?' ? query === '' : /[?&]$/.test(query) || separator === '&';
    return part === null && isFitting && (query !== '' || separator === '?') ? query + after : undefined;
  }
  if (part === null) return undefined;
  const start = part.start - separator.length;
  if (query.slice(start, part.end) !== before) return undefined;
  const edited = query.slice(0, start) + after + query.slice(part.end);
  // Removing the first parameter must not remove the `?` of a later one.
  return edited === '' || edited.startsWith('?') ? edited : undefined;
}

/** The last part of that name in a query that begins with `?`. */
function lastPart(query: string, name: string): {text: string; start: number; end: number} | null {
  let end = query.length;
  for (const text of query.slice(1).split('&').toReversed()) {
    const start = end - text.length;
    if (parameterName(text) === name) return {text, start, end};
    end = start - 1;
  }
  return null;
}

/** Splits a URL into the part before the query, the query, and the fragment with its `#` and the blanks before it. */
function splitQuery(url: string): [head: string, query: string | undefined, fragment: string] {
  const host = hostStart(url);
  const hash = url.indexOf('#', host);
  const body = (hash === -1 ? url : url.slice(0, hash)).trimEnd();
  const fragment = url.slice(body.length);
  const at = body.indexOf('?', host);
  return at === -1 ? [body, undefined, fragment] : [body.slice(0, at), body.slice(at + 1), fragment];
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Connection parameters by libpq's keyword, as text: `host`, `port`, `user`, `dbname`, `sslmode`, ... */
export type ConnectionParameters = Record<string, string>;

/**
 * Reads a `postgres://` or `postgresql://` URL as libpq does, and tolerates what applications do: a stray `%`, an `@`,
 * `?` or `#` in the password. The query's parameters win over the rest. `problem` says what is wrong and never quotes
 * the URL, which holds a password.
 */
export function parsePostgresUrl(
  url: string,
): {parameters: ConnectionParameters; problem: null} | {problem: string} {
  const start = url.indexOf('://') + 3;
  if (start === 2) return {problem: 'it has no // after its scheme'};
  const at = parametersStart(url);
  const userInfo = url.slice(start, Math.max(start, at - 1));
  const [, hosts = '', path = '', query = ''] =
    /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(url.slice(at)) ?? [];
  const host = parseHost(hosts);
  if (host === null || userInfo.includes('/')) {
    return {problem: 'its port is not a number (a / ? # or : in the password must be percent-encoded)'};
  }
  const parameters: ConnectionParameters = {...parseUserInfo(userInfo), ...host};
  if (path !== '') parameters.dbname = decodePercent(path);
  for (const pair of query.split('&').filter(pair => pair !== '')) {
    parameters[decodePercent(parameterName(pair))] = parameterValue(pair);
  }
  return {parameters, problem: null};
}

/** The URL of these parameters, the inverse of `parsePostgresUrl`. A directory of sockets goes into the query. */
export function writePostgresUrl(parameters: ConnectionParameters): string {
  const {user, password, host = '', port, dbname = '', ...query} = parameters;
  const isSocket = host.startsWith('/');
  const name = isSocket ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  const credentials = [user ?? '', ...(password ? [password] : [])].map(encodeURIComponent).join(':');
  const pairs = Object.entries({...query, ...(isSocket && {host})}).map(
    ([name, value]) => `${name}=${encodeURIComponent(value)}`,
  );
  const start = `postgresql://${credentials === '' ? '' : `${credentials}@`}${name}`;
  const end = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  return `${start}${port === undefined ? '' : `:${port}`}/${encodeURIComponent(dbname)}${end}`;
}

/**
 * Where host and port begin: after the `@` that ends the credentials, even if a password contains `/`, `?`, `#` or `@`
 * unencoded. 0 for a text without `://`.
 */
export function hostStart(url: string): number {
  const start = url.indexOf('://') + 3;
  if (start === 2) return 0;
  const authority = /^[^/?#]*/.exec(url.slice(start))?.[0] ?? '';
  const isCutPassword = /:[^\]\d,:][^:]*$/.test(authority);
  const at = authority.includes('@')
    ? start + authority.lastIndexOf('@')
    : isCutPassword
      ? url.lastIndexOf('@')
      : -1;
  return Math.max(start, at + 1);
}

/** Like `hostStart`, but treats a `?` before an `@` as part of the credentials. */
function parametersStart(url: string): number {
  const start = url.indexOf('://') + 3;
  const authority = url.slice(start).split('/', 1)[0] ?? '';
  const at = (authority.split('?', 1)[0] ?? '').lastIndexOf('@');
  const end = at === -1 ? authority.lastIndexOf('@') : at;
  return end === -1 ? hostStart(url) : start + end + 1;
}

/** The name in `name=value` of a URL's query, not decoded. */
export function parameterName(pair: string): string {
  const at = pair.indexOf('=');
  return at === -1 ? pair : pair.slice(0, at);
}

export function parameterValue(pair: string): string {
  const at = pair.indexOf('=');
  return at === -1 ? '' : decodePercent(pair.slice(at + 1));
}

/** Percent-decodes well-formed sequences; the rest is unchanged. */
function decodePercent(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, run => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

function parseUserInfo(text: string): ConnectionParameters {
  const colon = text.indexOf(':');
  const user = decodePercent(colon === -1 ? text : text.slice(0, colon));
  const password = colon === -1 ? '' : decodePercent(text.slice(colon + 1));
  return {...(user !== '' && {user}), ...(password !== '' && {password})};
}

/** Several hosts (`a:1,b:2`) stay one text. Null for a port that is not a number. */
function parseHost(text: string): ConnectionParameters | null {
  if (text.includes(',')) return {host: decodePercent(text)};
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text);
  const [, host = '', port = ''] = match ?? [];
  if (match === null || !/^\d*$/.test(port)) return null;
  const name = decodePercent(host.replace(/^\[(.*)\]$/, '$1'));
  return {...(name !== '' && {host: name}), ...(port !== '' && {port})};
}

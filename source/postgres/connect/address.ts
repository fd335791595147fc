import {type AbortError, usageError} from '../../core/errors.ts';

/** Connection parameters by libpq's keyword, as text: `host`, `port`, `user`, `dbname`, `sslmode`, ... */
export type Settings = Record<string, string>;

/** Whether a text is meant as an address rather than as a database's name (as psql's `-d` tells them apart). */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text.trim()) || text.includes('=');
}

/**
 * Reads an address: `postgres://` and `postgresql://` as libpq does, and libpq's `host=... dbname=...`.
 * More patient than libpq where applications are: quotes around it, a stray `%`, an `@` in the password.
 * `from` names where it was found. Throws AbortError (exit 2), which never quotes the address: it holds a password.
 */
export function parseAddress(address: string, from: string): Settings {
  const text = address.trim().replace(/^(["'])(.*)\1$/s, '$2');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'postgres' || scheme === 'postgresql') return parseUrl(text, from);
  if (scheme === undefined && text.includes('=')) return parseKeywords(text, from);
  throw notPostgres(scheme, from);
}

function parseUrl(text: string, from: string): Settings {
  const start = text.indexOf('://');
  if (start === -1) throw malformed(from, 'it has no // after its scheme');
  const rest = text.slice(start + 3);
  const at = endOfUserInfo(rest);
  const location = rest.slice(at + 1);
  const [, hosts = '', path = '', query = ''] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(location) ?? [];
  const settings: Settings = {...userInfo(rest.slice(0, Math.max(at, 0))), ...hostInfo(hosts, from)};
  if (path !== '') settings.dbname = decode(path);
  for (const pair of query.split('&').filter(pair => pair !== '')) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
    settings[decode(name)] = decode(value);
  }
  return withAliases(settings);
}

/** The last `@` before path and query: passwords with an unencoded `@` are common, and libpq alone minds. */
function endOfUserInfo(rest: string): number {
  const authority = rest.split('/', 1)[0] ?? '';
  const beforeQuery = (authority.split('?', 1)[0] ?? '').lastIndexOf('@');
  return beforeQuery === -1 ? authority.lastIndexOf('@') : beforeQuery;
}

function userInfo(text: string): Settings {
  if (text === '') return {};
  const colon = text.indexOf(':');
  if (colon === -1) return {user: decode(text)};
  const user = decode(text.slice(0, colon));
  const password = decode(text.slice(colon + 1));
  return {...(user === '' ? {} : {user}), ...(password === '' ? {} : {password})};
}

function hostInfo(text: string, from: string): Settings {
  if (text === '') return {};
  if (text.includes(',')) throw severalHosts(from);
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(text);
  const [, host = '', port = ''] = match ?? [];
  if (match === null || !/^\d*$/.test(port)) {
    throw malformed(from, 'its port is no number; a / ? # or : in the password must be percent-encoded');
  }
  const name = decode(host.replace(/^\[(.*)\]$/, '$1'));
  return {...(name === '' ? {} : {host: name}), ...(port === '' ? {} : {port})};
}

/** libpq's `host=a port=b` with its quotes and backslashes. */
function parseKeywords(text: string, from: string): Settings {
  const settings: Settings = {};
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/gisy;
  const trimmed = text.trim();
  while (pair.lastIndex < trimmed.length) {
    const match = pair.exec(trimmed);
    if (match === null) throw malformed(from, 'it is neither a URL nor a list of keyword=value');
    settings[match[1] ?? ''] = (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1');
  }
  if (settings.host?.includes(',')) throw severalHosts(from);
  return withAliases(settings);
}

/** `ssl=true` is what libpq takes from JDBC's URLs, the others are node-postgres's and Prisma's users' own. */
function withAliases({ssl, ...settings}: Settings): Settings {
  if (ssl === 'true' || ssl === '1') settings.sslmode ??= 'require';
  if (ssl === 'false' || ssl === '0') settings.sslmode ??= 'disable';
  if (settings.sslmode === 'no-verify') settings.sslmode = 'require';
  return settings;
}

/** Percent-decodes what is well-formed and leaves the rest as it stands. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, run => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}

function malformed(from: string, why: string): AbortError {
  return usageError(
    `${from} is no PostgreSQL address: ${why}`,
    'It looks like postgres://user:password@host:5432/database.',
  );
}

function severalHosts(from: string): AbortError {
  return usageError(
    `${from} names several hosts, and poolctl watches one server at a time`,
    'Give the address of one of them.',
  );
}

function notPostgres(scheme: string | undefined, from: string): AbortError {
  if (scheme === undefined)
    return malformed(from, 'it is no URL; a database by its name is given with -d NAME');
  const known = otherSchemes[scheme] ?? (scheme.startsWith('postgres') ? dialect : undefined);
  if (known === undefined) return malformed(from, `it begins with ${scheme}:`);
  return usageError(`${from} is no PostgreSQL address: ${scheme}: is ${known.is}`, known.hint);
}

const direct = 'Give the address of the PostgreSQL behind it, as DIRECT_URL or POOLCTL_DATABASE_URL.';
const other = 'poolctl works on PostgreSQL only: postgres://user:password@host:5432/database.';
const dialect = {is: 'for another program', hint: 'Write postgres:// instead.'};
const otherSchemes: Record<string, {is: string; hint: string}> = {
  prisma: {is: "Prisma Accelerate's", hint: direct},
  'prisma+postgres': {is: "Prisma's own proxy", hint: direct},
  jdbc: {is: 'for Java', hint: 'Leave out jdbc: and give the rest.'},
  mysql: {is: 'MySQL', hint: other},
  mariadb: {is: 'MariaDB', hint: other},
  file: {is: 'SQLite', hint: other},
  sqlserver: {is: 'SQL Server', hint: other},
  mongodb: {is: 'MongoDB', hint: other},
  'mongodb+srv': {is: 'MongoDB', hint: other},
};

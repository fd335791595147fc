import {type AbortError, usageError} from '../../core/errors.ts';
import {type ConnectionParameters, parsePostgresUrl} from '../../core/text/postgres-url.ts';
import type {PrismaSettings} from '../../model/target.ts';

/** Whether a text is an address rather than the name of a database, as psql's `-d` tells them apart. */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text.trim()) || text.includes('=');
}

/**
 * Reads an address: a PostgreSQL URL (`parsePostgresUrl`), also in quotes, or libpq's `host=... dbname=...`. `from` names
 * where it was found. Throws AbortError (exit 2), which never quotes the address: it holds a password.
 */
export function parseAddress(address: string, from: string): ConnectionParameters {
  const text = address.trim().replace(/^(["'])(.*)\1$/s, '$2');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'postgres' || scheme === 'postgresql') return parseUrl(text, from);
  if (scheme === undefined && text.includes('=')) return parseKeywords(text, from);
  throw notPostgres(scheme, from);
}

function parseUrl(text: string, from: string): ConnectionParameters {
  const url = parsePostgresUrl(text);
  if (url.problem !== null) throw malformed(from, url.problem);
  return withAliases(url.parameters);
}

/** libpq's `host=a port=b`, with quotes and backslashes. */
function parseKeywords(text: string, from: string): ConnectionParameters {
  const settings: ConnectionParameters = {};
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/gisy;
  const trimmed = text.trim();
  while (pair.lastIndex < trimmed.length) {
    const match = pair.exec(trimmed);
    if (match === null) throw malformed(from, 'it is neither a URL nor a list of keyword=value');
    settings[match[1] ?? ''] = (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1');
  }
  return withAliases(settings);
}

/** libpq accepts `ssl=true`, from JDBC's URLs; the others are node-postgres's. */
function withAliases({ssl, ...settings}: ConnectionParameters): ConnectionParameters {
  if (ssl === 'true' || ssl === '1') settings.sslmode ??= 'require';
  if (ssl === 'false' || ssl === '0') settings.sslmode ??= 'disable';
  if (settings.sslmode === 'no-verify') settings.sslmode = 'require';
  return settings;
}

function malformed(from: string, why: string): AbortError {
  return usageError(
    `${from} is not a PostgreSQL address: ${why}`,
    'Write it as postgres://user:password@host:5432/database.',
  );
}

function notPostgres(scheme: string | undefined, from: string): AbortError {
  if (scheme === undefined) return malformed(from, 'it is not a URL (name a database with -d NAME)');
  const known = otherSchemes[scheme] ?? (scheme.startsWith('postgres') ? dialect : undefined);
  if (known === undefined) return malformed(from, `it begins with ${scheme}:`);
  return usageError(`${from} is not a PostgreSQL address: ${scheme}: is ${known.is}`, known.hint);
}

const direct = 'Give the address of the PostgreSQL server behind it, as DIRECT_URL or POOLCTL_DATABASE_URL.';
const other = 'poolctl works with PostgreSQL only: postgres://user:password@host:5432/database.';
const dialect = {is: "another program's scheme", hint: 'Write postgres:// instead.'};
const otherSchemes: Record<string, {is: string; hint: string}> = {
  prisma: {is: 'Prisma Accelerate', hint: direct},
  'prisma+postgres': {is: "Prisma's own proxy", hint: direct},
  jdbc: {is: 'for Java', hint: 'Leave out jdbc: and keep the rest.'},
  mysql: {is: 'MySQL', hint: other},
  mariadb: {is: 'MariaDB', hint: other},
  file: {is: 'SQLite', hint: other},
  sqlserver: {is: 'SQL Server', hint: other},
  mongodb: {is: 'MongoDB', hint: other},
  'mongodb+srv': {is: 'MongoDB', hint: other},
};

export type PrismaParameters = {
  settings: ConnectionParameters;
  prisma: PrismaSettings | null;
  /** `connection_limit=5`, to be reported. */
  stripped: string[];
};

/**
 * Takes Prisma's own parameters, which libpq refuses, out of an address and keeps what they say of the
 * application's pool. Its TLS parameters become libpq's: with `sslaccept=strict` Prisma verifies chain and name,
 * else it verifies nothing; its `sslcert` without a key is the authority's certificate, not the client's.
 */
export function splitPrismaParameters(address: ConnectionParameters): PrismaParameters {
  const own = Object.keys(address).filter(name => prismaOnly.has(name));
  if (own.length === 0) return {settings: address, prisma: null, stripped: []};
  const settings = Object.fromEntries(Object.entries(address).filter(([name]) => !prismaOnly.has(name)));
  const prisma: PrismaSettings = {
    connection_limit: number(address.connection_limit),
    pool_timeout: number(address.pool_timeout),
    connect_timeout: number(address.connect_timeout),
    socket_timeout: number(address.socket_timeout),
    pgbouncer: address.pgbouncer === undefined ? null : address.pgbouncer === 'true',
    schema: address.schema ?? null,
  };
  translateTls(settings, address.sslaccept);
  return {settings, prisma, stripped: own.map(name => describe(name, address[name] ?? ''))};
}

const prismaOnly = new Set([
  'schema',
  'connection_limit',
  'pool_timeout',
  'pgbouncer',
  'socket_timeout',
  'statement_cache_size',
  'max_idle_connection_lifetime',
  'max_connection_lifetime',
  'single_use_connections',
  'sslaccept',
  'sslidentity',
]);

function translateTls(settings: ConnectionParameters, accept: string | undefined): void {
  const authority = settings.sslkey === undefined ? settings.sslcert : undefined;
  if (authority !== undefined) delete settings.sslcert;
  if (accept !== 'strict' || settings.sslmode === 'disable') return;
  settings.sslmode = 'verify-full';
  if (authority !== undefined) settings.sslrootcert ??= authority;
}

/** A path tells where keys lie: its name is enough. */
function describe(name: string, value: string): string {
  return name === 'sslidentity' ? name : `${name}=${value}`;
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

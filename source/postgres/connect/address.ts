import {type AbortError, usageError} from '../../core/errors.ts';
import {type ConnectionParameters, parsePostgresUrl} from '../../core/text/postgres-url.ts';
import type {PrismaSettings} from '../../model/target.ts';

/** Whether a text is an address rather than the name of a database, as psql's `-d` tells them apart. */
export function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text.trim()) || text.includes('=');
}

/**
 * Reads an address: a PostgreSQL URL (`parsePostgresUrl`), also in quotes, or libpq's `host=... dbname=...`. `from`
 * names where it was found. Throws AbortError (exit 2), which never quotes the address: it may contain a password.
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
  const parameters: ConnectionParameters = {};
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)/gisy;
  const trimmed = text.trim();
  while (pair.lastIndex < trimmed.length) {
    const match = pair.exec(trimmed);
    if (match === null) throw malformed(from, 'it is neither a URL nor a list of keyword=value');
    parameters[match[1] ?? ''] = (match[2] ?? match[3] ?? '').replace(/\\(.)/gs, '$1');
  }
  return withAliases(parameters);
}

/** libpq accepts `ssl=true`, from JDBC's URLs; the others are node-postgres's. */
function withAliases({ssl, ...parameters}: ConnectionParameters): ConnectionParameters {
  if (ssl === 'true' || ssl === '1') parameters.sslmode ??= 'require';
  if (ssl === 'false' || ssl === '0') parameters.sslmode ??= 'disable';
  if (parameters.sslmode === 'no-verify') parameters.sslmode = 'require';
  return parameters;
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

type PrismaParameters = {
  parameters: ConnectionParameters;
  prisma: PrismaSettings | null;
  /** Parameters to report as ignored: `connection_limit=5`. */
  ignored: string[];
};

/**
 * Removes Prisma's own parameters, which libpq rejects, from an address and keeps what they say about the application's
 * pool. Its TLS parameters become libpq's, so that sslaccept is not ignored: with `sslaccept=strict` Prisma verifies chain and name, otherwise nothing;
 * its `sslcert` without a key is the authority's certificate, not the client's.
 */
export function splitPrismaParameters(address: ConnectionParameters): PrismaParameters {
  const own = Object.keys(address).filter(name => prismaOnly.has(name));
  if (own.length === 0) return {parameters: address, prisma: null, ignored: []};
  const parameters = Object.fromEntries(Object.entries(address).filter(([name]) => !prismaOnly.has(name)));
  const prisma: PrismaSettings = {
    connection_limit: number(address.connection_limit),
    pool_timeout: number(address.pool_timeout),
    connect_timeout: number(address.connect_timeout),
    socket_timeout: number(address.socket_timeout),
    pgbouncer: address.pgbouncer === undefined ? null : address.pgbouncer === 'true',
    schema: address.schema ?? null,
  };
  translateTls(parameters, address.sslaccept);
  const ignored = own.filter(name => name !== 'sslaccept');
  return {parameters, prisma, ignored: ignored.map(name => describe(name, address[name] ?? ''))};
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

function translateTls(parameters: ConnectionParameters, accept: string | undefined): void {
  const authority = parameters.sslkey === undefined ? parameters.sslcert : undefined;
  if (authority !== undefined) delete parameters.sslcert;
  if (accept !== 'strict' || parameters.sslmode === 'disable') return;
  parameters.sslmode = 'verify-full';
  if (authority !== undefined) parameters.sslrootcert ??= authority;
}

/** The path of `sslidentity` says where keys are stored, so it is left out. */
function describe(name: string, value: string): string {
  return name === 'sslidentity' ? name : `${name}=${value}`;
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

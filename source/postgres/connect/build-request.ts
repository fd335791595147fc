import {noSettings} from '../../core/configuration.ts';
import {type AbortError, usageError} from '../../core/errors.ts';
import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import {parseAddress, splitPrismaParameters} from './address.ts';
import {defaultHost, environmentParameters, type Machine, serviceParameters} from './machine.ts';
import {findPassword} from './password.ts';
import {
  type AuthenticationMethod,
  authenticationMethods,
  type ConnectionRequest,
  type Origin,
  type TlsRequest,
  tlsModes,
} from './request.ts';

/** Where an address was found; `overrides` are the flags of the command line. */
type Found = {source: string; origin: Origin; overrides?: ConnectionParameters};

const defaultConnectTimeoutMs = 10_000;

/** A request from a URL or a keyword=value string. */
export function requestFromUrl({url, ...found}: Found & {url: string}, machine: Machine): ConnectionRequest {
  return buildRequest({...found, address: parseAddress(url, found.source)}, machine);
}

/**
 * Fills in what an address leaves out as libpq does: from its service, then the environment, then defaults. An address
 * from a folder's .env gets none of the user's secrets, only a password and a client key that the file itself names.
 * Throws AbortError (exit 2) for an invalid value.
 */
export function buildRequest(
  {source, origin, address, overrides = {}}: Found & {address: ConnectionParameters},
  machine: Machine,
): ConnectionRequest {
  const {parameters: own, prisma, ignored} = splitPrismaParameters(address);
  const isFromFolder = origin.kind === 'folder';
  if (isFromFolder && own.service !== undefined) throw serviceInDotenv(own.service, source);
  if (isFromFolder && own.host !== undefined && own.hostaddr !== undefined)
    throw hostaddrInDotenv(own, source);
  const service = own.service === undefined ? {} : serviceParameters(own.service, machine);
  const explicit = {...service, ...own, ...overrides};
  // The password belongs to the role in the address, not to another one of the command line.
  if (overrides.user !== undefined && overrides.user !== (own.user ?? service.user)) delete explicit.password;
  const exported = environmentParameters(machine.env);
  // PGHOSTADDR would divert a connection to the address's own host.
  if (explicit.host !== undefined) delete exported.hostaddr;
  if (isFromFolder) for (const keyword of clientCertificate) delete exported[keyword];
  const minimum = isFromFolder ? minimumProof(exported, explicit) : {};
  const parameters: ConnectionParameters = {...exported, ...explicit, ...minimum};

  const port = portOf(parameters.port, source);
  const user = parameters.user ?? machine.os_user;
  const host = parameters.host ?? parameters.hostaddr ?? defaultHost(port, machine);
  if (host.includes(',')) {
    throw unusable(source, 'it names several hosts, and poolctl connects to one server');
  }
  refuseUnhonoured(parameters, source);
  const server = {host, port, user, database: parameters.dbname ?? user};
  const password = findPassword(server, {parameters, own: explicit.password, source, isFromFolder}, machine);
  return {
    source,
    origin,
    ...server,
    hostaddr: parameters.hostaddr ?? null,
    ...password,
    tls: tlsRequest(parameters, {source, isFromFolder}, machine),
    allowed_authentication: allowedAuthentication(parameters.require_auth, source),
    options: parameters.options ?? '',
    connect_timeout_ms: timeoutOf(parameters.connect_timeout),
    prisma,
    ignoredParameters: [...ignored, ...unused(own)],
    is_production: false,
    read_only: null,
    environment: null,
    settings: noSettings,
    rescue: null,
    pooler: null,
  };
}

/** The proof of identity that the user's exported variables require, which a folder's .env cannot weaken. */
function minimumProof(exported: ConnectionParameters, explicit: ConnectionParameters): ConnectionParameters {
  const names = ['sslrootcert', 'channel_binding', 'require_auth'] as const;
  const minimum = Object.fromEntries(
    names.flatMap(name => (exported[name] === undefined ? [] : [[name, exported[name]]])),
  );
  const modes: readonly (string | undefined)[] = tlsModes;
  const strength = (mode: string | undefined) => modes.indexOf(mode);
  const isWeaker = explicit.sslmode !== undefined && strength(explicit.sslmode) < strength(exported.sslmode);
  return isWeaker && exported.sslmode !== undefined ? {...minimum, sslmode: exported.sslmode} : minimum;
}

/** The parameters of a client certificate. */
const clientCertificate = ['sslcert', 'sslkey', 'sslpassword'];

function tlsRequest(
  parameters: ConnectionParameters,
  {source, isFromFolder}: {source: string; isFromFolder: boolean},
  {home, cwd}: Machine,
): TlsRequest {
  const file = (name: string | undefined, fallback: string) =>
    name === undefined
      ? {path: `${home}/.postgresql/${fallback}`, is_named: false}
      : {path: /^([/\\]|[a-z]:)/i.test(name) ? name : `${cwd}/${name}`, is_named: true};
  const isSystem = parameters.sslrootcert === 'system';
  const mode = parameters.sslmode ?? (isSystem ? 'verify-full' : 'prefer');
  // As libpq: a public authority certifies anyone, so only the host name in the certificate proves something.
  if (isSystem && mode !== 'verify-full') {
    throw unusable(source, `sslrootcert=system needs sslmode=verify-full, not ${mode}`);
  }
  return {
    mode: oneOf('sslmode', mode, tlsModes, source),
    negotiation: oneOf(
      'sslnegotiation',
      parameters.sslnegotiation ?? 'postgres',
      ['postgres', 'direct'],
      source,
    ),
    root_certificate: isSystem ? 'system' : file(parameters.sslrootcert, 'root.crt'),
    certificate:
      isFromFolder && parameters.sslcert === undefined ? null : file(parameters.sslcert, 'postgresql.crt'),
    key: file(parameters.sslkey, 'postgresql.key'),
    key_password: parameters.sslpassword ?? null,
    channel_binding: oneOf(
      'channel_binding',
      parameters.channel_binding ?? 'prefer',
      ['disable', 'prefer', 'require'],
      source,
    ),
  };
}

function allowedAuthentication(
  text: string | undefined,
  source: string,
): ConnectionRequest['allowed_authentication'] {
  const allowed = parseRequireAuth(text ?? '');
  if (typeof allowed === 'string') throw unusable(source, `require_auth: ${allowed}`);
  return allowed;
}

/**
 * libpq's parameters that protect a connection and that poolctl does not implement, each with the values that demand no
 * more than poolctl does: Node negotiates TLS 1.2 or later.
 */
const unhonoured: Record<string, readonly string[]> = {
  gssencmode: ['disable', 'prefer'],
  requirepeer: [],
  sslcertmode: ['allow'],
  sslcrl: [],
  sslcrldir: [],
  ssl_min_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2'],
};

/** Throws AbortError (exit 2): connecting without a protection that was asked for would be weaker than psql. */
function refuseUnhonoured(parameters: ConnectionParameters, source: string): void {
  for (const [name, harmless] of Object.entries(unhonoured)) {
    const value = parameters[name] ?? '';
    if (value === '' || harmless.includes(value)) continue;
    throw usageError(
      `${source} cannot be used: poolctl does not implement ${name}=${value}`,
      `Without ${name} the connection is less protected than you asked for; remove it, also from the environment, if that is acceptable.`,
    );
  }
}

function oneOf<T extends string>(keyword: string, value: string, allowed: readonly T[], source: string): T {
  const found = allowed.find(each => each === value);
  if (found !== undefined) return found;
  throw unusable(source, `${keyword}=${value} is not one of ${allowed.join(', ')}`);
}

function portOf(text: string | undefined, source: string): number {
  const port = Number(text ?? 5432);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw unusable(source, `port ${text} is not between 1 and 65535`);
}

/** Milliseconds from libpq's seconds; 0 or less waits forever. */
function timeoutOf(text: string | undefined): number {
  const seconds = Number(text ?? Number.NaN);
  if (!Number.isFinite(seconds)) return defaultConnectTimeoutMs;
  return seconds <= 0 ? 0 : seconds * 1000;
}

/** The parameters of libpq that poolctl uses; others are reported as ignored. */
const used = new Set([
  ...['host', 'hostaddr', 'port', 'user', 'password', 'passfile', 'dbname', 'service', 'options'],
  ...['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'sslnegotiation', 'channel_binding'],
  ...['require_auth', 'connect_timeout', ...Object.keys(unhonoured)],
]);

function unused(address: ConnectionParameters): string[] {
  return Object.entries(address)
    .filter(([name]) => !used.has(name))
    .map(([name, value]) => (name === 'application_name' ? `${name}=${value}` : name));
}

function serviceInDotenv(name: string, source: string): AbortError {
  return usageError(
    `${source} names service "${name}", and poolctl does not read your service file for a folder's .env`,
    `Set PGSERVICE=${name} instead.`,
  );
}

function hostaddrInDotenv({host, hostaddr}: ConnectionParameters, source: string): AbortError {
  return usageError(
    `${source} names host ${host} but connects to ${hostaddr}, which poolctl does not allow in a folder's .env`,
    'Export the URL, or pass it as an argument.',
  );
}

function unusable(source: string, why: string): AbortError {
  return usageError(
    `${source} cannot be used: ${why}`,
    "Use libpq's parameters: postgres://user:password@host:5432/database?sslmode=require.",
  );
}

/** Methods of libpq that pg does not implement: allowing them changes nothing. */
const unimplemented = ['gss', 'sspi', 'oauth'];

/**
 * libpq's require_auth: the methods named, or, with `!` before each, all others. null allows every method; a string
 * says what is wrong.
 */
function parseRequireAuth(text: string): AuthenticationMethod[] | null | string {
  const words = text.split(',').map(word => word.trim());
  if (words.every(word => word === '')) return null;
  const names = words.map(word => word.replace(/^!/, ''));
  const known: readonly string[] = [...authenticationMethods, ...unimplemented];
  const unknown = names.find(name => !known.includes(name));
  if (unknown !== undefined) return `${unknown} is not one of ${known.join(', ')}`;
  const negated = words.filter(word => word.startsWith('!')).length;
  if (negated > 0 && negated < words.length) return 'methods with and without ! cannot be combined';
  return authenticationMethods.filter(method => names.includes(method) === (negated === 0));
}

import {noSettings} from '../../core/configuration.ts';
import {type AbortError, usageError} from '../../core/errors.ts';
import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import {parseAddress, splitPrismaParameters} from './address.ts';
import type {Machine} from './machine.ts';
import {defaultHost, environmentSettings, serviceSettings} from './machine.ts';
import {findPasswordFor} from './password.ts';
import {
  type AuthenticationMethod,
  authenticationMethods,
  type ConnectionRequest,
  type Origin,
  type TlsRequest,
  tlsModes,
} from './request.ts';

/** Where an address was found, and what the command line says over it. */
type Found = {source: string; origin: Origin; over?: ConnectionParameters};

const defaultConnectTimeoutMs = 10_000;

/** A request from an address as an application writes it. */
export function requestFromUrl({url, ...found}: Found & {url: string}, machine: Machine): ConnectionRequest {
  return buildRequest({...found, address: parseAddress(url, found.source)}, machine);
}

/**
 * Fills what an address leaves open as libpq does: its service's parameters, then the environment, then defaults. The
 * address of a folder gets no secret but its own: no password and no client key that the folder did not name.
 * Throws AbortError (exit 2) for a value that cannot be.
 */
export function buildRequest(
  {source, origin, address, over = {}}: Found & {address: ConnectionParameters},
  machine: Machine,
): ConnectionRequest {
  const {settings: own, prisma, stripped} = splitPrismaParameters(address);
  const isFromFolder = origin.kind === 'folder';
  if (isFromFolder && own.service !== undefined) throw namesService(own.service, source);
  if (isFromFolder && own.host !== undefined && own.hostaddr !== undefined) throw disguised(own, source);
  const service = own.service === undefined ? {} : serviceSettings(own.service, machine);
  const said = {...service, ...own, ...over};
  // The password belongs to the role in the address, not to the one that the command line names instead.
  if (over.user !== undefined && over.user !== (own.user ?? service.user)) delete said.password;
  const fromEnvironment = environmentSettings(machine.env);
  // PGHOSTADDR would send what is meant for the address's own host elsewhere.
  if (said.host !== undefined) delete fromEnvironment.hostaddr;
  if (isFromFolder) for (const keyword of keys) delete fromEnvironment[keyword];
  const floor = isFromFolder ? requiredOfServer(fromEnvironment, said) : {};
  const settings: ConnectionParameters = {...fromEnvironment, ...said, ...floor};

  const port = portOf(settings.port, source);
  const user = settings.user ?? machine.os_user;
  const host = settings.host ?? settings.hostaddr ?? defaultHost(port, machine);
  if (host.includes(','))
    throw unusable(source, 'it names several hosts, and poolctl watches one server at a time');
  const place = {host, port, user, database: settings.dbname ?? user};
  const password = findPasswordFor(place, {settings, own: said.password, source, isFromFolder}, machine);
  return {
    source,
    origin,
    ...place,
    hostaddr: settings.hostaddr ?? null,
    ...password,
    tls: tlsRequest(settings, {source, isFromFolder}, machine),
    allowed_authentication: authenticationOf(settings.require_auth, source),
    options: settings.options ?? '',
    connect_timeout_ms: timeoutOf(settings.connect_timeout),
    prisma,
    ignoredParameters: [...stripped, ...unused(own)],
    is_production: false,
    environment: null,
    settings: noSettings,
    rescue: null,
  };
}

/** What a folder cannot lower: how the user has exported that a server has to prove itself. */
function requiredOfServer(exported: ConnectionParameters, said: ConnectionParameters): ConnectionParameters {
  const names = ['sslrootcert', 'channel_binding', 'require_auth'] as const;
  const floor = Object.fromEntries(
    names.flatMap(name => (exported[name] === undefined ? [] : [[name, exported[name]]])),
  );
  const modes: readonly (string | undefined)[] = tlsModes;
  const strength = (mode: string | undefined) => modes.indexOf(mode);
  const isWeaker = said.sslmode !== undefined && strength(said.sslmode) < strength(exported.sslmode);
  return isWeaker && exported.sslmode !== undefined ? {...floor, sslmode: exported.sslmode} : floor;
}

/** What makes a client certificate. */
const keys = ['sslcert', 'sslkey', 'sslpassword'];

function tlsRequest(
  settings: ConnectionParameters,
  {source, isFromFolder}: {source: string; isFromFolder: boolean},
  {home, cwd}: Machine,
): TlsRequest {
  const file = (name: string | undefined, fallback: string) =>
    name === undefined
      ? {path: `${home}/.postgresql/${fallback}`, is_named: false}
      : {path: /^([/\\]|[a-z]:)/i.test(name) ? name : `${cwd}/${name}`, is_named: true};
  const isSystem = settings.sslrootcert === 'system';
  const mode = settings.sslmode ?? (isSystem ? 'verify-full' : 'prefer');
  // As libpq: anybody can have a certificate of a public authority, so only the name in it proves something.
  if (isSystem && mode !== 'verify-full') {
    throw unusable(source, `sslrootcert=system needs sslmode=verify-full, not ${mode}`);
  }
  return {
    mode: oneOf('sslmode', mode, tlsModes, source),
    negotiation: oneOf(
      'sslnegotiation',
      settings.sslnegotiation ?? 'postgres',
      ['postgres', 'direct'],
      source,
    ),
    root_certificate: isSystem ? 'system' : file(settings.sslrootcert, 'root.crt'),
    certificate:
      isFromFolder && settings.sslcert === undefined ? null : file(settings.sslcert, 'postgresql.crt'),
    key: file(settings.sslkey, 'postgresql.key'),
    key_password: settings.sslpassword ?? null,
    channel_binding: oneOf(
      'channel_binding',
      settings.channel_binding ?? 'prefer',
      ['disable', 'prefer', 'require'],
      source,
    ),
  };
}

function authenticationOf(
  text: string | undefined,
  source: string,
): ConnectionRequest['allowed_authentication'] {
  const allowed = readRequireAuth(text ?? '');
  if (typeof allowed === 'string') throw unusable(source, `require_auth: ${allowed}`);
  return allowed;
}

function oneOf<T extends string>(keyword: string, value: string, allowed: readonly T[], source: string): T {
  const found = allowed.find(each => each === value);
  if (found !== undefined) return found;
  throw unusable(source, `${keyword}=${value} is none of ${allowed.join(', ')}`);
}

function portOf(text: string | undefined, source: string): number {
  const port = Number(text ?? 5432);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw unusable(source, `port ${text} is not between 1 and 65535`);
}

/** libpq: seconds, none or 0 or less waits for ever; poolctl's default is 10 s. */
function timeoutOf(text: string | undefined): number {
  const seconds = Number(text ?? Number.NaN);
  if (!Number.isFinite(seconds)) return defaultConnectTimeoutMs;
  return seconds <= 0 ? 0 : seconds * 1000;
}

/** Parameters of libpq that poolctl heeds; the rest of an address is reported as left out. */
const heeded = new Set([
  ...['host', 'hostaddr', 'port', 'user', 'password', 'passfile', 'dbname', 'service', 'options'],
  ...['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'sslnegotiation', 'channel_binding'],
  ...['require_auth', 'connect_timeout'],
]);

function unused(address: ConnectionParameters): string[] {
  return Object.entries(address)
    .filter(([name]) => !heeded.has(name))
    .map(([name, value]) => (name === 'application_name' ? `${name}=${value}` : name));
}

function namesService(name: string, source: string): AbortError {
  return usageError(
    `${source} names a service of yours, "${name}", and poolctl gives no folder what is in your service file`,
    `Name it yourself: PGSERVICE=${name}.`,
  );
}

function disguised({host, hostaddr}: ConnectionParameters, source: string): AbortError {
  return usageError(
    `${source} names ${host} and connects to ${hostaddr}: a folder cannot name one server and lead to another`,
    'Export the URL, or give it in the call.',
  );
}

function unusable(source: string, why: string): AbortError {
  return usageError(
    `${source} cannot be used: ${why}`,
    'The parameters are those of libpq: postgres://user:password@host:5432/database?sslmode=require.',
  );
}

/** Of libpq's methods those that pg does not speak: allowed, they change nothing. */
const unspoken = ['gss', 'sspi', 'oauth'];

/**
 * libpq's require_auth: the methods named, or with `!` before each all others. null allows every method; a text says
 * what is wrong.
 */
export function readRequireAuth(text: string): AuthenticationMethod[] | null | string {
  const words = text.split(',').map(word => word.trim());
  if (words.every(word => word === '')) return null;
  const names = words.map(word => word.replace(/^!/, ''));
  const known: readonly string[] = [...authenticationMethods, ...unspoken];
  const unknown = names.find(name => !known.includes(name));
  if (unknown !== undefined) return `${unknown} is none of ${known.join(', ')}`;
  const negated = words.filter(word => word.startsWith('!')).length;
  if (negated > 0 && negated < words.length) return 'methods with and without ! do not go together';
  return authenticationMethods.filter(method => names.includes(method) === (negated === 0));
}

import {noSettings} from '../core/configuration.ts';
import {type AbortError, usageError} from '../core/errors.ts';
import {parseAddress, type Settings} from './connection-address.ts';
import {type ConnectionRequest, type TlsRequest, tlsModes} from './connection-request.ts';
import {defaultHost, environmentSettings} from './libpq-environment.ts';
import type {Machine} from './local-machine.ts';
import {findPassword, passwordFilePath} from './password-file.ts';
import {splitPrismaParameters} from './prisma-parameters.ts';
import {serviceSettings} from './service-file.ts';

/** An address, what the command line says over it, and where it was found. */
export type AddressFound = {source: string; address: Settings; over?: Settings};

const defaultConnectTimeoutMs = 10_000;

/** A request from an address as an application writes it. */
export function requestFromUrl(
  url: string,
  source: string,
  machine: Machine,
  over?: Settings,
): ConnectionRequest {
  return buildRequest(
    {source, address: parseAddress(url, source), ...(over === undefined ? {} : {over})},
    machine,
  );
}

/**
 * Fills what an address leaves open as libpq does: its service's parameters, then the environment, then defaults.
 * Throws AbortError (exit 2) for a value that cannot be.
 */
export function buildRequest(
  {source, address, over = {}}: AddressFound,
  machine: Machine,
): ConnectionRequest {
  const {settings: own, prisma, stripped} = splitPrismaParameters(address);
  const service = own.service === undefined ? {} : serviceSettings(own.service, machine);
  const said = {...service, ...own, ...over};
  // The password belongs to the role in the address, not to the one that the command line names instead.
  if (over.user !== undefined && over.user !== (own.user ?? service.user)) delete said.password;
  const fromEnvironment = environmentSettings(machine.env);
  // PGHOSTADDR would send what is meant for the address's own host elsewhere.
  if (said.host !== undefined) delete fromEnvironment.hostaddr;
  const settings: Settings = {...fromEnvironment, ...said};

  const port = portOf(settings.port, source);
  const user = settings.user ?? machine.os_user;
  const host = settings.host ?? settings.hostaddr ?? defaultHost(port, machine);
  if (host.includes(',')) throw unusable(source, 'it names several hosts, and poolctl watches one server');
  const place = {host, port, user, database: settings.dbname ?? user};
  const password = passwordFor(place, settings, {isOwn: said.password !== undefined, source, machine});
  return {
    source,
    ...place,
    hostaddr: settings.hostaddr ?? null,
    ...password,
    tls: tlsRequest(settings, source, machine),
    options: settings.options ?? '',
    connect_timeout_ms: timeoutOf(settings.connect_timeout),
    prisma,
    stripped: [...stripped, ...unused(own)],
    is_production: false,
    environment: null,
    settings: noSettings,
    rescue: null,
  };
}

type PasswordContext = {isOwn: boolean; source: string; machine: Machine};

function passwordFor(
  place: {host: string; port: number; user: string; database: string},
  settings: Settings,
  {isOwn, source, machine}: PasswordContext,
): Pick<ConnectionRequest, 'password' | 'password_source' | 'warnings'> {
  const given = settings.password;
  if (given !== undefined) {
    return {password: () => given, password_source: isOwn ? source : 'PGPASSWORD', warnings: []};
  }
  const path = passwordFilePath(settings.passfile, machine);
  const {password, warning} = findPassword(path, place, machine);
  return {
    password: () => password,
    password_source: password === null ? null : path,
    warnings: warning === null ? [] : [warning],
  };
}

function tlsRequest(settings: Settings, source: string, {home, cwd}: Machine): TlsRequest {
  const folder = `${home}/.postgresql`;
  const file = (name: string | undefined, fallback: string) =>
    name === undefined
      ? {path: `${folder}/${fallback}`, is_named: false}
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
    certificate: file(settings.sslcert, 'postgresql.crt'),
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
  'connect_timeout',
]);

function unused(address: Settings): string[] {
  return Object.entries(address)
    .filter(([name]) => !heeded.has(name))
    .map(([name, value]) => (name === 'application_name' ? `${name}=${value}` : name));
}

function unusable(source: string, why: string): AbortError {
  return usageError(
    `${source} cannot be used: ${why}`,
    'The parameters are those of libpq: postgres://user:password@host:5432/database?sslmode=require.',
  );
}

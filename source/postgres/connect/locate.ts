import {type Configuration, type ConfiguredTarget, noSettings} from '../../core/configuration.ts';
import {type AbortError, usageError} from '../../core/errors.ts';
import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import {isAddress} from './address.ts';
import {buildRequest, requestFromUrl} from './build-request.ts';
import type {Machine} from './machine.ts';
import {type Dotenv, environmentSource, readDotenv, serverVariable} from './machine.ts';
import type {ConnectionRequest, Origin} from './request.ts';

/** What the command line says of the server; psql's letters for the first four. */
export type LocateFlags = {
  host?: string | undefined;
  port?: string | number | undefined;
  user?: string | undefined;
  /** A name, or an address as psql's -d takes one. */
  database?: string | undefined;
  target?: string | undefined;
  production?: boolean | undefined;
};

export type LocateOptions = {
  url?: string | undefined;
  flags: LocateFlags;
  machine: Machine;
  /** null: there is no such file. */
  configuration?: Configuration | null;
  /** The addresses of the target that `flags` name. */
  target?: {url: string; rescue_url: string | null} | null;
};

/**
 * Where the server is: `[url]` or `--target` > exported variables (POOLCTL_DATABASE_URL > DIRECT_URL > DATABASE_URL >
 * PGSERVICE > PGHOST and its kin) > the same URLs in ./.env > libpq's defaults. Flags are laid over what an address
 * says; `-h` names another server than any URL and does without them. The rescue address is the user's: never ./.env's.
 * Throws AbortError (exit 2) for what is no address or names a profile or a service that is not there.
 */
export function locate(options: LocateOptions): ConnectionRequest {
  const {flags, machine} = options;
  const dotenv = readDotenv(machine);
  if (flags.target !== undefined && options.url !== undefined) throw bothGiven();
  const request = findRequest(options, dotenv);

  const known = findConfigured(request, options);
  // A folder can mark its server as production; what the user says of it counts first.
  const mark = machine.env.POOLCTL_PRODUCTION || dotenv.variables.POOLCTL_PRODUCTION;
  const is_production = flags.production ?? (known.is_production || isTruthy(mark));
  // What the command line says is no production is not called so, nor another thing than production where it is.
  const isOther = !is_production && !known.is_production;
  const environment = isOther ? known.environment : null;
  const bearing = {is_production, environment, settings: known.settings};
  const rescue = findRescue(options);
  const isIgnored = dotenv.variables.POOLCTL_RESCUE_URL && !machine.env.POOLCTL_RESCUE_URL;
  const ignored = isIgnored ? ['POOLCTL_RESCUE_URL in ./.env is ignored: export it instead'] : [];
  return {
    ...request,
    ...bearing,
    warnings: [...request.warnings, ...ignored],
    rescue: rescue && {...rescue, ...bearing},
  };
}

function findRescue({flags, machine, target}: LocateOptions): ConnectionRequest | null {
  const call = {kind: 'call'} as const;
  if (target?.rescue_url) {
    const source = `the rescue address of target "${flags.target}"`;
    return requestFromUrl({url: target.rescue_url, source, origin: call}, machine);
  }
  const [variable, url] = ['POOLCTL_RESCUE_URL', machine.env.POOLCTL_RESCUE_URL] as const;
  if (!url) return null;
  return requestFromUrl({url, source: variable, origin: {kind: 'environment', variable}}, machine);
}

function findRequest(options: LocateOptions, dotenv: Dotenv): ConnectionRequest {
  const {flags, machine, target, configuration} = options;
  const over = flagSettings(flags);
  const call: Origin = {kind: 'call'};
  if (target) {
    const source = `target "${flags.target}" in ${configuration?.file}`;
    return requestFromUrl({url: target.url, source, origin: call, over}, machine);
  }
  const databaseAddress =
    flags.database !== undefined && isAddress(flags.database) ? flags.database : undefined;
  const given = options.url ?? databaseAddress;
  if (given !== undefined) {
    const source = options.url === undefined ? 'the address of -d' : 'the address given';
    return requestFromUrl({url: given, source, origin: call, over}, machine);
  }
  if (flags.host !== undefined) return fromVariables(machine, {origin: call, over});
  const exported = fromExportedUrl(machine, over);
  if (exported !== null) return exported;
  const variable = machine.env.PGSERVICE ? 'PGSERVICE' : serverVariable(machine.env);
  if (variable !== null) return fromVariables(machine, {origin: {kind: 'environment', variable}, over});
  return fromDotenv(machine, dotenv, over) ?? fromVariables(machine, {origin: {kind: 'defaults'}, over});
}

const urlVariables = ['POOLCTL_DATABASE_URL', 'DIRECT_URL', 'DATABASE_URL'];

function fromExportedUrl(machine: Machine, over: ConnectionParameters): ConnectionRequest | null {
  const variable = urlVariables.find(name => machine.env[name]?.trim());
  if (variable === undefined) return null;
  const url = machine.env[variable] ?? '';
  return requestFromUrl({url, source: variable, origin: {kind: 'environment', variable}, over}, machine);
}

/** PGSERVICE, PGHOST and its kin, or nothing at all: what psql would make of it. */
function fromVariables(
  machine: Machine,
  {origin, over}: {origin: Origin; over: ConnectionParameters},
): ConnectionRequest {
  const service = machine.env.PGSERVICE;
  if (service) {
    const source = `service "${service}" (PGSERVICE)`;
    return buildRequest({source, origin, address: {service}, over}, machine);
  }
  const source = Object.keys(over).length > 0 ? 'the command line' : environmentSource(machine.env);
  return buildRequest({source, origin, address: {}, over}, machine);
}

function fromDotenv(
  machine: Machine,
  {variables, borrowed}: Dotenv,
  over: ConnectionParameters,
): ConnectionRequest | null {
  const variable = urlVariables.find(name => variables[name]?.trim());
  if (variable === undefined) return null;
  const source = `${variable} in ./.env`;
  const other = borrowed(variable);
  if (other !== null) throw refersOutside(source, other);
  return requestFromUrl({url: variables[variable] ?? '', source, origin: {kind: 'folder'}, over}, machine);
}

function flagSettings({host, port, user, database}: LocateFlags): ConnectionParameters {
  const settings: ConnectionParameters = {};
  if (host !== undefined) settings.host = host;
  if (port !== undefined) settings.port = String(port);
  if (user !== undefined) settings.user = user;
  if (database !== undefined && !isAddress(database)) settings.dbname = database;
  return settings;
}

/**
 * What the configuration says of this server, however it was found: by its target's name, or by the address of one
 * (a command's is not asked for to compare). Of several targets there, one that is production decides.
 */
function findConfigured(
  request: ConnectionRequest,
  {flags, machine, configuration}: LocateOptions,
): {is_production: boolean} & Pick<ConfiguredTarget, 'environment' | 'settings'> {
  const targets = [...(configuration?.targets ?? [])].filter(
    ([name, {url}]) =>
      name === flags.target ||
      (url.kind === 'literal' && isSame(request, url.text, name, machine)) ||
      (url.kind === 'variable' && isSame(request, machine.env[url.text] ?? '', name, machine)),
  );
  const named = targets.find(([name]) => name === flags.target);
  const isProduction = ([, {environment}]: (typeof targets)[number]) => environment === 'production';
  const [, target] = named ?? targets.find(isProduction) ?? targets[0] ?? [];
  return {
    is_production: targets.some(isProduction),
    environment: target?.environment ?? null,
    settings: target?.settings ?? configuration?.settings ?? noSettings,
  };
}

function isSame(request: ConnectionRequest, url: string, name: string, machine: Machine): boolean {
  if (!url.trim()) return false;
  const found = {url, source: `target "${name}"`, origin: {kind: 'call'}} as const;
  const {host, port, database} = requestFromUrl(found, machine);
  return host === request.host && port === request.port && database === request.database;
}

function isTruthy(text: string | undefined): boolean {
  return !['', '0', 'false', 'no', 'off'].includes((text ?? '').trim().toLowerCase());
}

function refersOutside(source: string, name: string): AbortError {
  return usageError(
    `${source} refers to ${name}, which is exported and not set in the file`,
    'poolctl puts no exported variable into an address that a folder names: export the whole URL, or give it in the call.',
  );
}

function bothGiven(): AbortError {
  return usageError(
    'an address and --target are given, and they may name two servers',
    'Leave out one of them.',
  );
}

import {type Configuration, type ConfiguredTarget, noSettings} from '../core/configuration.ts';
import {type AbortError, usageError} from '../core/errors.ts';
import {buildRequest, requestFromUrl} from './build-request.ts';
import {isAddress, type Settings} from './connection-address.ts';
import type {ConnectionRequest} from './connection-request.ts';
import {readDotenv} from './dotenv.ts';
import {environmentSource} from './libpq-environment.ts';
import type {Machine} from './local-machine.ts';

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
 * Where the server is: `[url]` or `--target` > POOLCTL_DATABASE_URL > DIRECT_URL > DATABASE_URL (the process's
 * environment, then ./.env) > PGSERVICE, PGHOST and its kin > libpq's defaults. Flags are laid over what an
 * address says; `-h` names another server than the environment's URLs and does without them.
 * Throws AbortError (exit 2) for what is no address or names a profile or a service that is not there.
 */
export function locate(options: LocateOptions): ConnectionRequest {
  const {flags, machine} = options;
  const dotenv = readDotenv(machine);
  if (flags.target !== undefined && options.url !== undefined) throw bothGiven();
  const request = findRequest(options, dotenv);

  const ownRescue = options.target?.rescue_url;
  const rescueUrl = ownRescue ?? machine.env.POOLCTL_RESCUE_URL ?? dotenv.POOLCTL_RESCUE_URL;
  const rescueSource = ownRescue ? `the rescue address of target "${flags.target}"` : 'POOLCTL_RESCUE_URL';
  const known = findConfigured(request, options);
  const is_production =
    flags.production ??
    (known.is_production || isTruthy(machine.env.POOLCTL_PRODUCTION ?? dotenv.POOLCTL_PRODUCTION));
  const rescue = rescueUrl ? requestFromUrl(rescueUrl, rescueSource, machine) : null;
  // What the command line says is no production is not called so, nor another thing than production where it is.
  const isOther = !is_production && !known.is_production;
  const environment = isOther ? known.environment : null;
  const bearing = {is_production, environment, settings: known.settings};
  return {...request, ...bearing, rescue: rescue && {...rescue, ...bearing}};
}

function findRequest(options: LocateOptions, dotenv: Record<string, string>): ConnectionRequest {
  const {flags, machine, target, configuration} = options;
  const over = flagSettings(flags);
  if (target) {
    return requestFromUrl(target.url, `target "${flags.target}" in ${configuration?.file}`, machine, over);
  }
  const databaseAddress =
    flags.database !== undefined && isAddress(flags.database) ? flags.database : undefined;
  const given = options.url ?? databaseAddress;
  if (given !== undefined) {
    return requestFromUrl(
      given,
      options.url === undefined ? 'the address of -d' : 'the address given',
      machine,
      over,
    );
  }
  const found = flags.host === undefined ? findUrl(machine, dotenv) : null;
  if (found !== null) return requestFromUrl(found.url, found.source, machine, over);
  const service = machine.env.PGSERVICE;
  if (service) {
    return buildRequest({source: `service "${service}" (PGSERVICE)`, address: {service}, over}, machine);
  }
  const source = Object.keys(over).length > 0 ? 'the command line' : environmentSource(machine.env);
  return buildRequest({source, address: {}, over}, machine);
}

function flagSettings({host, port, user, database}: LocateFlags): Settings {
  const settings: Settings = {};
  if (host !== undefined) settings.host = host;
  if (port !== undefined) settings.port = String(port);
  if (user !== undefined) settings.user = user;
  if (database !== undefined && !isAddress(database)) settings.dbname = database;
  return settings;
}

/**
 * The process's pair of DIRECT_URL and DATABASE_URL is asked before the file's: whoever sets one for a call means
 * that server, not the one a project's file happens to name.
 */
function findUrl(machine: Machine, dotenv: Record<string, string>): {url: string; source: string} | null {
  const inEnvironment = (name: string) => ({url: machine.env[name], source: name});
  const inFile = (name: string) => ({url: dotenv[name], source: `${name} in ./.env`});
  const places = [
    inEnvironment('POOLCTL_DATABASE_URL'),
    inFile('POOLCTL_DATABASE_URL'),
    inEnvironment('DIRECT_URL'),
    inEnvironment('DATABASE_URL'),
    inFile('DIRECT_URL'),
    inFile('DATABASE_URL'),
  ];
  for (const {url, source} of places) if (url?.trim()) return {url, source};
  return null;
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
  const {host, port, database} = requestFromUrl(url, `target "${name}"`, machine);
  return host === request.host && port === request.port && database === request.database;
}

function isTruthy(text: string | undefined): boolean {
  return !['', '0', 'false', 'no', 'off'].includes((text ?? '').trim().toLowerCase());
}

function bothGiven(): AbortError {
  return usageError(
    'an address and --target are given, and they may name two servers',
    'Leave out one of them.',
  );
}

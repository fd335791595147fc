import {type Configuration, type ConfiguredTarget, noSettings} from '../../core/configuration.ts';
import {type AbortError, usageError} from '../../core/errors.ts';
import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import {isAddress} from './address.ts';
import {buildRequest, requestFromUrl} from './build-request.ts';
import {type Dotenv, environmentSource, type Machine, readDotenv, serverVariable} from './machine.ts';
import type {ConnectionRequest, Origin} from './request.ts';

/** The server's flags; the first four are psql's -h, -p, -U and -d. */
export type LocateFlags = {
  host?: string | undefined;
  port?: string | number | undefined;
  user?: string | undefined;
  /** A name, or an address as psql's -d takes one. */
  database?: string | undefined;
  target?: string | undefined;
  production?: boolean | undefined;
  readOnly?: boolean | undefined;
  /** URL of PgBouncer's admin console. */
  pooler?: string | undefined;
};

export type LocateOptions = {
  url?: string | undefined;
  flags: LocateFlags;
  machine: Machine;
  /** null if there is no configuration file. */
  configuration?: Configuration | null;
  /** The addresses of the target that `flags.target` names. */
  target?: {url: string; rescue_url: string | null; pooler_url: string | null} | null;
};

/**
 * Finds the server by the first of: `[url]` or `--target`; exported variables (POOLCTL_DATABASE_URL, DIRECT_URL,
 * DATABASE_URL, PGSERVICE, PGHOST and the like); the same URLs in ./.env; libpq's defaults. Flags override the address;
 * with `-h` no URL is used. Rescue and pooler URL never come from ./.env. Throws AbortError (exit 2) for what is not an
 * address, and for a target or service that does not exist.
 */
export function locate(options: LocateOptions): ConnectionRequest {
  const {flags, machine} = options;
  const dotenv = readDotenv(machine);
  if (flags.target !== undefined && options.url !== undefined) throw bothGiven();
  const request = findRequest(options, dotenv);

  const known = findConfigured(request, options);
  // A folder's .env can mark its server as production; the user's own variable wins.
  const mark = machine.env.POOLCTL_PRODUCTION || dotenv.variables.POOLCTL_PRODUCTION;
  const is_production = flags.production ?? (known.is_production || isTruthy(mark));
  // A --production or --no-production flag that contradicts the configuration hides its environment's name.
  const isNonProduction = !is_production && !known.is_production;
  const environment = isNonProduction ? known.environment : null;
  // Each of the three can only forbid, so none of them lifts what another one says.
  const marks = [machine.env.POOLCTL_READ_ONLY, dotenv.variables.POOLCTL_READ_ONLY];
  const read_only = flags.readOnly
    ? '--read-only'
    : known.is_read_only
      ? `read_only in ${options.configuration?.file}`
      : marks.some(isTruthy)
        ? 'POOLCTL_READ_ONLY'
        : null;
  const perTarget = {
    is_production,
    read_only,
    environment,
    settings: known.settings,
    pooler: findPooler(options),
  };
  const rescue = findRescue(options);
  const ignored = ['POOLCTL_RESCUE_URL', 'POOLCTL_POOLER_URL']
    .filter(name => dotenv.variables[name] && !machine.env[name])
    .map(name => `${name} in ./.env is ignored: export it instead`);
  return {
    ...request,
    ...perTarget,
    warnings: [...request.warnings, ...ignored],
    rescue: rescue && {...rescue, ...perTarget},
  };
}

function findRescue({flags, machine, target}: LocateOptions): ConnectionRequest | null {
  const call = {kind: 'call'} as const;
  if (target?.rescue_url) {
    const source = `the rescue URL of target "${flags.target}"`;
    return requestFromUrl({url: target.rescue_url, source, origin: call}, machine);
  }
  return requestFromVariable('POOLCTL_RESCUE_URL', machine);
}

function findPooler({flags, machine, target}: LocateOptions): ConnectionRequest | null {
  const [url, source] =
    flags.pooler === undefined
      ? [target?.pooler_url, `the pooler URL of target "${flags.target}"`]
      : [flags.pooler, '--pooler'];
  if (url) return requestFromUrl({url, source, origin: {kind: 'call'}}, machine);
  return requestFromVariable('POOLCTL_POOLER_URL', machine);
}

function requestFromVariable(variable: string, machine: Machine): ConnectionRequest | null {
  const url = machine.env[variable];
  if (!url) return null;
  return requestFromUrl({url, source: variable, origin: {kind: 'environment', variable}}, machine);
}

function findRequest(options: LocateOptions, dotenv: Dotenv): ConnectionRequest {
  const {flags, machine, target, configuration} = options;
  const overrides = flagParameters(flags);
  const call: Origin = {kind: 'call'};
  if (target) {
    const source = `target "${flags.target}" in ${configuration?.file}`;
    return requestFromUrl({url: target.url, source, origin: call, overrides}, machine);
  }
  const databaseAddress =
    flags.database !== undefined && isAddress(flags.database) ? flags.database : undefined;
  const address = options.url ?? databaseAddress;
  if (address !== undefined) {
    const source = options.url === undefined ? 'the address of -d' : 'the URL argument';
    return requestFromUrl({url: address, source, origin: call, overrides}, machine);
  }
  if (flags.host !== undefined) return fromVariables(machine, {origin: call, overrides});
  const exported = fromExportedUrl(machine, overrides);
  if (exported !== null) return exported;
  const variable = machine.env.PGSERVICE ? 'PGSERVICE' : serverVariable(machine.env);
  if (variable !== null) return fromVariables(machine, {origin: {kind: 'environment', variable}, overrides});
  return (
    fromDotenv(machine, dotenv, overrides) ?? fromVariables(machine, {origin: {kind: 'defaults'}, overrides})
  );
}

const urlVariables = ['POOLCTL_DATABASE_URL', 'DIRECT_URL', 'DATABASE_URL'];

function fromExportedUrl(machine: Machine, overrides: ConnectionParameters): ConnectionRequest | null {
  const variable = urlVariables.find(name => machine.env[name]?.trim());
  if (variable === undefined) return null;
  const url = machine.env[variable] ?? '';
  return requestFromUrl({url, source: variable, origin: {kind: 'environment', variable}, overrides}, machine);
}

/** As psql without a URL: PGSERVICE, PGHOST and the like, or defaults. */
function fromVariables(
  machine: Machine,
  {origin, overrides}: {origin: Origin; overrides: ConnectionParameters},
): ConnectionRequest {
  const service = machine.env.PGSERVICE;
  if (service) {
    const source = `service "${service}" (PGSERVICE)`;
    return buildRequest({source, origin, address: {service}, overrides}, machine);
  }
  const source = Object.keys(overrides).length > 0 ? 'the command line' : environmentSource(machine.env);
  return buildRequest({source, origin, address: {}, overrides}, machine);
}

function fromDotenv(
  machine: Machine,
  {variables, exportedReference}: Dotenv,
  overrides: ConnectionParameters,
): ConnectionRequest | null {
  const variable = urlVariables.find(name => variables[name]?.trim());
  if (variable === undefined) return null;
  const source = `${variable} in ./.env`;
  const other = exportedReference(variable);
  if (other !== null) throw refersToExported(source, other);
  return requestFromUrl(
    {url: variables[variable] ?? '', source, origin: {kind: 'folder'}, overrides},
    machine,
  );
}

function flagParameters({host, port, user, database}: LocateFlags): ConnectionParameters {
  const parameters: ConnectionParameters = {};
  if (host !== undefined) parameters.host = host;
  if (port !== undefined) parameters.port = String(port);
  if (user !== undefined) parameters.user = user;
  if (database !== undefined && !isAddress(database)) parameters.dbname = database;
  return parameters;
}

/**
 * The configuration of this server: of the target that --target names, else of one with the same address (url_command
 * is not run to compare). Of several, a production target wins.
 */
function findConfigured(
  request: ConnectionRequest,
  {flags, machine, configuration}: LocateOptions,
): {is_production: boolean; is_read_only: boolean} & Pick<ConfiguredTarget, 'environment' | 'settings'> {
  const targets = [...(configuration?.targets ?? [])].filter(
    ([name, {url}]) =>
      name === flags.target ||
      (url.kind === 'literal' && isSame(request, url.text, name, machine)) ||
      (url.kind === 'variable' && isSame(request, machine.env[url.text] ?? '', name, machine)),
  );
  const named = targets.find(([name]) => name === flags.target);
  const isProduction = ([, {environment}]: (typeof targets)[number]) => environment === 'production';
  const [, target] = named ?? targets.find(isProduction) ?? targets[0] ?? [];
  const settings = target?.settings ?? configuration?.settings ?? noSettings;
  return {
    is_production: targets.some(isProduction),
    is_read_only: settings.read_only === true || targets.some(([, other]) => other.settings.read_only),
    environment: target?.environment ?? null,
    settings,
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

function refersToExported(source: string, name: string): AbortError {
  return usageError(
    `${source} refers to ${name}, which is exported and not set in the file`,
    'poolctl inserts no exported variable into a URL of ./.env: export the whole URL, or pass it as an argument.',
  );
}

function bothGiven(): AbortError {
  return usageError('an address and --target cannot be used together', 'Leave out one of them.');
}

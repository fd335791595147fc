import {access, constants, stat} from 'node:fs/promises';
import {resolve} from 'node:path';
import type {Configuration} from '../core/configuration.ts';
import {usageError} from '../core/errors.ts';
import {nearest} from '../core/text/nearest.ts';
import {type LocateFlags, locate} from '../postgres/connect/locate.ts';
import {localMachine, type Machine} from '../postgres/connect/machine.ts';
import type {ConnectionRequest} from '../postgres/connect/request.ts';
import type {FlagValues, serverFlags} from './call/usage.ts';
import type {CliContext} from './context.ts';

export type ServerFlags = FlagValues<typeof serverFlags> & {log?: string | undefined};

/**
 * Locates the server from the URL and flags, then from the environment. Throws AbortError: exit 2 if they or the
 * configuration are invalid, 3 if the command that prints a target's URL fails.
 */
export async function locateServer(
  {env, cwd}: CliContext,
  {url, flags}: {url: string | undefined; flags: ServerFlags},
): Promise<ConnectionRequest> {
  const {host, port, username, dbname, target, production, readOnly, pooler, log} = flags;
  const log_file = log === undefined ? undefined : await readableLog(resolve(cwd, log));
  const request = await locateServerOn(localMachine(env, cwd), {
    url,
    flags: {host, port, user: username, database: dbname, target, production, readOnly, pooler},
  });
  const {rescue} = request;
  return log_file === undefined ? request : {...request, log_file, rescue: rescue && {...rescue, log_file}};
}

async function readableLog(file: string): Promise<string> {
  const refuse = (why: string): never => {
    throw usageError(
      `cannot read the server's log ${file}: ${why}`,
      'Pass the log of this server with --log FILE, as a user who may read it.',
    );
  };
  await access(file, constants.R_OK).catch(({code, message}) =>
    refuse({ENOENT: 'there is no such file', EACCES: 'permission denied'}[String(code)] ?? message),
  );
  if (!(await stat(file)).isFile()) refuse('it is not a file');
  return file;
}

/** The same, with the environment and files of `machine`. */
export async function locateServerOn(
  machine: Machine,
  call: {url?: string | undefined; flags: LocateFlags},
): Promise<ConnectionRequest> {
  const find = () => findServer(machine, call);
  const request = await find();
  const {pooler, rescue} = request;
  return {
    ...renewable(request, find),
    rescue: rescue && renewable(rescue, async () => (await find()).rescue),
    pooler: pooler && renewable(pooler, async () => (await find()).pooler),
  };
}

/** `find` returns the request of the same call later. The password of another server or role is not taken. */
function renewable(
  request: ConnectionRequest,
  find: () => Promise<ConnectionRequest | null>,
): ConnectionRequest {
  let {password} = request;
  const addressOf = ({host, hostaddr, port, user, database}: ConnectionRequest) =>
    JSON.stringify([host, hostaddr, port, user, database]);
  return {
    ...request,
    password: () => password(),
    async renewPassword() {
      const before = password();
      const now = await find();
      if (now !== null && addressOf(now) === addressOf(request)) password = now.password;
      return password() !== before;
    },
  };
}

async function findServer(
  machine: Machine,
  {url, flags}: {url?: string | undefined; flags: LocateFlags},
): Promise<ConnectionRequest> {
  const configuration = await readConfigurationFile(machine);
  // `locate` refuses a URL with --target: the target's URL command is not run then.
  const isNamed = flags.target !== undefined && url === undefined;
  const target = isNamed ? await readTargetUrls(flags.target ?? '', configuration, machine) : null;
  return locate({url, flags, machine, configuration, target});
}

/** Reads config.toml; null if there is none. Throws AbortError (exit 2) if it is invalid. */
export async function readConfigurationFile(machine: Machine): Promise<Configuration | null> {
  const {folder, file} = configurationPath(machine);
  const text = machine.readFile(file);
  if (text === null) return null;
  const {readConfiguration} = await import('../config/configuration.ts');
  return readConfiguration(text, {file, folder, home: machine.home});
}

/** `$XDG_CONFIG_HOME/poolctl/config.toml`. */
function configurationPath({env, home}: Machine): {folder: string; file: string} {
  const folder = `${env.XDG_CONFIG_HOME || `${home}/.config`}/poolctl`;
  return {folder, file: `${folder}/config.toml`};
}

async function readTargetUrls(
  name: string,
  configuration: Configuration | null,
  machine: Machine,
): Promise<{url: string; rescue_url: string | null; pooler_url: string | null}> {
  const target = configuration?.targets.get(name);
  if (target === undefined) throw unknownTarget(name, configuration, machine);
  const {resolveUrl} = await import('../config/configuration.ts');
  const read = (source: typeof target.url, what: string) =>
    resolveUrl(source, {env: machine.env, name: `${what} of target "${name}"`});
  return {
    url: await read(target.url, 'the URL'),
    rescue_url: target.rescue_url === null ? null : await read(target.rescue_url, 'the rescue URL'),
    pooler_url: target.pooler_url === null ? null : await read(target.pooler_url, 'the pooler URL'),
  };
}

function unknownTarget(name: string, configuration: Configuration | null, machine: Machine) {
  const names = [...(configuration?.targets.keys() ?? [])];
  const near = nearest(name, names);
  const hint = near === undefined ? `Its targets are ${names.join(', ')}.` : `Did you mean ${near}?`;
  return usageError(
    `unknown target "${name}" in ${configurationPath(machine).file}`,
    names.length === 0 ? `Add it: [targets.${name}], and below it url = "postgres://..."` : hint,
  );
}

import {readFileSync, statSync} from 'node:fs';
import os from 'node:os';
import {parseEnv} from 'node:util';
import {usageError} from '../../core/errors.ts';
import type {ConnectionParameters} from '../../core/text/postgres-url.ts';

/** The parts of this machine that decide which server to connect to. Tests pass their own. */
export type Machine = {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  home: string;
  /** The operating system's user, PostgreSQL's default role. */
  os_user: string;
  platform: string;
  /** The text of a file; null if it is missing or cannot be read. */
  readFile(path: string): string | null;
  /** File type and permission bits, as in `stat`; null if the file does not exist. */
  fileMode(path: string): number | null;
};

/** The machine poolctl runs on. */
export function localMachine(env: Machine['env'], cwd: string): Machine {
  return {
    env,
    cwd,
    home: homeOf(env),
    os_user: osUser(env),
    platform: process.platform,
    readFile: path => orNull(() => readFileSync(path, 'utf8')),
    fileMode: path => statSync(path, {throwIfNoEntry: false})?.mode ?? null,
  };
}

/** Without a trailing slash. As with login(1), `/` if a container runs as a user id without a name. */
function homeOf(env: Machine['env']): string {
  const home = env.HOME || orNull(() => os.userInfo().homedir) || '/';
  return home.replace(/\/+$/, '');
}

function osUser(env: Machine['env']): string {
  // A container may run as a user id without a name.
  return orNull(() => os.userInfo().username) ?? env.USER ?? 'postgres';
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Connection parameters by environment variable (libpq-envars). */
const variables: Record<string, string> = {
  PGHOST: 'host',
  PGHOSTADDR: 'hostaddr',
  PGPORT: 'port',
  PGDATABASE: 'dbname',
  PGUSER: 'user',
  PGPASSWORD: 'password',
  PGPASSFILE: 'passfile',
  PGOPTIONS: 'options',
  PGSSLMODE: 'sslmode',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLNEGOTIATION: 'sslnegotiation',
  PGCHANNELBINDING: 'channel_binding',
  PGREQUIREAUTH: 'require_auth',
  PGREQUIREPEER: 'requirepeer',
  PGGSSENCMODE: 'gssencmode',
  PGSSLCERTMODE: 'sslcertmode',
  PGSSLCRL: 'sslcrl',
  PGSSLCRLDIR: 'sslcrldir',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
  PGCONNECT_TIMEOUT: 'connect_timeout',
};

/** The environment's parameters. As in libpq, an empty variable counts as unset. */
export function environmentParameters(env: Machine['env']): ConnectionParameters {
  const parameters: ConnectionParameters = {};
  for (const [variable, keyword] of Object.entries(variables)) {
    const value = env[variable];
    if (value) parameters[keyword] = value;
  }
  return parameters;
}

/** The first variable that says which server to connect to; null if none is set. */
export function serverVariable(env: Machine['env']): string | null {
  return ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE'].find(name => env[name]) ?? null;
}

/** The variables that are set, for messages. */
export function environmentSource(env: Machine['env']): string {
  const set = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER'].filter(name => env[name]);
  return set.length === 0 ? "PostgreSQL's defaults" : set.join(', ');
}

/** Directories of the server's socket: Debian and Red Hat use the first, PostgreSQL's default is the last. */
export const socketDirectories = ['/var/run/postgresql', '/run/postgresql', '/tmp'];

/** As psql without a host: the socket of a server on this machine, else localhost. */
export function defaultHost(port: number, machine: Machine): string {
  if (machine.platform === 'win32') return 'localhost';
  const directory = socketDirectories.find(path => machine.fileMode(`${path}/.s.PGSQL.${port}`) !== null);
  return directory ?? 'localhost';
}

export type Dotenv = {
  /** By name; references `${NAME}` to the same file are replaced. */
  variables: Readonly<Record<string, string>>;
  /**
   * An exported variable that the value of `name` refers to and the file does not set; null if there is none. Prisma
   * inserts it; poolctl does not, as that could send a secret to a host that the file names.
   */
  exportedReference(name: string): string | null;
};

/** The variables of `./.env`; none if the file does not exist. */
export function readDotenv(machine: Machine): Dotenv {
  const text = machine.readFile(`${machine.cwd}/.env`);
  const own = new Map(text === null ? [] : Object.entries(parseEnv(text)));
  return {
    variables: Object.fromEntries(
      [...own].map(([name, value = '']) => [
        name,
        value.replace(reference, (whole, other: string) => own.get(other) ?? whole),
      ]),
    ),
    exportedReference(name) {
      const names = [...(own.get(name) ?? '').matchAll(reference)].map(([, other = '']) => other);
      return names.find(other => !own.has(other) && machine.env[other]) ?? null;
    },
  };
}

/** Only in braces: a bare `$` is more often part of a password. */
const reference = /\$\{([A-Za-z_]\w*)\}/g;

/**
 * The parameters of a service (libpq-pgservice): the user's file first, then the system's. Throws AbortError (exit 2)
 * if none defines it.
 */
export function serviceParameters(name: string, machine: Machine): ConnectionParameters {
  const files = serviceFiles(machine);
  for (const file of files) {
    const parameters = findService(machine.readFile(file) ?? '', name);
    if (parameters !== null) return parameters;
  }
  throw usageError(
    `there is no service "${name}" in ${files.join(' or ')}`,
    `Add a section [${name}] with host=, port=, dbname= and user=, or unset PGSERVICE.`,
  );
}

function serviceFiles({env, home}: Machine): string[] {
  const user = env.PGSERVICEFILE || `${home}/.pg_service.conf`;
  // The system's folder is compiled into libpq; this is Debian's.
  return [user, `${env.PGSYSCONFDIR || '/etc/postgresql-common'}/pg_service.conf`];
}

function findService(text: string, name: string): ConnectionParameters | null {
  const lines = text.split('\n').map(line => line.trim());
  const start = lines.indexOf(`[${name}]`);
  if (start === -1) return null;
  const parameters: ConnectionParameters = {};
  for (const line of lines.slice(start + 1)) {
    if (line.startsWith('[')) break;
    const [, keyword, value = ''] = /^([a-z_]+)=(.*)$/.exec(line) ?? [];
    if (keyword !== undefined) parameters[keyword] = value;
  }
  return parameters;
}

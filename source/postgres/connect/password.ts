import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import {type Machine, socketDirectories} from './machine.ts';
import type {ConnectionRequest} from './request.ts';

type Found = Pick<ConnectionRequest, 'password' | 'password_source' | 'password_withheld' | 'warnings'>;

type Context = {
  /** Of the address, completed from the environment. */
  parameters: ConnectionParameters;
  /** The password of the address or its service. */
  own: string | undefined;
  source: string;
  /** `./.env` named the host, which therefore gets none of the user's secrets. */
  isFromFolder: boolean;
};

/**
 * The password for a server: the address's own, PGPASSWORD's, or the password file's. A host that a folder's .env named
 * gets the one in that file, or one from a line of the user's password file that names its host and port; others are
 * reported as withheld.
 */
export function findPassword(
  server: Server,
  {parameters, own, source, isFromFolder}: Context,
  machine: Machine,
): Found {
  const password = isFromFolder ? own : parameters.password;
  if (password !== undefined) return found(password, own === undefined ? 'PGPASSWORD' : source);
  // A password file that the folder's .env names is not trusted.
  const path = passwordFilePath(isFromFolder ? machine.env.PGPASSFILE : parameters.passfile, machine);
  const {password: line, warning} = readPasswordFile(path, server, machine, isFromFolder);
  const warnings = warning === null ? [] : [warning];
  if (line !== null) return {...found(line, path), warnings};
  const isAnyHost = () => isFromFolder && readPasswordFile(path, server, machine).password !== null;
  const withheld =
    parameters.password !== undefined ? 'PGPASSWORD' : isAnyHost() ? `a line with * in ${path}` : null;
  return {password: () => null, password_source: null, password_withheld: withheld, warnings};
}

function found(password: string, source: string): Found {
  return {password: () => password, password_source: source, password_withheld: null, warnings: []};
}

type Server = {host: string; port: number; database: string; user: string};

/** The user's password file: PGPASSFILE (`passfile`), else ~/.pgpass. */
function passwordFilePath(passfile: string | undefined, {env, home, platform}: Machine): string {
  if (passfile) return passfile;
  return platform === 'win32' ? `${env.APPDATA ?? home}/postgresql/pgpass.conf` : `${home}/.pgpass`;
}

/**
 * The password of the first matching line, as libpq reads the file (libpq-pgpass). As there, a file that other users
 * can read is skipped with a warning. `isExact`: a line has to name host and port, without `*`.
 */
function readPasswordFile(
  path: string,
  server: Server,
  machine: Machine,
  isExact = false,
): {password: string | null; warning: string | null} {
  const mode = machine.fileMode(path);
  const text = mode === null ? null : machine.readFile(path);
  if (mode === null || text === null) return {password: null, warning: null};
  if (machine.platform !== 'win32' && (mode & 0o077) !== 0) {
    return {
      password: null,
      warning: `${path} is ignored because other users can read it (chmod 0600 ${path})`,
    };
  }
  // Any of the usual socket folders counts as localhost: libpq's default is compiled in.
  const host = !isExact && socketDirectories.includes(server.host) ? 'localhost' : server.host;
  const expected = [host, String(server.port), server.database, server.user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitLine(line);
    const password = fields[4];
    if (password === undefined) continue;
    const isAny = (index: number) => fields[index] === '*' && !(isExact && index < 2);
    if (expected.every((value, index) => isAny(index) || unescaped(fields[index]) === value)) {
      return {password: unescaped(password), warning: null};
    }
  }
  return {password: null, warning: null};
}

/** Four fields and the rest; `\:` and `\\` stand for themselves. A colon in the password ends it, as in libpq. */
function splitLine(line: string): string[] {
  return line.match(/(?:^|(?<=:))(?:\\.|[^:\\])*/g) ?? [];
}

function unescaped(field: string | undefined): string {
  return (field ?? '').replace(/\\(.)/g, '$1');
}

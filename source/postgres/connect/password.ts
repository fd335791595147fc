import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import {type Machine, socketDirectories} from './machine.ts';
import type {ConnectionRequest} from './request.ts';

type Context = {
  /** The address's over the environment's. */
  settings: ConnectionParameters;
  /** The address's own password, or its service's. */
  own: string | undefined;
  source: string;
  /** `./.env` named the host, so that the user's own secrets are not for it. */
  isFromFolder: boolean;
};

/**
 * The password for a server: the address's own, PGPASSWORD, the password file. A host that a folder named gets the
 * folder's own, or one from a line of the user's file that names this host and port; the others are told as withheld.
 */
export function findPasswordFor(
  place: PasswordLookup,
  {settings, own, source, isFromFolder}: Context,
  machine: Machine,
): Pick<ConnectionRequest, 'password' | 'password_source' | 'password_withheld' | 'warnings'> {
  const given = isFromFolder ? own : settings.password;
  if (given !== undefined) return found(given, own === undefined ? 'PGPASSWORD' : source);
  // A file that the folder names could be anybody's.
  const path = passwordFilePath(isFromFolder ? machine.env.PGPASSFILE : settings.passfile, machine);
  const {password, warning} = findPassword(path, place, machine, isFromFolder);
  const warnings = warning === null ? [] : [warning];
  if (password !== null) return {...found(password, path), warnings};
  const isAnyHost = () => isFromFolder && findPassword(path, place, machine).password !== null;
  const withheld =
    settings.password !== undefined ? 'PGPASSWORD' : isAnyHost() ? `a line with * in ${path}` : null;
  return {password: () => null, password_source: null, password_withheld: withheld, warnings};
}

function found(
  password: string,
  source: string,
): Pick<ConnectionRequest, 'password' | 'password_source' | 'password_withheld' | 'warnings'> {
  return {password: () => password, password_source: source, password_withheld: null, warnings: []};
}

export type PasswordLookup = {host: string; port: number; database: string; user: string};
export type PasswordFound = {password: string | null; warning: string | null};

/** The user's password file: PGPASSFILE (`passfile`), else ~/.pgpass. */
export function passwordFilePath(passfile: string | undefined, {env, home, platform}: Machine): string {
  if (passfile) return passfile;
  return platform === 'win32' ? `${env.APPDATA ?? home}/postgresql/pgpass.conf` : `${home}/.pgpass`;
}

/**
 * The first matching line of a password file, as libpq reads it (libpq-pgpass). A file that others may read is
 * left alone with a warning, as there. `isExact`: a line has to name host and port as they are, no `*`.
 */
export function findPassword(
  path: string,
  lookup: PasswordLookup,
  machine: Machine,
  isExact = false,
): PasswordFound {
  const mode = machine.fileMode(path);
  const text = mode === null ? null : machine.readFile(path);
  if (mode === null || text === null) return {password: null, warning: null};
  if (machine.platform !== 'win32' && (mode & 0o077) !== 0) {
    return {password: null, warning: `${path} is ignored: others may read it (chmod 0600 ${path})`};
  }
  // Any of the usual socket folders counts as localhost: which of them is the default is compiled into libpq.
  const host = !isExact && socketDirectories.includes(lookup.host) ? 'localhost' : lookup.host;
  const wanted = [host, String(lookup.port), lookup.database, lookup.user];
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = splitLine(line);
    const password = fields[4];
    if (password === undefined) continue;
    const isAny = (index: number) => fields[index] === '*' && !(isExact && index < 2);
    if (wanted.every((value, index) => isAny(index) || unescaped(fields[index]) === value)) {
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

import {socketDirectories} from './environment.ts';
import type {Machine} from './machine.ts';

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

import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import type {Machine} from './machine.ts';
import {findPassword, type PasswordLookup, passwordFilePath} from './password-file.ts';
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

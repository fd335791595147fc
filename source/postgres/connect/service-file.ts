import {usageError} from '../../core/errors.ts';
import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import type {Machine} from './machine.ts';

/**
 * The parameters of a service (libpq-pgservice): the user's file first, then the system's.
 * Throws AbortError (exit 2) when none defines it.
 */
export function serviceSettings(name: string, machine: Machine): ConnectionParameters {
  const files = serviceFiles(machine);
  for (const file of files) {
    const settings = findService(machine.readFile(file) ?? '', name);
    if (settings !== null) return settings;
  }
  throw usageError(
    `there is no service "${name}" in ${files.join(' or ')}`,
    `Add a section [${name}] with host=, port=, dbname= and user=, or unset PGSERVICE.`,
  );
}

function serviceFiles({env, home}: Machine): string[] {
  const user = env.PGSERVICEFILE || `${home}/.pg_service.conf`;
  // The system's folder is compiled into libpq; Debian's is the one known by name.
  return [user, `${env.PGSYSCONFDIR || '/etc/postgresql-common'}/pg_service.conf`];
}

function findService(text: string, name: string): ConnectionParameters | null {
  const lines = text.split('\n').map(line => line.trim());
  const start = lines.indexOf(`[${name}]`);
  if (start === -1) return null;
  const settings: ConnectionParameters = {};
  for (const line of lines.slice(start + 1)) {
    if (line.startsWith('[')) break;
    const [, keyword, value = ''] = /^([a-z_]+)=(.*)$/.exec(line) ?? [];
    if (keyword !== undefined) settings[keyword] = value;
  }
  return settings;
}

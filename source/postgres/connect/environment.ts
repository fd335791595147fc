import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import type {Machine} from './machine.ts';

/** Environment variables that stand for a connection parameter (libpq-envars). */
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
  PGCONNECT_TIMEOUT: 'connect_timeout',
};

/** What the environment says; an empty variable is one that is not set, as in libpq. */
export function environmentSettings(env: Machine['env']): ConnectionParameters {
  const settings: ConnectionParameters = {};
  for (const [variable, keyword] of Object.entries(variables)) {
    const value = env[variable];
    if (value) settings[keyword] = value;
  }
  return settings;
}

/** The first variable set that says which server; PGUSER says only as whom. */
export function serverVariable(env: Machine['env']): string | null {
  return ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE'].find(name => env[name]) ?? null;
}

/** All of them, for people. */
export function environmentSource(env: Machine['env']): string {
  const set = ['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER'].filter(name => env[name]);
  return set.length === 0 ? "PostgreSQL's defaults" : set.join(', ');
}

/** Where distributions put the server's socket; the first is Debian's and Red Hat's, the last PostgreSQL's own. */
export const socketDirectories = ['/var/run/postgresql', '/run/postgresql', '/tmp'];

/** The socket of a server on this machine, as psql takes it without a host; else localhost. */
export function defaultHost(port: number, machine: Machine): string {
  if (machine.platform === 'win32') return 'localhost';
  const directory = socketDirectories.find(path => machine.fileMode(`${path}/.s.PGSQL.${port}`) !== null);
  return directory ?? 'localhost';
}

import type {ConnectionParameters} from '../../core/text/postgres-url.ts';
import type {PrismaSettings} from '../../model/target.ts';

export type PrismaParameters = {
  settings: ConnectionParameters;
  prisma: PrismaSettings | null;
  /** `connection_limit=5`, to be reported. */
  stripped: string[];
};

/**
 * Takes Prisma's own parameters, which libpq refuses, out of an address and keeps what they say of the
 * application's pool. Its TLS parameters become libpq's: with `sslaccept=strict` Prisma verifies chain and name,
 * else it verifies nothing; its `sslcert` without a key is the authority's certificate, not the client's.
 */
export function splitPrismaParameters(address: ConnectionParameters): PrismaParameters {
  const own = Object.keys(address).filter(name => prismaOnly.has(name));
  if (own.length === 0) return {settings: address, prisma: null, stripped: []};
  const settings = Object.fromEntries(Object.entries(address).filter(([name]) => !prismaOnly.has(name)));
  const prisma: PrismaSettings = {
    connection_limit: number(address.connection_limit),
    pool_timeout: number(address.pool_timeout),
    connect_timeout: number(address.connect_timeout),
    socket_timeout: number(address.socket_timeout),
    pgbouncer: address.pgbouncer === undefined ? null : address.pgbouncer === 'true',
    schema: address.schema ?? null,
  };
  translateTls(settings, address.sslaccept);
  return {settings, prisma, stripped: own.map(name => describe(name, address[name] ?? ''))};
}

const prismaOnly = new Set([
  'schema',
  'connection_limit',
  'pool_timeout',
  'pgbouncer',
  'socket_timeout',
  'statement_cache_size',
  'max_idle_connection_lifetime',
  'max_connection_lifetime',
  'single_use_connections',
  'sslaccept',
  'sslidentity',
]);

function translateTls(settings: ConnectionParameters, accept: string | undefined): void {
  const authority = settings.sslkey === undefined ? settings.sslcert : undefined;
  if (authority !== undefined) delete settings.sslcert;
  if (accept !== 'strict' || settings.sslmode === 'disable') return;
  settings.sslmode = 'verify-full';
  if (authority !== undefined) settings.sslrootcert ??= authority;
}

/** A path tells where keys lie: its name is enough. */
function describe(name: string, value: string): string {
  return name === 'sslidentity' ? name : `${name}=${value}`;
}

function number(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

import type {ProtectedSessions} from './configuration.ts';
import {BugError} from './errors.ts';
import type {ServerIdentity} from './server-identity.ts';

/** What an application's URL says of Prisma's pool; `null` where the URL does not say. */
export type PrismaSettings = {
  connection_limit: number | null;
  pool_timeout: number | null;
  connect_timeout: number | null;
  socket_timeout: number | null;
  pgbouncer: boolean | null;
  schema: string | null;
};

/** What the role in use may see and do on the server. */
type Privileges = {
  is_superuser: boolean;
  /** pg_read_all_stats (in pg_monitor): without it other roles' rows are hidden. */
  read_all_stats: boolean;
  /** pg_signal_backend: may cancel and terminate other roles' backends, superusers' excepted. */
  signal_backend: boolean;
  /** May use `reserved_connections` (PG16+), or the superuser's reserve. */
  reserved_slots: boolean;
};

/** A role's or a database's own connection limit, where one is set and bears on slots. */
export type OwnLimit = {kind: 'role' | 'database'; name: string; connection_limit: number};

export type ManagedService = 'rds' | 'aurora' | 'cloud_sql' | 'azure' | 'supabase' | 'neon' | 'heroku';

/** The server of a live reading. Throws BugError for one of an old recording, on which nothing can be done. */
export function serverOf({id, server}: Pick<Target, 'id' | 'server'>): ServerIdentity {
  if (server === undefined) throw new BugError(`the reading of ${id} does not name its server`);
  return server;
}

/** One server as poolctl may see it. Never holds a password. */
export type Target = {
  /** Stable across runs: `host:port/database`. */
  id: string;
  host: string;
  port: number;
  database: string;
  user: string;
  /** As PostgreSQL numbers it: 150018 is 15.18. */
  server_version_num: number;
  /** pg_stat_statements' extension version (`1.10`), or null where it cannot be read. */
  statements_version: string | null;
  is_in_recovery: boolean;
  /** Absent in recordings that were made before it was read. */
  server?: ServerIdentity;
  /** Marked so by the user (flag, environment or configuration): acts ask for the target's name. */
  is_production: boolean;
  /** By the user's configuration; absent where it names none. */
  protected_sessions?: ProtectedSessions;
  managed_service: ManagedService | null;
  privileges: Privileges;
  prisma: PrismaSettings | null;
};

/** Sessions that are left alone unless named one by one. */
export type ProtectedSessions = {roles: readonly string[]; applications: readonly string[]};

/**
 * Which server it is, whatever address leads to it. A standby, and a copy of the data directory, share the
 * system_identifier and the database's oid: only `started_at` tells those apart, and only until a restart.
 */
export type ServerIdentity = {
  /** Made by initdb; null where the role may not call pg_control_system(). */
  system_identifier: string | null;
  /** Another one once the database was dropped and created again. */
  database_oid: string;
  is_in_recovery: boolean;
  /** Start of the postmaster, ISO 8601 UTC with microseconds. */
  started_at: string;
};

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
export type Privileges = {
  is_superuser: boolean;
  /** pg_read_all_stats (in pg_monitor): without it other roles' rows are hidden. */
  read_all_stats: boolean;
  /** pg_signal_backend: may cancel and terminate other roles' backends, superusers' excepted. */
  signal_backend: boolean;
  /** May use `reserved_connections` (PG16+), or the superuser's reserve. */
  reserved_slots: boolean;
};

/** A role's or a database's own connection limit, where one is set and bears on slots. */
export type RoleOrDatabaseLimit = {kind: 'role' | 'database'; name: string; connection_limit: number};

export type ManagedService = 'rds' | 'aurora' | 'cloud_sql' | 'azure' | 'supabase' | 'neon' | 'heroku';

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

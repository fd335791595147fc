/** Sessions that are skipped unless named by pid. */
export type ProtectedSessions = {roles: readonly string[]; applications: readonly string[]};

/**
 * Identifies a server independently of its address. A standby and a copy of the data directory share system_identifier
 * and database oid; only `started_at` distinguishes them, until a restart.
 */
export type ServerIdentity = {
  /** From initdb; null if the role may not call pg_control_system(). */
  system_identifier: string | null;
  /** Changes when the database is dropped and created again. */
  database_oid: string;
  is_in_recovery: boolean;
  /** Start of the postmaster, ISO 8601 UTC with microseconds. */
  started_at: string;
};

/** Prisma's pool settings in an application's URL; null for each that is not set. */
export type PrismaSettings = {
  connection_limit: number | null;
  pool_timeout: number | null;
  connect_timeout: number | null;
  socket_timeout: number | null;
  pgbouncer: boolean | null;
  schema: string | null;
};

/** What the connected role may read and do. */
type Privileges = {
  is_superuser: boolean;
  /** pg_read_all_stats (in pg_monitor): without it other roles' rows are hidden. */
  read_all_stats: boolean;
  /** pg_signal_backend: may cancel and terminate other roles' backends, superusers' excepted. */
  signal_backend: boolean;
  /** Without it: the roles whose sessions it may cancel and terminate, its own among them. Absent in older recordings. */
  signal_roles?: string[];
  /** May use `reserved_connections` (PG16+), or the superuser's reserve. */
  reserved_slots: boolean;
};

/** A connection limit that is set for a role or a database. */
export type RoleOrDatabaseLimit = {kind: 'role' | 'database'; name: string; connection_limit: number};

export type ManagedService = 'rds' | 'aurora' | 'cloud_sql' | 'azure' | 'supabase' | 'neon' | 'heroku';

/** One server. Never contains a password. */
export type Target = {
  /** Stable across runs: `host:port/database`. */
  id: string;
  host: string;
  port: number;
  database: string;
  user: string;
  /** As PostgreSQL numbers it: 150018 is 15.18. */
  server_version_num: number;
  /** pg_stat_statements' extension version (`1.10`); null if it cannot be read. */
  statements_version: string | null;
  is_in_recovery: boolean;
  /** Absent in older recordings. */
  server?: ServerIdentity;
  /** Set by the user (flag, environment or config.toml): changes require typing the target's name. */
  is_production: boolean;
  /** Where the user forbids every act on this server: `--read-only`; absent where acts are allowed. */
  read_only?: string;
  /** The server's, from config.toml; absent if it does not say. */
  cores?: number;
  /** From config.toml; absent if it names none. */
  protected_sessions?: ProtectedSessions;
  managed_service: ManagedService | null;
  privileges: Privileges;
  prisma: PrismaSettings | null;
};

/** A check of something that poolctl requires or can use. */
export type DoctorCheck = {
  /** Stable, for scripts: `sessions`, `statements`, `signal`, ... */
  id: string;
  /** `missing`: a feature of poolctl does not work here. `advice`: it works, but could show or do more. */
  status: 'ok' | 'missing' | 'advice';
  detail: string;
  /** The exact statement or setting that fixes it; null if nothing is wrong. */
  remedy: string | null;
  /** The remedy requires a server restart. */
  needs_restart: boolean;
  /** What differs on this managed service, or other advice. */
  note: string | null;
};

/** What poolctl can see and do on a target (`poolctl doctor`). */
export type DoctorReport = {
  schema_version: 1;
  target: Target;
  connection: {
    /** How the address was found. */
    source: string;
    route: 'direct' | 'rescue' | 'waited';
    is_encrypted: boolean;
    /** A connection pooler is in between. */
    is_pooled: boolean;
    round_trip_ms: number;
    /** Parameters of the address that poolctl does not use. */
    ignored_parameters: string[];
    warnings: string[];
  };
  checks: DoctorCheck[];
};

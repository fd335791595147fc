import {quoteIdentifier} from '../../core/sql/quote.ts';
import {counted} from '../../core/text/format.ts';
import type {Backend, Unavailable} from '../../model/snapshot.ts';
import type {ManagedService, Target} from '../../model/target.ts';
import type {Connection} from '../connect/connect.ts';
import {type ConnectionRequest, hostAndPort} from '../connect/request.ts';
import {extensionVersionNum, features, oldestVersionNum, pickVariant, serverQuery} from '../queries/query.ts';
import {suggestSetting} from './managed-service.ts';
import {readServerProof, type ServerProof} from './server-proof.ts';

/** The parts of a connection that reading the target needs. */
type TargetConnection = Pick<Connection, 'client' | 'request' | 'marker' | 'features'>;

export type Capabilities = {
  target: Target;
  role_name: string;
  /** The schema of pg_stat_statements (Supabase: `extensions`); null if it cannot be read. */
  statements_schema: string | null;
  /** The schema of pg_wait_sampling; null if it cannot be read. */
  wait_sampling_schema: string | null;
  /** False through a pooler, which shares the server's sessions. */
  is_own_session: boolean;
  /** What this role or server lacks, each with the statement or setting that would provide it. */
  unavailable: Unavailable[];
};

/**
 * The target in one query: its role, privileges and extensions. Sent immediately, so that queries sent in the same turn
 * share its round trip; from then on, queries of this connection are chosen by what the server has. Throws the server's errors.
 */
export async function readCapabilities(connection: TargetConnection): Promise<Capabilities> {
  const {client, request} = connection;
  const {text} = pickVariant(identityQuery, oldestVersionNum);
  const {
    rows: [row],
  } = await client.query<IdentityRow>({text, values: [Object.keys(features)]});
  if (row === undefined) throw new Error('the role of this session is not in pg_roles');
  connection.features = new Set(row.features);
  const target = toTarget(row, request);
  const missing = missingStatements(row, request);
  return {
    target,
    role_name: row.role_name,
    statements_schema: missing === null ? row.statements_schema : null,
    wait_sampling_schema:
      row.wait_sampling?.is_loaded && row.wait_sampling.is_readable ? row.wait_sampling.schema : null,
    is_own_session: true,
    unavailable: [
      ...hiddenSessions(target, row),
      ...(missing === null ? [] : [missing]),
      ...missingWaitSampling(row),
    ],
  };
}

/** The capabilities and the server's proof of identity, in one round trip. */
export async function readTarget(connection: TargetConnection): Promise<Capabilities> {
  const answer = readCapabilities(connection);
  const proving = readServerProof(connection.client, connection.marker);
  // If the connection breaks, the first query's error says why.
  proving.catch(() => {});
  return withServer(await answer, await proving);
}

/** The capabilities with the server's proof of identity. */
export function withServer(capabilities: Capabilities, proof: ServerProof): Capabilities {
  const {target, role_name, unavailable} = capabilities;
  return {
    ...capabilities,
    target: {...target, server: proof.server},
    is_own_session: proof.is_own_session,
    unavailable: [...unavailable, ...hiddenIdentifier(proof, role_name)],
  };
}

/** Older extensions have one time for planning and execution. */
const oldestStatementsVersion = 108;

function toTarget(row: IdentityRow, request: ConnectionRequest): Target {
  const {is_superuser, read_all_stats, signal_backend} = row;
  const {protected_sessions, cores} = request.settings;
  return {
    id: `${hostAndPort(request)}/${request.database}`,
    host: request.host,
    port: request.port,
    database: request.database,
    user: request.user,
    server_version_num: row.server_version_num,
    statements_version: row.statements_version,
    is_in_recovery: row.is_in_recovery,
    is_production: request.is_production,
    ...(request.read_only !== null && {read_only: request.read_only}),
    ...(cores !== undefined && {cores}),
    ...(Object.values(protected_sessions).flat().length > 0 && {protected_sessions}),
    managed_service: guessService(row),
    privileges: {
      is_superuser,
      read_all_stats,
      signal_backend,
      ...(row.own_roles !== null && {signal_roles: row.own_roles}),
      reserved_slots: is_superuser || row.use_reserved,
    },
    prisma: request.prisma,
  };
}

/** Recognises a service by a role, schema or function that only it installs. Aurora comes first, as it has RDS's role too. */
function guessService(row: IdentityRow): ManagedService | null {
  if (row.has_aurora_version) return 'aurora';
  if (row.has_heroku_schema) return 'heroku';
  for (const [role, service] of serviceRoles) if (row.service_roles?.includes(role)) return service;
  return null;
}

const serviceRoles: [role: string, service: ManagedService][] = [
  ['rds_superuser', 'rds'],
  ['cloudsqlsuperuser', 'cloud_sql'],
  ['azure_pg_admin', 'azure'],
  ['supabase_admin', 'supabase'],
  ['neon_superuser', 'neon'],
];

function hiddenSessions(
  {privileges, server_version_num}: Target,
  {role_name, is_stats_member}: Pick<IdentityRow, 'role_name' | 'is_stats_member'>,
): Unavailable[] {
  if (privileges.read_all_stats || privileges.is_superuser) return [];
  return [
    {
      section: 'backends',
      sqlstate: null,
      reason: "other roles' sessions are hidden: only their pid, role and application are visible",
      remedy: is_stats_member
        ? inheriting(role_name, server_version_num)
        : `GRANT pg_monitor TO ${quoteIdentifier(role_name)};`,
    },
  ];
}

/** Sessions whose state no role sees, as track_activities is off for them. */
export function untrackedSessions(sessions: readonly Backend[], {managed_service}: Target): Unavailable[] {
  const untracked = sessions.filter(({state}) => state === 'disabled').length;
  if (untracked === 0) return [];
  return [
    {
      section: 'backends',
      sqlstate: null,
      reason: `track_activities is off for ${counted(untracked, 'session')}: what they do is unknown`,
      remedy: suggestSetting(managed_service, {name: 'track_activities', value: 'on', needs_restart: false}),
    },
  ];
}

/** For a member with NOINHERIT. From PostgreSQL 16 on, each grant has its own option, which ALTER ROLE does not change. */
function inheriting(role: string, server_version_num: number): string {
  return server_version_num >= 160_000
    ? `GRANT pg_monitor TO ${quoteIdentifier(role)} WITH INHERIT TRUE;`
    : `ALTER ROLE ${quoteIdentifier(role)} INHERIT;`;
}

function hiddenIdentifier({server, refusal}: ServerProof, role: string): Unavailable[] {
  if (server.system_identifier !== null) return [];
  const reason =
    refusal === null
      ? `role ${quoteIdentifier(role)} may not call pg_control_system()`
      : `pg_control_system() fails: ${refusal.message}`;
  return [
    {
      section: 'server',
      sqlstate: refusal?.sqlstate ?? null,
      reason: `the system identifier cannot be read (${reason}): poolctl recognises this server only until it restarts`,
      remedy: `GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO ${quoteIdentifier(role)};`,
    },
  ];
}

function missingStatements(row: IdentityRow, request: ConnectionRequest): Unavailable | null {
  const {statements_version: version, statements_schema: schema, statements_max: max} = row;
  const missing = (reason: string, remedy: string): Unavailable => ({
    section: 'statements',
    sqlstate: null,
    reason,
    remedy,
  });
  if (max === null) {
    return missing(
      'pg_stat_statements is not loaded by the server',
      'add pg_stat_statements to shared_preload_libraries, restart, then CREATE EXTENSION pg_stat_statements;',
    );
  }
  if (version === null || schema === null) {
    return missing(
      `pg_stat_statements is not installed in database ${quoteIdentifier(request.database)}`,
      'CREATE EXTENSION pg_stat_statements;',
    );
  }
  if (extensionVersionNum(version) < oldestStatementsVersion) {
    return missing(
      `pg_stat_statements ${version} is too old to read`,
      'ALTER EXTENSION pg_stat_statements UPDATE;',
    );
  }
  return null;
}

/** Where it is installed, and cannot be read: poolctl's own samples are shown. */
function missingWaitSampling({wait_sampling: found, role_name}: IdentityRow): Unavailable[] {
  if (found === null || (found.is_loaded && found.is_readable)) return [];
  const view = `${quoteIdentifier(found.schema)}.pg_wait_sampling_history`;
  const [reason, remedy] = found.is_loaded
    ? [`role ${quoteIdentifier(role_name)} may not read ${view}`, grantWaitSampling(found.schema, role_name)]
    : [
        'pg_wait_sampling is not loaded by the server',
        'add pg_wait_sampling to shared_preload_libraries, and restart',
      ];
  return [
    {section: 'wait_samples', sqlstate: null, reason: `${reason}: waits are sampled by poolctl`, remedy},
  ];
}

function grantWaitSampling(schema: string, role_name: string): string {
  const [own, role] = [quoteIdentifier(schema), quoteIdentifier(role_name)];
  return `GRANT USAGE ON SCHEMA ${own} TO ${role}; GRANT SELECT ON ${own}.pg_wait_sampling_history TO ${role};`;
}

/**
 * The server, and the privileges of this role, in one row. pg_has_role(..., 'USAGE') is what the server itself checks
 * (has_privs_of_role). pg_stat_statements.max exists only where the library was preloaded, and shared_preload_libraries
 * itself is hidden from ordinary roles.
 */
export const identityQuery = serverQuery(
  'poolctl_identity',
  `
SELECT /* poolctl */ current_setting('server_version_num')::int4 AS server_version_num, pg_is_in_recovery() AS is_in_recovery,
  current_user::text AS role_name,
  r.rolsuper AS is_superuser,
  pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE') AS read_all_stats,
  pg_has_role(r.oid, 'pg_read_all_stats', 'MEMBER') AS is_stats_member,
  pg_has_role(r.oid, 'pg_signal_backend', 'USAGE') AS signal_backend,
  CASE WHEN NOT pg_has_role(r.oid, 'pg_signal_backend', 'USAGE')
    THEN ARRAY(SELECT o.rolname::text FROM pg_roles o WHERE pg_has_role(r.oid, o.oid, 'USAGE') ORDER BY 1) END AS own_roles,
  coalesce((SELECT pg_has_role(r.oid, p.oid, 'USAGE') FROM pg_roles p
    WHERE p.rolname IN ('pg_use_reserved_connections', 'rds_reserved')
    ORDER BY 1 DESC LIMIT 1), false) AS use_reserved,
  e.extversion AS statements_version, n.nspname::text AS statements_schema,
  current_setting('pg_stat_statements.max', true)::int8 AS statements_max,
  (SELECT json_build_object('schema', s.nspname,
      'is_loaded', current_setting('pg_wait_sampling.history_period', true) IS NOT NULL,
      'is_readable', has_schema_privilege(s.oid, 'USAGE') AND has_table_privilege(v.oid, 'SELECT'))
    FROM pg_extension x
    JOIN pg_namespace s ON s.oid = x.extnamespace
    JOIN pg_class v ON v.relnamespace = s.oid AND v.relname = 'pg_wait_sampling_history'
    JOIN pg_attribute c ON c.attrelid = v.oid AND c.attname = 'queryid'
    WHERE x.extname = 'pg_wait_sampling') AS wait_sampling,
  (SELECT array_agg(m.rolname::text ORDER BY m.rolname) FROM pg_roles m WHERE m.rolname IN ('rds_superuser',
    'cloudsqlsuperuser', 'azure_pg_admin', 'supabase_admin', 'neon_superuser')) AS service_roles,
  to_regproc('pg_catalog.aurora_version') IS NOT NULL AS has_aurora_version,
  to_regnamespace('heroku_ext') IS NOT NULL AS has_heroku_schema,
  ARRAY(SELECT f FROM unnest($1::text[]) f
    WHERE CASE WHEN f LIKE '%()' THEN to_regprocedure('pg_catalog.' || f) IS NOT NULL
      WHEN strpos(f, '.') = 0 THEN to_regclass('pg_catalog.' || f) IS NOT NULL
      ELSE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('pg_catalog.' || split_part(f, '.', 1))
        AND a.attname = split_part(f, '.', 2)) END) AS features
FROM pg_roles r
LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE r.rolname = current_user`,
);

type IdentityRow = {
  server_version_num: number;
  is_in_recovery: boolean;
  role_name: string;
  is_superuser: boolean;
  read_all_stats: boolean;
  is_stats_member: boolean;
  signal_backend: boolean;
  own_roles: string[] | null;
  use_reserved: boolean;
  statements_version: string | null;
  statements_schema: string | null;
  statements_max: number | null;
  /** null where the extension is not installed, or older than 1.1. */
  wait_sampling: {schema: string; is_loaded: boolean; is_readable: boolean} | null;
  service_roles: string[] | null;
  has_aurora_version: boolean;
  has_heroku_schema: boolean;
  features: string[];
};

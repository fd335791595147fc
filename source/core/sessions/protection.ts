import type {Skipped} from '../../model/recipe.ts';
import type {SessionFacts} from '../../model/recipe-data.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {redactLiterals} from '../sql/shown-sql.ts';
import {redactSecrets} from '../text/redact.ts';
import {dutyOf} from './effect-of-ending.ts';

/** `is_final`: naming the session by pid does not override it. */
export type Protection = Pick<Skipped, 'reason' | 'is_final'> & {is_forbidden: boolean};

/**
 * Why a session must not be ended or cancelled, or null. Naming it by pid (`isNamed`) overrides the protection of
 * dumps, migrations and the like, but not a missing identity or what the server would refuse. `facts`: read for a plan, which
 * also leaves sessions alone that others rely on; an assessment has none, and counts those as any other.
 */
export function protectionOf(
  backend: Backend,
  snapshot: Snapshot,
  isNamed: boolean,
  facts?: SessionFacts,
): Protection | null {
  const always = unconditionalProtection(backend, snapshot);
  if (always !== null) return {...always, is_final: true};
  if (isNamed) return null;
  const reason =
    conditionalReason(backend, snapshot) ?? (facts === undefined ? null : dutyOf(backend, facts));
  return reason === null ? null : {reason, is_forbidden: false};
}

/** An entry of `Plan.skipped`. */
export function toSkipped(backend: Backend, {is_forbidden, ...protection}: Protection): Skipped {
  const line = {subject: subjectOf(backend.pid), description: describeBackend(backend), ...protection};
  return is_forbidden ? {...line, is_forbidden} : line;
}

export function subjectOf(pid: number): string {
  return `backend:${pid}`;
}

/** `web/app idle in transaction`; without an age, so that planning again gives the same text. */
export function describeBackend(backend: Backend): string {
  const {application_name, usename, state} = backend;
  return `${application_name || '(no name)'}/${usename ?? '?'} ${state ?? 'hidden'}`;
}

function unconditionalProtection(backend: Backend, {target}: Snapshot): Protection | null {
  if (isOwn(backend))
    return {reason: "its application_name is poolctl: it may be poolctl's own", is_forbidden: false};
  if (backend.backend_start === null || backend.state === null || backend.state_change === null) {
    const {is_superuser, read_all_stats} = target.privileges;
    if (is_superuser || read_all_stats) {
      return {reason: 'still connecting: it has no state to compare yet', is_forbidden: false};
    }
    const grant = `GRANT pg_read_all_stats TO ${quoteIdentifier(target.user)}`;
    return {reason: `hidden from this role, so it cannot be identified: ${grant}`, is_forbidden: true};
  }
  if (backend.is_superuser && !target.privileges.is_superuser) {
    return {reason: 'superuser session: only a superuser may end it', is_forbidden: true};
  }
  const {is_superuser, signal_backend, signal_roles} = target.privileges;
  if (!is_superuser && !signal_backend && signal_roles?.includes(backend.usename ?? '') === false) {
    const grant = `GRANT pg_signal_backend TO ${quoteIdentifier(target.user)}`;
    return {reason: `a session of another role, which this role may not end: ${grant}`, is_forbidden: true};
  }
  if (backend.backend_type !== null && backend.backend_type !== 'client backend') {
    return {reason: `backend type ${backend.backend_type}: not a client session`, is_forbidden: false};
  }
  return null;
}

/** Any poolctl on this server, another user's too. */
function isOwn({application_name}: Backend): boolean {
  return application_name === 'poolctl';
}

function conditionalReason(backend: Backend, snapshot: Snapshot): string | null {
  const {application_name, usename} = backend;
  if (backend.is_superuser) return 'superuser session';
  const {roles = [], applications = []} = snapshot.target.protected_sessions ?? {};
  if (roles.includes(usename ?? '')) return `role ${usename} is protected by the configuration`;
  // Names in a snapshot are redacted.
  if (applications.map(redactSecrets).includes(application_name))
    return `application ${application_name} is protected by the configuration`;
  if (managedRoles.has(usename ?? '')) return `role ${usename} belongs to the managed service`;
  if (dumpPrograms.test(application_name)) return `dump or backup (${application_name})`;
  if (migrationPrograms.test(application_name)) return `migration (${application_name})`;
  if (snapshot.index_builds.some(({pid}) => pid === backend.pid)) return 'it builds an index';
  const statement = backend.query ?? '';
  return mayBeProtected.test(statement) ? statementReason(redactLiterals(statement), statement) : null;
}

/** A cheap first test, because redacting literals costs far more. */
const mayBeProtected =
  /copy|_pg_dump_cursor|72707369|_prisma_migrations|create|reindex|alter|drop|cluster|vacuum|repack|refresh/i;

function statementReason(statement: string, original: string): string | null {
  if (dumpStatements.test(statement)) return 'dump: its statement is COPY ... TO STDOUT';
  // The key is a literal, so it is searched in the original text.
  if (prismaMigrateLock.test(original) || /\b_prisma_migrations\b/.test(statement)) return 'prisma migrate';
  if (/^create (unique )?index\b|^reindex\b/i.test(statement)) return 'it builds an index';
  const upkeep = maintenance.exec(statement)?.[0].toUpperCase();
  if (upkeep !== undefined) return `maintenance: its last statement is ${upkeep}`;
  return schemaStatements.test(statement) ? 'migration: its last statement changes the schema' : null;
}

/** The advisory lock that `prisma migrate` holds. */
const prismaMigrateLock = /advisory_lock\s*\(\s*72707369\b/i;

const dumpPrograms =
  /^(pg_dump|pg_dumpall|pg_basebackup|pg_restore|pg_receivewal|pg_recvlogical|pg_rewind|pgbackrest|barman|wal-g|walg)\b/i;

const migrationPrograms =
  /\b(prisma[ _-]?migrate|schema-engine|migration-engine|flyway|liquibase|alembic|dbmate|sqitch|knex-migrate|pgroll)\b/i;

/** pg_dump's statements, under any application_name. */
const dumpStatements = /^copy\b.*\bto stdout\b|\b_pg_dump_cursor\b/i;

const schemaStatements =
  /^(alter (table|type|index|sequence|schema|domain)|drop (table|index|type|schema|sequence)|create (unlogged )?table|create (schema|type|extension|materialized view))\b/i;

/** REPACK is PostgreSQL 19's. */
const maintenance = /^(cluster|vacuum|repack|refresh materialized view)\b/i;

/** Roles of managed services, from their documentation. `postgres` belongs to the customer. */
const managedRoles: ReadonlySet<string> = new Set([
  'rdsadmin',
  'rdsrepladmin',
  'rdsproxyadmin',
  'rds_superuser',
  'cloudsqladmin',
  'cloudsqlagent',
  'cloudsqlreplica',
  'cloudsqlimportexport',
  'azuresu',
  'azure_superuser',
  'azure_pg_admin',
  'supabase_admin',
  'supabase_auth_admin',
  'supabase_storage_admin',
  'supabase_replication_admin',
  'supabase_realtime_admin',
  'supabase_read_only_user',
  'supabase_etl_admin',
  'cloud_admin',
  'zenith_admin',
  'neon_superuser',
]);

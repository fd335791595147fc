import {quoteIdentifier} from '../../core/sql/quote.ts';
import {connectDirectly} from './request.ts';

/** The limit that a refused connection ran into. Freeing slots of one kind does not help if another is exhausted. */
export type SlotKind =
  | 'global'
  | 'superuser_reserved'
  | 'reserved'
  | 'role_limit'
  | 'database_limit'
  | 'pooler_clients'
  | 'pooler_limit'
  | 'pooler_sessions'
  | 'pooler_queue';

/**
 * The limit that a refused connection ran into; null if it was refused for another reason. lc_messages translates the
 * texts of 53300, so the routine that raised the error decides first (proc.c, procarray.c, postinit.c, miscinit.c),
 * then names that are never translated.
 */
export function classifySlotError(error: unknown): SlotKind | null {
  const {code, message, routine} = describe(error);
  const [, poolerKind] = poolerTexts.find(([text]) => text.test(message)) ?? [];
  if (poolerKind !== undefined) return poolerKind;
  if (code !== '53300') return null;
  if (routine === 'InitializeSessionUserId' || /too many connections for role/.test(message))
    return 'role_limit';
  if (routine === 'CheckMyDatabase' || /too many connections for database/.test(message)) {
    return 'database_limit';
  }
  // PostgreSQL 16+ `... with privileges of the "pg_use_reserved_connections" role`; RDS names its own role.
  if (/pg_use_reserved_connections|rds_reserved/.test(message)) return 'reserved';
  // PostgreSQL 16+ `... with the SUPERUSER attribute`, before it `non-replication superuser connections`.
  if (routine === 'InitPostgres' || /reserved for .*superuser/i.test(message)) return 'superuser_reserved';
  return 'global';
}

// PgBouncer (client.c, objects.c): max_client_conn; client_connections of a database or user came with 1.24. Its
// max_db_connections and max_user_connections make clients queue instead, as does a server that is down.
// Supavisor: EMAXCONN, EMAXCONNSESSION and the texts of its older versions, ECHECKOUTTIMEOUT.
const poolerTexts: [text: RegExp, kind: SlotKind][] = [
  [/no more connections allowed \(max_(db|user)_client_connections\)/, 'pooler_limit'],
  [/no more connections allowed/, 'pooler_clients'],
  [/query_wait_timeout|server_login_retry|\bECHECKOUTTIMEOUT\b/, 'pooler_queue'],
  [/\bEMAXCONNSESSION\b|MaxClientsInSessionMode|max clients reached/i, 'pooler_sessions'],
  [/\bEMAXCONN\b|max client connections reached/i, 'pooler_clients'],
];

function describe(error: unknown): {code: string; message: string; routine: string} {
  const fields = (error ?? {}) as Record<string, unknown>;
  return {
    code: typeof fields.code === 'string' ? fields.code : '',
    message: typeof fields.message === 'string' ? fields.message : String(error),
    routine: typeof fields.routine === 'string' ? fields.routine : '',
  };
}

type SlotContext = {host: string; user: string; database: string; hasRescue: boolean};

/** What is full and what helps, which depends on whose limit it is. */
export function explainSlotError(kind: SlotKind, context: SlotContext): {message: string; hint: string} {
  return {message: messages[kind](context), hint: hints[kind](context)};
}

const rescueHint = ({hasRescue}: SlotContext) =>
  hasRescue
    ? 'The rescue URL found no slot either: end sessions on the server itself, or stop an application instance.'
    : 'Set POOLCTL_RESCUE_URL to a superuser or a role with pg_use_reserved_connections (PostgreSQL 16+).';

const messages: Record<SlotKind, (context: SlotContext) => string> = {
  global: ({host}) => `every connection slot of ${host} is taken, reserved ones included`,
  superuser_reserved: ({host, user}) =>
    `every connection slot of ${host} open to role "${user}" is taken: the remaining ones are reserved for superusers`,
  reserved: ({host, user}) =>
    `every connection slot of ${host} open to role "${user}" is taken: the remaining ones are reserved`,
  role_limit: ({user}) => `role "${user}" has reached its connection limit`,
  database_limit: ({database}) => `database "${database}" has reached its connection limit`,
  pooler_clients: ({host}) => `the connection pooler at ${host} accepts no more clients (max_client_conn)`,
  pooler_limit: ({host, user, database}) =>
    `the connection pooler at ${host} accepts no more clients of role "${user}" or database "${database}"`,
  pooler_sessions: ({host}) =>
    `every server session of the connection pooler at ${host} is in use (pool_size)`,
  pooler_queue: ({host}) =>
    `the connection pooler at ${host} had no free server session within its query_wait_timeout`,
};

const hints: Record<SlotKind, (context: SlotContext) => string> = {
  global: context =>
    context.hasRescue
      ? rescueHint(context)
      : 'Wait for a slot with --wait, or stop an application instance: not even a superuser can connect now.',
  superuser_reserved: rescueHint,
  reserved: context =>
    context.hasRescue
      ? rescueHint(context)
      : `Set POOLCTL_RESCUE_URL to a superuser, or, once a slot is free: GRANT pg_use_reserved_connections TO ${quoteIdentifier(context.user)};`,
  role_limit: ({user}) =>
    `Other slots may be free: connect as another role (-U), or raise the limit: ALTER ROLE ${quoteIdentifier(user)} CONNECTION LIMIT -1;`,
  database_limit: ({database}) =>
    `Other slots may be free: connect to another database (-d postgres), or raise the limit: ALTER DATABASE ${quoteIdentifier(database)} CONNECTION LIMIT -1;`,
  pooler_clients: () => `${connectDirectly} Ending sessions of the server frees no client of the pooler.`,
  pooler_limit: () => `${connectDirectly} The limit is set in the pooler's configuration.`,
  pooler_sessions: () => `${connectDirectly} In the pooler's transaction mode clients share sessions.`,
  pooler_queue: () =>
    `${connectDirectly} Its pool is exhausted, or the server behind it accepts no connections.`,
};

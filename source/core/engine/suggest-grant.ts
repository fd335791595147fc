import type {Executor} from '../../model/ports.ts';
import type {SqlStep} from '../../model/step.ts';
import {quoteIdentifier, unquoteIdentifier} from '../sql/quote.ts';

type RefusedStep = Pick<SqlStep, 'apply'>;
type Reader = Pick<Executor, 'read'>;

/**
 * The exact statement that would let the current role execute a refused step, or who else can; null if unknown. Reads the
 * server's version and the owner of the object.
 */
export async function suggestGrant(
  step: RefusedStep,
  {sqlstate, message}: {sqlstate: string; message: string},
  executor: Reader,
): Promise<string | null> {
  // undefined_table, undefined_function: a team recipe used an unqualified name.
  if ((sqlstate === '42P01' || sqlstate === '42883') && isUnqualified(message)) return unqualifiedText;
  // read_only_sql_transaction, insufficient_privilege
  if (sqlstate !== '25006' && sqlstate !== '42501') return null;
  try {
    if (sqlstate === '25006') return await onStandby(executor);
    return await findGrant(step.apply, message, executor);
  } catch {
    // The suggestion is optional: report the refusal without it.
    return null;
  }
}

async function findGrant(
  {text}: RefusedStep['apply'],
  message: string,
  executor: Reader,
): Promise<string | null> {
  if (/\bpg_(?:terminate|cancel)_backend\b/.test(text)) return grantSignal(message, executor);
  const [, role] = text.match(alterRole) ?? [];
  if (role !== undefined) return grantRole(text, unquoteIdentifier(role), executor);
  if (/^(?:CREATE|ALTER) EXTENSION\b/i.test(text))
    return `A superuser, or the administrator of a managed service, has to run it: ${text};`;
  const [, schema] = message.match(/^permission denied for schema (.+)$/) ?? [];
  if (schema !== undefined) {
    const {me} = await currentRole(executor);
    return `To allow it: GRANT USAGE, CREATE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(me)};`;
  }
  const [, relation] = text.match(onRelation) ?? [];
  return relation === undefined ? null : grantOwner(relation, executor);
}

const unqualifiedText = 'Qualify it with its schema: steps run with search_path pg_catalog.';

/** `relation "orders" does not exist`, `function f(integer) does not exist`. */
function isUnqualified(message: string): boolean {
  return /^(?:relation "[^".]+"|function [^.(]+\(.*\)) does not exist/.test(message);
}

const identifier = '(?:"(?:[^"]|"")+"|[\\w$]+)';
const alterRole = new RegExp(`^ALTER ROLE (${identifier})`, 'i');
const onRelation = new RegExp(
  `^(?:CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?(?:${identifier} )?ON |DROP INDEX (?:CONCURRENTLY )?|ALTER (?:TABLE|INDEX|SEQUENCE) )(?:IF EXISTS )?(?:ONLY )?(${identifier}(?:\\.${identifier})?)`,
  'i',
);

/** Null on a primary: there a setting of the role or database makes the transaction read-only. */
async function onStandby(executor: Reader): Promise<string | null> {
  const query = {text: 'SELECT pg_catalog.pg_is_in_recovery() AS is_in_recovery', values: []};
  const [row] = await executor.read(query, timeout_ms);
  return row?.is_in_recovery === true
    ? 'This server is a standby (in recovery): run it on the primary.'
    : null;
}

async function grantSignal(message: string, executor: Reader): Promise<string> {
  // Before PG16 "must be a superuser to ...", since then in the detail "Only roles with the SUPERUSER attribute".
  if (/superuser (?:process|query)|SUPERUSER attribute/.test(message))
    return "It is a superuser's session: a superuser has to end it.";
  const {me} = await currentRole(executor);
  return `To allow it: GRANT pg_signal_backend TO ${quoteIdentifier(me)};`;
}

/** PG16 requires ADMIN OPTION on the role in addition to CREATEROLE; before, CREATEROLE suffices for ordinary roles. */
async function grantRole(text: string, role: string, executor: Reader): Promise<string | null> {
  const [row] = await executor.read(
    {
      text: "SELECT r.rolsuper AS is_superuser, r.rolreplication AS is_replication, me.rolcreaterole AS has_createrole, pg_catalog.pg_has_role(me.oid, r.oid, 'MEMBER WITH ADMIN OPTION') AS has_admin FROM pg_catalog.pg_roles r, pg_catalog.pg_roles me WHERE r.rolname = $1 AND me.rolname = current_user",
      values: [role],
    },
    timeout_ms,
  );
  if (row === undefined) return null;
  const {me, version} = await currentRole(executor);
  const isOld = version < 160_000;
  if (row.is_superuser === true || (isOld && row.is_replication === true)) {
    const what = row.is_superuser === true ? 'a superuser' : 'a replication role';
    return `Role ${role} is ${what}: a superuser has to run it: ${text};`;
  }
  if (me === role && !isOld) return `A role cannot alter itself so. Run as another role: ${text};`;
  const grants = [
    ...(row.has_createrole === true ? [] : [`ALTER ROLE ${quoteIdentifier(me)} CREATEROLE;`]),
    ...(isOld || row.has_admin === true
      ? []
      : [
          `GRANT ${quoteIdentifier(role)} TO ${quoteIdentifier(me)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;`,
        ]),
  ];
  return grants.length === 0 ? null : `To allow it: ${grants.join(' ')}`;
}

/** Only the table's owner may change its indexes. Membership in a superuser is never suggested. */
async function grantOwner(relation: string, executor: Reader): Promise<string | null> {
  const [row] = await executor.read(
    {
      text: 'SELECT o.rolname::text AS owner, o.rolsuper AS is_superuser FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles o ON o.oid = c.relowner WHERE c.oid = pg_catalog.to_regclass($1)',
      values: [relation],
    },
    timeout_ms,
  );
  if (typeof row?.owner !== 'string') return null;
  if (row.is_superuser === true) return `Its owner ${row.owner}, a superuser, has to run it.`;
  const {me, version} = await currentRole(executor);
  const inherit = version < 160_000 ? '' : ' WITH INHERIT TRUE';
  return `Run it as its owner ${row.owner}, or allow it: GRANT ${quoteIdentifier(row.owner)} TO ${quoteIdentifier(me)}${inherit};`;
}

async function currentRole(executor: Reader): Promise<{me: string; version: number}> {
  const [row] = await executor.read(
    {
      text: "SELECT current_user::text AS me, pg_catalog.current_setting('server_version_num')::int4 AS version",
      values: [],
    },
    timeout_ms,
  );
  if (typeof row?.me !== 'string') throw new Error('current_user is missing');
  return {me: row.me, version: Number(row.version)};
}

const timeout_ms = 2000;

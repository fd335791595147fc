import {AbortError, exitCodes, usageError} from '../core/errors.ts';
import {quoteIdentifier} from '../core/quote.ts';
import {inTime} from './in-time.ts';
import {countParameters} from './parameters.ts';
import type {PgClient} from './pg-client.ts';

export type ExplainRequest = {
  /** As pg_stat_statements has it, with `$1` for constants; or as a session sent it. */
  query: string;
  /** The database the statement belongs to, and the one the client is connected to: they must be the same. */
  database: string;
  connected_database: string;
  server_version_num: number;
  /** Looked at before `"$user", public`: Prisma's `schema` parameter. */
  schema?: string | null;
};

export type Explained = {lines: string[]; how: 'generic plan' | 'forced generic plan'};

/**
 * The plan the server would choose without knowing the parameters. Nothing is executed: the server's own grammar
 * sees to it. `PREPARE name AS` takes exactly one SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES, and the extended
 * protocol takes exactly one PREPARE: a text with a second statement in it, however hidden, is a syntax error to
 * the server itself. Only a text that passed goes on to EXPLAIN (GENERIC_PLAN), which takes the simple protocol
 * (the extended one wants its parameters bound); before PG16 EXPLAIN EXECUTE does not repeat the text at all.
 *
 * Planning alone may evaluate immutable functions of constants: hence read-only, rolled back and under timeouts.
 * Each batch is one transaction issued in one turn: on a shared, pipelined connection no reading gets into it, and
 * through a pooler it stays on one session. `client` is the bare one: it writes its own BEGIN.
 * Throws AbortError with what the server objects to, or where it does not answer within `deadline_ms`.
 */
export function explainStatement(
  client: PgClient,
  request: ExplainRequest,
  deadline_ms = 5000,
): Promise<Explained> {
  return inTime(explain(client, request), deadline_ms);
}

async function explain(client: PgClient, request: ExplainRequest): Promise<Explained> {
  if (request.database !== request.connected_database) throw elsewhere(request);
  const statement = request.query.trim().replace(/(\s*;)+$/, '');
  const begin = `BEGIN READ ONLY; ${settings(request.schema ?? null)}`;
  const forced = await prepareAndExplain(client, begin, statement);
  if (request.server_version_num < 160_000) return {lines: planLines(forced), how: 'forced generic plan'};
  const [, explained] = await Promise.allSettled([
    client.query(begin),
    client.query<PlanRow>(`EXPLAIN (GENERIC_PLAN) ${statement}`),
    client.query('ROLLBACK'),
  ]);
  return {lines: planLines(explained), how: 'generic plan'};
}

type PlanRow = Record<'QUERY PLAN', string>;
type Planned = PromiseSettledResult<{rows: PlanRow[]}>;

/** Throws where PREPARE does not take it; what EXPLAIN EXECUTE says is the caller's to use. */
async function prepareAndExplain(client: PgClient, begin: string, statement: string): Promise<Planned> {
  const [begun, prepared, , explained] = await Promise.allSettled([
    client.query(begin),
    client.query({text: `PREPARE ${name} AS ${statement}`, queryMode: 'extended'}),
    client.query(`SAVEPOINT ${name}`),
    client.query<PlanRow>({text: `EXPLAIN ${execution(statement)}`, queryMode: 'extended'}),
    // What is prepared outlives its transaction, and a failed one refuses to DEALLOCATE.
    client.query(`ROLLBACK TO ${name}`),
    client.query(`DEALLOCATE ${name}`),
    client.query('ROLLBACK'),
  ]);
  for (const part of [begun, prepared]) if (part.status === 'rejected') throw toAbortError(part.reason);
  return explained;
}

function planLines(planned: Planned): string[] {
  if (planned.status === 'rejected') throw toAbortError(planned.reason);
  return planned.value.rows.map(row => row['QUERY PLAN']);
}

const name = 'poolctl_explain';

/** The session's own search path is empty but for pg_catalog; the application's is not known, this is the default. */
function settings(schema: string | null): string {
  const path = [...(schema === null ? [] : [quoteIdentifier(schema)]), '"$user"', 'public'].join(', ');
  return [
    `SET LOCAL search_path = ${path}`,
    "SET LOCAL statement_timeout = '2s'",
    "SET LOCAL lock_timeout = '200ms'",
    'SET LOCAL plan_cache_mode = force_generic_plan',
  ].join('; ');
}

/** PG15 and before: the generic plan is forced, so the NULLs are never looked at. */
function execution(statement: string): string {
  const count = countParameters(statement);
  return `EXECUTE ${name}${count === 0 ? '' : `(${Array(count).fill('NULL').join(', ')})`}`;
}

function elsewhere({database, connected_database}: ExplainRequest): AbortError {
  return usageError(
    `this statement belongs to another database${database === '' ? '' : `, ${quoteIdentifier(database)}`}`,
    `poolctl is connected to ${quoteIdentifier(connected_database)}: open it on the other (-d) to see the plan.`,
  );
}

function toAbortError(error: unknown): AbortError {
  const {code = '', message = String(error)} = error as {code?: string; message?: string};
  const hint = hints[code];
  return new AbortError(`the server does not plan it: ${message.split('\n', 1)[0]}`, {
    ...(hint === undefined ? {} : {hint}),
    exitCode: code === '42501' ? exitCodes.privilege : exitCodes.usage,
    cause: error,
  });
}

const hints: Record<string, string> = {
  '42601':
    'Only one whole SELECT, INSERT, UPDATE, DELETE, MERGE or VALUES has a plan; a text that the server cut off, or whose constants became $1 where none may stand, has none.',
  '42P14': 'A utility statement has no plan, nor has SELECT INTO on this version.',
  '42P01': 'The table is not on the search path assumed here ("$user", public), or it was a temporary one.',
  '42P18': 'The types of its parameters cannot be inferred from the text alone.',
  '42501':
    'To plan a statement takes the privileges to run it: GRANT SELECT on its tables to the role of poolctl.',
  '55P03': 'A table of it is locked exclusively right now.',
  '57014': 'Planning took longer than 2 s.',
};

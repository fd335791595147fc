import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {PgClient} from '../connect/client.ts';
import {withDeadline} from '../deadline.ts';
import {type PlanBatch, planBehindGate} from '../reach/behind-gate.ts';
import {loadSqlParser} from '../reach/parse-sql.ts';

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
 * The plan the server would choose without knowing the parameters. Nothing is executed, and nothing is planned that
 * reaches other functions than PostgreSQL's own: see planBehindGate. Only a text that PREPARE took goes on to EXPLAIN
 * (GENERIC_PLAN), which takes the simple protocol (the extended one wants its parameters bound); before PostgreSQL 16 EXPLAIN
 * EXECUTE does not repeat the text at all. `client` is the bare one.
 * Throws AbortError with what poolctl or the server objects to, or where it does not answer within `deadline_ms`.
 */
export function explainStatement(
  client: PgClient,
  request: ExplainRequest,
  deadline_ms = 5000,
): Promise<Explained> {
  return withDeadline(explain(client, request), deadline_ms);
}

async function explain(client: PgClient, request: ExplainRequest): Promise<Explained> {
  if (request.database !== request.connected_database) throw elsewhere(request);
  const statement = request.query.trim().replace(/(\s*;)+$/, '');
  const isGeneric = request.server_version_num >= 160_000;
  const batch: PlanBatch = {
    statement,
    search_path: request.schema == null ? [] : [request.schema],
    explain: execution =>
      isGeneric
        ? `EXPLAIN (GENERIC_PLAN) ${statement}`
        : {text: `EXPLAIN ${execution}`, queryMode: 'extended'},
  };
  try {
    const {rows} = await planBehindGate<PlanRow>(client, await loadSqlParser(), batch);
    const lines = rows.map(row => row['QUERY PLAN']);
    return {lines, how: isGeneric ? 'generic plan' : 'forced generic plan'};
  } catch (error) {
    throw error instanceof AbortError ? error : toAbortError(error);
  }
}

type PlanRow = Record<'QUERY PLAN', string>;

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
  '42601': 'Its grammar is of another version of PostgreSQL.',
  '42P14': 'A utility statement has no plan, nor has SELECT INTO on this version.',
  '42P01': 'The table is not on the search path assumed here ("$user", public), or it was a temporary one.',
  '42P18': 'The types of its parameters cannot be inferred from the text alone.',
  '42501':
    'To plan a statement takes the privileges to run it: GRANT SELECT on its tables to the role of poolctl.',
  '55P03': 'A table of it is locked exclusively right now.',
  '57014': 'Planning took longer than 2 s.',
};

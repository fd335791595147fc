import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import {type PgClient, withDeadline} from '../connect/client.ts';
import {type PlanBatch, planBehindGate} from '../reach/behind-gate.ts';
import {loadSqlParser, toPlannable} from '../reach/parse-sql.ts';
import {isSqlstate} from '../sqlstate.ts';

export type ExplainRequest = {
  /** A text of pg_stat_statements, with `$1` for constants, or of a session. */
  query: string;
  /** The statement's database and the client's, which must be the same. */
  database: string;
  connected_database: string;
  server_version_num: number;
  /** Searched before `"$user", public`: Prisma's `schema` parameter. */
  schema?: string | null;
};

export type Explained = {lines: string[]; how: 'generic plan' | 'forced generic plan'};

/**
 * The generic plan, which the server chooses without knowing the parameters. Nothing is executed, and no statement is
 * planned that reaches functions other than PostgreSQL's own: see planBehindGate. PREPARE has to accept the text before
 * EXPLAIN (GENERIC_PLAN), which needs the simple protocol (the extended one binds parameters); before PostgreSQL 16
 * EXPLAIN EXECUTE is used. `client` is a `Connection.rawClient`. Throws AbortError if poolctl or the server refuses,
 * and if the server does not answer within `deadline_ms`.
 */
export function explainStatement(
  client: PgClient,
  request: ExplainRequest,
  deadline_ms = 5000,
): Promise<Explained> {
  return withDeadline(explain(client, request), deadline_ms);
}

async function explain(client: PgClient, request: ExplainRequest): Promise<Explained> {
  if (request.database !== request.connected_database) throw otherDatabase(request);
  const asWritten = request.query.trim().replace(/(\s*;)+$/, '');
  const isGeneric = request.server_version_num >= 160_000;
  const parser = await loadSqlParser();
  const attempt = (statement: string) => {
    const batch: PlanBatch = {
      statement,
      search_path: request.schema == null ? [] : [request.schema],
      explain: execution =>
        isGeneric
          ? `EXPLAIN /* poolctl */ (GENERIC_PLAN) ${statement}`
          : {text: `EXPLAIN /* poolctl */ ${execution}`, queryMode: 'extended'},
    };
    return planBehindGate<PlanRow>(client, parser, batch);
  };
  try {
    const {rows} = await attempt(asWritten).catch((error: {code?: string}) => {
      // The arguments of jsonb_build_object() and the like, as in Prisma's joins, have no type of their own.
      if (error.code !== '42P18') throw error;
      return attempt(toPlannable(asWritten, parser));
    });
    const lines = rows.map(row => row['QUERY PLAN']);
    return {lines, how: isGeneric ? 'generic plan' : 'forced generic plan'};
  } catch (error) {
    throw error instanceof AbortError ? error : toAbortError(error);
  }
}

type PlanRow = Record<'QUERY PLAN', string>;

function otherDatabase({database, connected_database}: ExplainRequest): AbortError {
  return usageError(
    `this statement belongs to another database${database === '' ? '' : `, ${quoteIdentifier(database)}`}`,
    `poolctl is connected to ${quoteIdentifier(connected_database)}: start it with -d and the other database to see the plan.`,
  );
}

function toAbortError(error: unknown): AbortError {
  const {code = '', message = String(error)} = error as {code?: string; message?: string};
  const hint = hints[code];
  return new AbortError(
    `the server cannot plan it: ${message.split('\n', 1)[0]}${isSqlstate(code) ? ` (${code})` : ''}`,
    {
      ...(hint === undefined ? {} : {hint}),
      exitCode: code === '42501' ? exitCodes.privilege : exitCodes.usage,
      cause: error,
    },
  );
}

const hints: Record<string, string> = {
  '42601': 'Its syntax belongs to another version of PostgreSQL.',
  '42P14': 'A utility statement has no plan, nor has SELECT INTO on this version.',
  '42P01': 'The table is not in the assumed search path ("$user", public), or it was temporary.',
  '42P18': 'The types of its parameters cannot be inferred from the text.',
  '42501':
    'Planning a statement needs the privileges to run it: GRANT SELECT on its tables to the role of poolctl.',
  '55P03': 'One of its tables has an ACCESS EXCLUSIVE lock now.',
  '57014': 'Planning took longer than 2 s.',
};

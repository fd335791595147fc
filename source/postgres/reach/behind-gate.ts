import {AbortError, exitCodes} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {Row} from '../../model/recipe-data.ts';
import type {Sql} from '../../model/step.ts';
import type {PgClient} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {beginWatching} from '../connect/session.ts';
import {isAboutOneQuery} from '../sqlstate.ts';
import {gateQuery, RefusedStatement, toRefusal} from './gate.ts';
import {loadSqlParser, type SqlParser} from './parse-sql.ts';

type PgQuery = Parameters<PgClient['query']>[0];

export type PlanBatch = {
  /** One statement to plan. */
  statement: string;
  /** Schemas before `"$user", public`. */
  search_path: readonly string[];
  is_own_session?: boolean;
  /** Further settings of the transaction. */
  settings?: readonly string[];
  /** Sent after the first gate, with the search path of planning. */
  hypothetical?: HypotheticalSetup | undefined;
  /** The EXPLAIN, from the EXECUTE of the prepared statement, whose parameters are NULLs that are not used. */
  explain: (execution: string) => PgQuery;
};

/** `query` shows the planner indexes with these `definitions`; `reset` drops them. */
export type HypotheticalSetup = {query: PgQuery; definitions: readonly string[]; reset: string};

type Planned<Row> = {rows: Row[]; hypotheticalRows: Record<string, unknown>[]};

/**
 * Lets the server plan an untrusted statement. Planning folds constants and estimates, which runs functions with this
 * session's privileges, read-only or not. So the gate (`reachQuery`) comes first, and again after PREPARE has locked the
 * tables and views and resolved the names. Where it objects, it aborts the transaction, and the server refuses what
 * follows. Nothing is executed: `PREPARE name AS` accepts one plannable statement, and the extended protocol one PREPARE,
 * so a second statement in the text is a syntax error.
 *
 * One transaction, sent in one turn: on a shared, pipelined connection no other query gets into it, and through a pooler
 * it stays in one session. `client` is a `Connection.rawClient`. Throws RefusedStatement, and the server's errors.
 */
export async function planBehindGate<Row>(
  client: PgClient,
  parser: SqlParser,
  batch: PlanBatch,
): Promise<Planned<Row>> {
  const {statement, search_path, is_own_session = false, settings = [], hypothetical} = batch;
  const schemas = [...search_path, 'public'];
  const statements = [statement, ...(hypothetical?.definitions ?? [])];
  const gate = gateQuery(parser, {statements, search_path: schemas, purpose: 'plan', is_own_session});
  const path = [...search_path.map(quoteIdentifier), '"$user"', 'public'].join(', ');
  const asApplication = `SET LOCAL search_path = ${path}; SET LOCAL work_mem TO DEFAULT`;
  const explaining = batch.explain(executionOf(statement));
  const planning: PgQuery[] = [
    ['BEGIN READ ONLY', asPoolctl, ...planningSettings, ...settings].join('; '),
    gate,
    asApplication,
    ...(hypothetical === undefined ? [] : [hypothetical.query]),
    {text: `PREPARE ${name} AS ${statement}`, queryMode: 'extended'},
    `SAVEPOINT ${name}; ${asPoolctl}`,
    gate,
    asApplication,
    explaining,
  ];
  const ending = [
    // A prepared statement outlives its transaction, and a failed transaction refuses DEALLOCATE.
    `ROLLBACK TO ${name}`,
    `DEALLOCATE ${name}`,
    // In one message, so that a pooler does not assign the session to another client in between.
    hypothetical === undefined ? 'ROLLBACK' : `ROLLBACK; ${hypothetical.reset}`,
  ];
  const answers = await Promise.allSettled([...planning, ...ending].map(query => client.query(query)));
  const failed = answers.slice(0, planning.length).find(({status}) => status === 'rejected');
  if (failed?.status === 'rejected') throw toRefusal(failed.reason, 'plan');
  const rowsOf = (query: PgQuery) => {
    const answer = answers[planning.indexOf(query)];
    return answer?.status === 'fulfilled' ? answer.value.rows : [];
  };
  return {
    rows: rowsOf(explaining) as Row[],
    hypotheticalRows: hypothetical === undefined ? [] : rowsOf(hypothetical.query),
  };
}

const name = 'poolctl_plan';

/**
 * The gate's own names must not resolve to objects that others created. And the planner overestimates its recursion so
 * much that with more work_mem clearing the hash tables takes longer than the gate.
 */
const asPoolctl = "SET LOCAL search_path = pg_catalog; SET LOCAL work_mem = '64kB'";

const planningSettings = [
  // If the server parsed the text differently than poolctl's parser, the gate would have checked the wrong names.
  'SET LOCAL standard_conforming_strings = on',
  "SET LOCAL statement_timeout = '2s'",
  "SET LOCAL lock_timeout = '200ms'",
  'SET LOCAL plan_cache_mode = force_generic_plan',
  'SET LOCAL jit = off',
];

function executionOf(statement: string): string {
  const count = countParameters(statement);
  return `EXECUTE ${name}${count === 0 ? '' : `(${Array(count).fill('NULL').join(', ')})`}`;
}

/**
 * The highest `$n` in a statement, as the server's scanner sees it: not in strings, comments, quoted identifiers,
 * dollar quotes or names (`a$1` is one). EXECUTE refuses a wrong count.
 */
function countParameters(statement: string): number {
  let highest = 0;
  for (const [, digits] of statement.matchAll(token)) highest = Math.max(highest, Number(digits ?? 0));
  return highest;
}

const token = new RegExp(
  [
    /--[^\n]*/,
    /\/\*[\s\S]*?\*\//,
    /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/,
    /'(?:[^']|'')*'/,
    /"(?:[^"]|"")*"/,
    /\$\$[\s\S]*?\$\$/,
    /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/,
    /\$(\d+)/,
  ]
    .map(({source}) => source)
    .join('|'),
  'g',
);

/**
 * The rows of one query of a team recipe, in a read-only transaction with the settings of a read-only session. It
 * is rolled back, which also reverts set_config(). Sent together, so that on a shared, pipelined connection no other
 * query gets into it. `client` is a `Connection.rawClient`. Throws RefusedStatement for what is not a query, and for
 * one that reaches functions that may write or are not named in `functions`.
 */
export async function readBehindGate<Row>(
  client: PgClient,
  {text, values, functions = []}: Sql,
): Promise<Row[]> {
  const request = {statements: [text], search_path: [], purpose: 'run', functions} as const;
  const gate = gateQuery(await loadSqlParser(), request);
  const [begun, passed, answered, ended] = await Promise.allSettled([
    client.query(beginWatching()),
    client.query(gate),
    client.query<Row>({text, values, queryMode: 'extended'}),
    client.query('ROLLBACK'),
  ]);
  for (const part of [begun, passed, answered, ended])
    if (part.status === 'rejected') throw toRefusal(part.reason, 'run');
  return (answered as PromiseFulfilledResult<{rows: Row[]}>).value.rows;
}

/**
 * The rows of a team recipe's queries, each in a read-only transaction that is rolled back. Throws AbortError for a
 * query that fails: exit 5 if a privilege is missing, else 2.
 */
export async function readAnswers(
  {rawClient}: Connection,
  queries: Record<string, Sql>,
): Promise<Record<string, Row[]>> {
  const answers: Record<string, Row[]> = {};
  for (const [name, query] of Object.entries(queries)) {
    try {
      answers[name] = await readBehindGate<Row>(rawClient, query);
    } catch (error) {
      throw refused(name, error);
    }
  }
  return answers;
}

function refused(name: string, error: unknown): unknown {
  if (error instanceof RefusedStatement) {
    const {message, exitCode, hint} = error;
    const options = {exitCode, cause: error, ...(hint !== undefined && {hint})};
    return new AbortError(`the diagnosis of ${name} was ${message}`, options);
  }
  const code = (error as {code?: unknown}).code;
  if (!(error instanceof Error) || !isAboutOneQuery(code)) return error;
  return new AbortError(`the diagnosis of ${name} failed: ${redactSecrets(error.message)}`, {
    hint: 'Qualify names in its SQL (public.orders): the search path is pg_catalog only.',
    exitCode: code === '42501' ? exitCodes.privilege : exitCodes.usage,
    cause: error,
  });
}

import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Sql} from '../../model/step.ts';
import type {PgClient} from '../connect/client.ts';
import {beginWatching} from '../connect/session-options.ts';
import {gateQuery, toRefusal} from './gate.ts';
import {loadSqlParser, type SqlParser} from './parse-sql.ts';

type PgQuery = Parameters<PgClient['query']>[0];

export type PlanBatch = {
  /** One statement, as it is to be planned. */
  statement: string;
  /** In front of `"$user", public`. */
  search_path: readonly string[];
  is_own_session?: boolean;
  /** Further settings of the transaction. */
  settings?: readonly string[];
  /** What is sent after the first gate, with the search path of planning. */
  pretend?: Pretending | undefined;
  /** EXPLAIN of the statement, given what executes it as it was prepared, with NULLs that nothing looks at. */
  explain: (execution: string) => PgQuery;
};

/** `definitions` are what the query makes the planner see. */
export type Pretending = {query: PgQuery; definitions: readonly string[]; forget: string};

type Planned<Row> = {rows: Row[]; pretended: Record<string, unknown>[]};

/**
 * Has the server plan a statement of whatever origin. Planning folds constants and estimates, which runs functions
 * with the rights of this session, read-only or not: so the gate (`reachQuery`) comes first, and again once PREPARE
 * has locked the tables and views and bound the names. Where it objects the transaction is over, and the server
 * refuses what follows by itself. Nothing is executed: `PREPARE name AS` takes one plannable statement, and the
 * extended protocol takes one PREPARE, so a text with a second statement in it is a syntax error to the server.
 *
 * One transaction issued in one turn: on a shared, pipelined connection no reading gets into it, and through a pooler
 * it stays on one session. `client` is the bare one. Throws RefusedStatement, and what the server answers.
 */
export async function planBehindGate<Row>(
  client: PgClient,
  parser: SqlParser,
  batch: PlanBatch,
): Promise<Planned<Row>> {
  const {statement, search_path, is_own_session = false, settings = [], pretend} = batch;
  const schemas = [...search_path, 'public'];
  const statements = [statement, ...(pretend?.definitions ?? [])];
  const gate = gateQuery(parser, {statements, search_path: schemas, purpose: 'plan', is_own_session});
  const path = [...search_path.map(quoteIdentifier), '"$user"', 'public'].join(', ');
  const asApplication = `SET LOCAL search_path = ${path}; SET LOCAL work_mem TO DEFAULT`;
  const explaining = batch.explain(executionOf(statement));
  const planning: PgQuery[] = [
    ['BEGIN READ ONLY', asPoolctl, ...always, ...settings].join('; '),
    gate,
    asApplication,
    ...(pretend === undefined ? [] : [pretend.query]),
    {text: `PREPARE ${name} AS ${statement}`, queryMode: 'extended'},
    `SAVEPOINT ${name}; ${asPoolctl}`,
    gate,
    asApplication,
    explaining,
  ];
  const ending = [
    // What is prepared outlives its transaction, and a failed one refuses to DEALLOCATE.
    `ROLLBACK TO ${name}`,
    `DEALLOCATE ${name}`,
    // In one message, so that a pooler has not lent the session to another in between.
    pretend === undefined ? 'ROLLBACK' : `ROLLBACK; ${pretend.forget}`,
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
    pretended: pretend === undefined ? [] : rowsOf(pretend.query),
  };
}

const name = 'poolctl_plan';

/**
 * The gate's own names are not looked up where others may create; and the planner takes its recursion for so many rows
 * that clearing the hash tables it would make for them takes longer than the gate.
 */
const asPoolctl = "SET LOCAL search_path = pg_catalog; SET LOCAL work_mem = '64kB'";

const always = [
  // Of a text that the server reads otherwise than the parser, the gate has seen the wrong names.
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
 * dollar quotes or names (`a$1` is one). A wrong count does no harm: EXECUTE refuses it.
 */
export function countParameters(statement: string): number {
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
 * The rows of one query that a team wrote, in a read-only transaction of its own with the settings of watching. It is rolled back, which
 * takes back what the query set for the session (`set_config(..., false)`). Written at once, so that no other reading
 * of a shared, pipelined connection gets into it. `client` is the bare one.
 * Throws RefusedStatement for what is no query, or reaches functions that may act or are not named in `functions`.
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

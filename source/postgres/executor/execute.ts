import {holds} from '../../core/engine/step.ts';
import {BugError} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Executable, ExecutionResult} from '../../model/ports.ts';
import type {Pins, Sql, Verification} from '../../model/step.ts';
import type {PgClient} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {gateQuery, toRefusal} from '../reach/gate.ts';
import {loadSqlParser} from '../reach/parse-sql.ts';

type Row = Record<string, unknown>;
type PgQuery = Exclude<Parameters<PgClient['query']>[0], string>;
type PgResult = {rows: Row[]; rowCount: number | null};
type Send = (query: PgQuery) => Promise<PgResult>;

/** Executes one step. Throws the server's errors. */
export async function execute(connection: Connection, step: Executable): Promise<ExecutionResult> {
  if (needsSeveralRoundTrips(step)) return executeInSteps(connection, step);
  const {rowCount, rows} = await executeAtOnce(connection, step);
  // Null, not 0, for a command whose tag has no count (ALTER ROLE): its guard did not fail.
  return {row_count: rowCount, rows};
}

function needsSeveralRoundTrips({afterwards, guard, pins, proof, settings}: Executable): boolean {
  return [afterwards, guard, pins, proof, settings].some(each => each !== undefined);
}

/** One round trip: the timeout, the statement and BEGIN and COMMIT are sent together. */
async function executeAtOnce(connection: Connection, {apply, ...options}: Executable): Promise<PgResult> {
  const statement = extended(apply);
  const queries = options.transaction
    ? [{text: 'BEGIN'}, timeoutSetting(options), statement, {text: 'COMMIT'}]
    : [timeoutSetting(options), statement];
  const send = (query: PgQuery) => connection.client.query<Row>({...query, ...clientTimeout(options)});
  const results = await Promise.allSettled(queries.map(send));
  for (const result of results) if (result.status === 'rejected') throw withDetail(result.reason);
  const result = results[queries.indexOf(statement)];
  if (result?.status !== 'fulfilled') throw new Error('no result');
  return result.value;
}

/** The guard's answer decides whether the statement is sent; both in one transaction where the step allows it. */
async function executeInSteps(connection: Connection, step: Executable): Promise<ExecutionResult> {
  const {afterwards = [], apply, guard, pins, proof, settings = {}, transaction, verify} = step;
  const send = (query: PgQuery) => connection.client.query<Row>({...query, ...clientTimeout(step)});
  const all = {...settings, statement_timeout: String(step.timeout_ms)};
  if (transaction) await send({text: 'BEGIN'});
  try {
    for (const [name, value] of Object.entries(all)) await send(setting(name, value, transaction));
    // A step that could not be verified is not executed.
    const gated = verify?.query.functions === undefined ? [] : [verify.query];
    const answer =
      guard === undefined ? null : (await readOnly(send, guard.query, transaction, {gated})).rows[0];
    if (guard !== undefined && !holds(guard.expect, answer ?? undefined)) {
      if (transaction) await send({text: 'ROLLBACK'});
      return {rows: [], row_count: 0, objection: objectionOf(guard, answer)};
    }
    const {rows, rowCount} = await send(extended(apply));
    if (proof !== undefined) {
      const found = (await readOnly(send, proof.query, transaction)).rows[0];
      if (!holds(proof.expect, found)) {
        await send({text: 'ROLLBACK'});
        return {rows: [], row_count: 0, objection: objectionOf(proof, found)};
      }
    }
    const read = pins === undefined ? {} : {pins: await readPins(send, pins, transaction)};
    if (transaction) await send({text: 'COMMIT'});
    const incomplete = await executeTogether(send, afterwards);
    return {rows, row_count: rowCount, ...read, ...(incomplete !== null && {incomplete})};
  } catch (error) {
    if (transaction) await send({text: 'ROLLBACK'}).catch(() => {});
    throw withDetail(error);
  } finally {
    if (!transaction) {
      for (const name of Object.keys(settings))
        await send({text: `RESET ${quoteIdentifier(name)}`}).catch(() => {});
    }
  }
}

/** Null if they cannot be read: the step still succeeds, unless the query aborts its transaction. */
async function readPins(send: Send, query: Sql, transaction: boolean): Promise<Pins | null> {
  try {
    const [row] = (await readOnly(send, query, transaction)).rows;
    return row === undefined ? null : (row as Pins);
  } catch (error) {
    if (transaction) throw error;
    return null;
  }
}

/** Executes all statements or none. Returns null, or why none was executed. */
async function executeTogether(send: Send, statements: readonly Sql[]): Promise<string | null> {
  if (statements.length === 0) return null;
  try {
    await send({text: 'BEGIN'});
    for (const statement of statements) await send(extended(statement));
    await send({text: 'COMMIT'});
    return null;
  } catch (error) {
    await send({text: 'ROLLBACK'}).catch(() => {});
    return error instanceof Error ? error.message : String(error);
  }
}

/** The message in the column `guard`; null for other columns, whose values are no messages. */
function objectionOf({expect}: Verification, answer: Row | null | undefined): string | null {
  const value = expect.column === 'guard' ? answer?.[expect.column] : null;
  return typeof value === 'string' ? value : null;
}

/** The rows of a query that can change neither data nor settings of the session. */
export async function readRows(connection: Connection, query: Sql, timeout_ms: number): Promise<Row[]> {
  const limit = {timeout_ms: Math.max(timeout_ms, shortestReadMs)};
  const send = (each: PgQuery) => connection.client.query<Row>({...each, ...clientTimeout(limit)});
  const timeout = setting('statement_timeout', String(limit.timeout_ms), true);
  return (await readOnly(send, query, false, {settings: [timeout]})).rows;
}

const shortestReadMs = 2000;

/**
 * Runs a query read-only and rolls it back, which also reverts set_config(): in a transaction of its own, or in a
 * subtransaction of the step's. Sent together, so that the transaction ends whatever the query does. Throws RefusedStatement if it or
 * one of `gated`, which run later, reaches other functions than theirs.
 */
async function readOnly(
  send: (query: PgQuery) => Promise<PgResult>,
  query: Sql,
  isWithin: boolean,
  {settings = [], gated = []}: {settings?: PgQuery[]; gated?: readonly Sql[]} = {},
): Promise<PgResult> {
  const before = isWithin
    ? [{text: `SAVEPOINT ${savepoint}`}, setting('transaction_read_only', 'on', true)]
    : [{text: 'BEGIN READ ONLY'}];
  const after = {text: isWithin ? `ROLLBACK TO SAVEPOINT ${savepoint}` : 'ROLLBACK'};
  const statement = extended(query);
  const gates = await Promise.all(
    [query, ...gated].flatMap(each => (each.functions ? [gateOf(each, each.functions)] : [])),
  );
  const queries = [...before, ...settings, ...gates, statement, after];
  const results = await Promise.allSettled(queries.map(send));
  for (const result of results)
    if (result.status === 'rejected') throw toRefusal(withDetail(result.reason), 'run');
  return (results[queries.indexOf(statement)] as PromiseFulfilledResult<PgResult>).value;
}

const savepoint = 'poolctl_guard';

async function gateOf({text}: Sql, functions: readonly string[]): Promise<PgQuery> {
  return gateQuery(await loadSqlParser(), {statements: [text], search_path: [], purpose: 'run', functions});
}

function extended({text, values, withheld}: Sql): PgQuery {
  if (withheld) throw new BugError('a statement whose secrets the journal withheld cannot be executed');
  return {text, values, queryMode: 'extended'};
}

function timeoutSetting({timeout_ms, transaction}: Omit<Executable, 'apply'>): PgQuery {
  return setting('statement_timeout', String(timeout_ms), transaction);
}

function setting(name: string, value: string, isLocal: boolean): PgQuery {
  return {text: 'SELECT pg_catalog.set_config($1, $2, $3)', values: [name, value, isLocal]};
}

/** Longer than the server's own timeout (0: none), in case the server no longer answers. */
function clientTimeout({timeout_ms}: Pick<Executable, 'timeout_ms'>): {query_timeout?: number} {
  return timeout_ms === 0 ? {} : {query_timeout: timeout_ms + 2000};
}

/** PostgreSQL 16+ says only in the detail which role may signal. Other details quote rows and are left out. */
function withDetail(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== '42501') return error;
  const detail = 'detail' in error && typeof error.detail === 'string' ? `: ${error.detail}` : '';
  const severity = 'severity' in error ? error.severity : 'ERROR';
  return Object.assign(new Error(`${error.message}${detail}`, {cause: error}), {code: '42501', severity});
}

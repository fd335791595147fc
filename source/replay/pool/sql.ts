import pg from 'pg';
import type {Row, Sql, Statement} from '../endpoint/endpoint.ts';
import {countedQuery} from './counted-query.ts';
import {type Checkouts, type Connect, lend, noteLent, queryUncounted} from './instrument.ts';
import {beginQuery, noteFailure} from './record-query.ts';
import {callerLine, type RequestTrace, shift} from './request-trace.ts';
import {skimOf} from './skim.ts';

type Place = {file: string; checkouts: Checkouts; connect: Connect};

/**
 * `sql` of one request. What is counted is what Prisma's queries are counted by; the way there is shorter, with
 * callbacks, since what the harness itself takes is missing from what it measures.
 */
export function boundSql(trace: RequestTrace, place: Place): Sql {
  const send = (statement: string | Statement, values?: readonly unknown[]) =>
    onPool(trace, place, toStatement(statement, values, place.file));
  return Object.assign(send, {
    async transaction<Result>(body: (sql: Sql) => Promise<Result>): Promise<Result> {
      const line = callerLine(place.file);
      const {client} = await lend(place.connect, place.checkouts, {trace, line});
      let failure: Error | undefined;
      try {
        const sql = onClient(client, trace, place, line);
        await sql('BEGIN');
        const result = await body(sql);
        await sql('COMMIT');
        return result;
      } catch (error) {
        failure = error as Error;
        await onClient(
          client,
          trace,
          place,
          line,
        )('ROLLBACK').then(
          () => {
            failure = undefined;
          },
          () => {},
        );
        throw error;
      } finally {
        client.release(failure);
      }
    },
  });
}

function toStatement(
  statement: string | Statement,
  values: readonly unknown[] | undefined,
  file: string,
): Statement {
  if (typeof statement !== 'string' && statement.line !== undefined) return statement;
  const line = callerLine(file);
  const own = typeof statement === 'string' ? {text: statement, ...(values && {values})} : statement;
  return line === null ? own : {...own, line};
}

/** Statements on a connection that is lent already; a transaction in it is the same one. */
function onClient(client: pg.PoolClient, trace: RequestTrace, place: Place, outerLine: number | null): Sql {
  const send = (statement: string | Statement, values?: readonly unknown[]) =>
    new Promise<Row[]>((resolve, reject) => {
      const own = toStatement(statement, values, place.file);
      trace.line = own.line ?? outerLine;
      submit(
        client,
        trace,
        {
          statement: {line: outerLine ?? undefined, ...own} as Statement,
          waited_ms: 0,
          started_ms: shift(trace, 0, 1),
        },
        (error, rows) => (error ? reject(error) : resolve(rows)),
      );
    });
  const sql: Sql = Object.assign(send, {
    transaction: <Result>(body: (sql: Sql) => Promise<Result>) => body(sql),
  });
  return sql;
}

function onPool(trace: RequestTrace, {checkouts, connect}: Place, statement: Statement): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const line = statement.line ?? null;
    const asked_ms = shift(trace, 1, 0);
    trace.line = line;
    connect((error, client, release) => {
      if (error || client === undefined) {
        shift(trace, -1, 0);
        noteFailure(trace, error, line);
        reject(error);
        return;
      }
      noteLent(checkouts, client, {trace, line});
      const started_ms = shift(trace, -1, 1);
      submit(client, trace, {statement, waited_ms: started_ms - asked_ms, started_ms}, (failure, rows) => {
        // As Pool.query does: a connection that a query failed on is not used again.
        release(failure ?? undefined);
        if (failure) reject(failure);
        else resolve(rows);
      });
    });
  });
}

type Done = (error: Error | null, rows: Row[]) => void;

function submit(
  client: pg.PoolClient,
  trace: RequestTrace,
  {statement, waited_ms, started_ms}: {statement: Statement; waited_ms: number; started_ms: number},
  done: Done,
): void {
  const {text, line = null, isCountOnly} = statement;
  const values = statement.values && [...statement.values];
  const running = beginQuery(client, trace, {text, line, waited_ms, started_ms});
  const answered = (error: Error | null, result?: Counted) => {
    if (error) running.fail(error);
    else running.end(result);
    done(error, isCountOnly || result === undefined ? [] : rowsOf(result as Result));
  };
  if (isCountOnly) {
    const query = countedQuery(text, values, answered);
    skimOf(client)?.(query);
    queryUncounted(client, query);
  } else
    queryUncounted(
      client,
      Object.assign(new pg.Query({text, ...(values && {values})}), {callback: answered}),
    );
}

type Result = pg.QueryResult | pg.QueryResult[];
type Counted = Result | {rowCount: number};

function rowsOf(result: pg.QueryResult | pg.QueryResult[]): Row[] {
  return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
}

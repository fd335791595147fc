import type pg from 'pg';
import type {Row, Sql, Statement} from '../endpoint/endpoint.ts';
import {atLine, callerLine} from './request-trace.ts';

/** The `sql` that an endpoint's functions get: statements through the measured pool. */
export function createSql(pool: pg.Pool, file: string): Sql {
  return Object.assign(sender(pool, file), {
    transaction: <Result>(body: (sql: Sql) => Promise<Result>) =>
      atLine(callerLine(file), () => transaction(pool, file, body)),
  });
}

async function transaction<Result>(
  pool: pg.Pool,
  file: string,
  body: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  // A transaction within it is the same one.
  const sql: Sql = Object.assign(sender(client, file), {
    transaction: <Inner>(inner: (sql: Sql) => Promise<Inner>) => inner(sql),
  });
  let broken: Error | undefined;
  try {
    await sql('BEGIN');
    const result = await body(sql);
    await sql('COMMIT');
    return result;
  } catch (error) {
    await sql('ROLLBACK').catch(() => {
      broken = error as Error;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

function sender(target: pg.Pool | pg.PoolClient, file: string) {
  return async (statement: string | Statement, values?: readonly unknown[]): Promise<Row[]> => {
    const own: Statement =
      typeof statement === 'string' ? {text: statement, ...(values && {values})} : statement;
    const line = own.line ?? callerLine(file);
    const config = {text: own.text, ...(own.values && {values: [...own.values]})};
    const result: pg.QueryResult | pg.QueryResult[] = await atLine(line, () => target.query(config));
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows;
  };
}

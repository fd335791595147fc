import {setTimeout as sleep} from 'node:timers/promises';
import type {Executor} from '../core/ports.ts';
import type {Sql} from '../core/recipe.ts';
import {holds} from '../core/verification.ts';
import type {Connection} from './connect.ts';
import type {PgClient} from './pg-client.ts';

type Row = Record<string, unknown>;
type PgQuery = Exclude<Parameters<PgClient['query']>[0], string>;
type PgResult = {rows: Row[]; rowCount: number | null};
type ActOptions = {timeout_ms: number; transaction: boolean};

/**
 * Acts on a connection of its own, opened by `connect` at the first act and again after a loss; it never holds
 * more than one. What `connect` throws (AbortError) comes before anything was sent; every other error of `apply`
 * is the server's own, or a connection lost while it worked.
 */
export function createExecutor(connect: () => Promise<Connection>): Executor {
  let current: Connection | null = null;

  async function open(): Promise<Connection> {
    if (current !== null) return current;
    const connection = await connect();
    current = connection;
    void connection.lost.then(() => {
      if (current === connection) current = null;
    });
    return connection;
  }

  return {
    async apply(sql, options) {
      const result = await act(await open(), sql, options);
      return {row_count: result.rowCount ?? result.rows.length, rows: result.rows};
    },
    async verify({query, expect}, timeout_ms) {
      const deadline = performance.now() + timeout_ms;
      for (let pause_ms = 10; ; pause_ms = Math.min(200, pause_ms * 2)) {
        const {rows} = await act(await open(), query, {timeout_ms, transaction: false});
        if (holds(expect, rows[0])) return true;
        if (performance.now() + pause_ms > deadline) return false;
        await sleep(pause_ms);
      }
    },
    async close() {
      const connection = current;
      current = null;
      await connection?.close();
    },
  };
}

/** One round trip: the timeout, the statement and what frames it are written at once. */
async function act(connection: Connection, sql: Sql, options: ActOptions): Promise<PgResult> {
  const send = (query: PgQuery) => connection.client.query<Row>({...query, ...patience(options)});
  const statement: PgQuery = {text: sql.text, values: sql.values, queryMode: 'extended'};
  const timeout: PgQuery = {
    text: "SELECT pg_catalog.set_config('statement_timeout', $1, $2)",
    values: [String(options.timeout_ms), options.transaction],
  };
  // Behind a pooler a session's setting would reach the next client; a transaction's does not outlive it.
  const queries = options.transaction
    ? [{text: 'BEGIN'}, timeout, statement, {text: 'COMMIT'}]
    : connection.is_pooled
      ? [statement]
      : [timeout, statement];
  const results = await Promise.allSettled(queries.map(send));
  for (const result of results) if (result.status === 'rejected') throw withDetail(result.reason);
  const acted = results[queries.indexOf(statement)];
  if (acted?.status !== 'fulfilled') throw new Error('no result');
  return acted.value;
}

/** The server's own timeout comes first; this one is for a server that no longer answers at all. */
function patience({timeout_ms}: ActOptions): {query_timeout: number} {
  return {query_timeout: timeout_ms + 2000};
}

/** PG16+ says who may signal whom in the detail alone; other details quote rows' values and are left out. */
function withDetail(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== '42501') return error;
  const detail = 'detail' in error && typeof error.detail === 'string' ? `: ${error.detail}` : '';
  const severity = 'severity' in error ? error.severity : 'ERROR';
  return Object.assign(new Error(`${error.message}${detail}`, {cause: error}), {code: '42501', severity});
}

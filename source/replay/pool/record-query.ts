import type pg from 'pg';
import {type StatementTally, statementTally} from '../measure/run-stats.ts';
import {withheldBytes} from '../read-only/client.ts';
import {type RequestTrace, shift} from './request-trace.ts';

/** What of pg's client and result is not in its types. */
type RawClient = pg.PoolClient & {connection: {stream: {bytesRead: number}}};
type Outcome = {rowCount?: number | null; rows?: unknown[]};

/** Query times kept one by one, for the simulation. */
const mostTimes = 5000;

type QueryStart = {text: string; line: number | null; waited_ms: number; started_ms: number};

/** A query of `trace` under way on a connection; `end` or `fail` is called once. */
export type RunningQuery = {end(result: Outcome | Outcome[] | undefined): void; fail(error: unknown): void};

/** Counts a query from `started_ms` on, as `shift` told; `waited_ms` is what it waited for its connection. */
export function beginQuery(
  client: pg.PoolClient,
  trace: RequestTrace,
  {text, line, waited_ms, started_ms}: QueryStart,
): RunningQuery {
  const {stream} = (client as RawClient).connection;
  const statement = statementTally(trace.tally, withoutLists(text), line);
  const received = () => stream.bytesRead - withheldBytes(client);
  const bytesBefore = received();
  const end = (): void => {
    const execute_ms = shift(trace, 0, -1) - started_ms;
    const bytes = received() - bytesBefore;
    statement.calls++;
    statement.waited_ms += waited_ms;
    statement.executed_ms += execute_ms;
    statement.bytes += bytes;
    trace.queries++;
    trace.bytes += bytes;
    noteRepetition(trace, statement);
    const times = trace.tally.execute_ms;
    if (times.length < mostTimes) times.push(execute_ms);
  };
  return {
    end(result) {
      end();
      const rows = countRows(result);
      statement.rows += rows;
      trace.rows += rows;
    },
    fail(error) {
      end();
      noteFailure(trace, error, line);
    },
  };
}

function noteRepetition({repetitions}: RequestTrace, statement: StatementTally): void {
  for (const each of repetitions) if (each.statement === statement) return void each.count++;
  repetitions.push({statement, count: 1});
}

/** A list of any length is one statement: Prisma numbers a parameter for each value, and goes on from there. */
function withoutLists(text: string): string {
  if (!text.includes(' IN ($')) return text;
  return text.replace(/ IN \(\$\d+(?:,\s*\$\d+)*\)/g, ' IN (...)').replace(/\$\d+/g, '$$n');
}

/** The first thing that went wrong in a request is what is told of it. */
export function noteFailure(trace: RequestTrace, error: unknown, line: number | null): void {
  const {code, message} = (error ?? {}) as {code?: unknown; message?: unknown};
  trace.failure ??= {
    sqlstate: typeof code === 'string' ? code : null,
    message: typeof message === 'string' ? message : String(error),
    line,
  };
}

/** Rows that came back or were written; a text of several statements has several results. */
function countRows(result: Outcome | Outcome[] | undefined): number {
  if (Array.isArray(result)) return result.reduce((sum, each) => sum + (each.rowCount ?? 0), 0);
  return result?.rowCount ?? 0;
}

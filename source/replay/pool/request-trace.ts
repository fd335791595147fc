import {AsyncLocalStorage} from 'node:async_hooks';
import type pg from 'pg';
import type {StatementTally, Tally} from '../measure/run-stats.ts';

/** What one request has done so far; times in milliseconds. */
export type RequestTrace = {
  tally: Tally;
  /** Queries that wait for a connection, or run on one, right now. */
  waiting: number;
  executing: number;
  /** Since when `waiting` and `executing` are as they are. */
  since_ms: number;
  /** Time in which some query waited for a connection and none ran. */
  waited_ms: number;
  /** Time in which at least one query ran. */
  executed_ms: number;
  queries: number;
  rows: number;
  bytes: number;
  /** How often it sent each statement; a Map is dearer than all the rest of a request with one. */
  repetitions: {statement: StatementTally; count: number}[];
  failure: QueryFailure | null;
  /** Where its queries that are not over began, for the one that never ends. */
  line: number | null;
  isEnded: boolean;
};

export type QueryFailure = {sqlstate: string | null; message: string; line: number | null};

/**
 * The request that a query belongs to, the line that sent it, and what is measured for it: where they cannot be handed
 * over, as in Prisma and in an application's own modules.
 */
export const currentRequest = new AsyncLocalStorage<{
  trace: RequestTrace;
  line: number | null;
  pool: pg.Pool;
  prisma: unknown;
}>();

export function beginRequest(tally: Tally): RequestTrace {
  return {
    tally,
    waiting: 0,
    executing: 0,
    since_ms: 0,
    waited_ms: 0,
    executed_ms: 0,
    queries: 0,
    rows: 0,
    bytes: 0,
    repetitions: [],
    failure: null,
    line: null,
    isEnded: false,
  };
}

/** One query fewer or more waits (`waiting`) or runs (`executing`): the time until now goes to what it was spent on. */
export function shift(trace: RequestTrace, waiting: number, executing: number): number {
  const now_ms = performance.now();
  if (trace.executing > 0) trace.executed_ms += now_ms - trace.since_ms;
  else if (trace.waiting > 0) trace.waited_ms += now_ms - trace.since_ms;
  trace.since_ms = now_ms;
  trace.waiting += waiting;
  trace.executing += executing;
  return now_ms;
}

/** `body` with its queries told to come from the line of `file` that called. */
export function fromCallSite<Result>(file: string, body: () => Result): Result {
  const request = currentRequest.getStore();
  if (request === undefined) return body();
  return currentRequest.run({...request, line: callerLine(file) ?? request.line}, body);
}

/** The line of `file` that is on the stack, the innermost; null where none is. */
export function callerLine(file: string): number | null {
  const {stackTraceLimit} = Error;
  Error.stackTraceLimit = 50;
  const line = lineOf(new Error(), file);
  Error.stackTraceLimit = stackTraceLimit;
  return line;
}

/** The line of `file` that an error passed through, the innermost; null where it did not. */
export function lineOf(error: unknown, file: string): number | null {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const frame of stack.split('\n')) {
    const at = frame.indexOf(`${file}:`);
    const [line] = at === -1 ? [] : (/^\d+/.exec(frame.slice(at + file.length + 1)) ?? []);
    if (line !== undefined) return Number(line);
  }
  return null;
}

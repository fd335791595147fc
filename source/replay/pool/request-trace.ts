import {AsyncLocalStorage} from 'node:async_hooks';
import type pg from 'pg';
import {AbortError} from '../../core/errors.ts';
import {
  type Failure,
  type FailureKind,
  type QueryFailure,
  type RunStats,
  recordFailure,
  type StatementStats,
  toMicroseconds,
} from '../measure/run-stats.ts';

/** What one request has done so far; times in milliseconds. */
export type RequestTrace = {
  stats: RunStats;
  /** Queries now waiting for a connection, and queries now running. */
  waiting: number;
  executing: number;
  /** When `waiting` or `executing` last changed. */
  since_ms: number;
  /** Time during which a query waited for a connection and none ran. */
  waited_ms: number;
  /** Time during which at least one query ran. */
  executed_ms: number;
  queries: number;
  rows: number;
  bytes: number;
  /** Calls of each statement. A list: for the one or two statements of most requests it is cheaper than a Map. */
  repetitions: {statement: StatementStats; count: number}[];
  /** The first failure of a query or a checkout. */
  failure: QueryFailure | null;
  /** Line of the last query or checkout that began: where a hanging request is stuck. */
  line: number | null;
  isEnded: boolean;
};

/**
 * The request that the running code belongs to. Queries sent by Prisma and by an application's own modules have no other
 * way to know it.
 */
export const currentRequest = new AsyncLocalStorage<{
  trace: RequestTrace;
  /** Line of the endpoint's file that sends the queries; null to take it from the stack. */
  line: number | null;
  pool: pg.Pool;
  prisma: unknown;
}>();

export function beginRequest(stats: RunStats): RequestTrace {
  return {
    stats,
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

/** Counts an answered request. `latency_ms` starts when it was due. */
export function recordRequest(trace: RequestTrace, latency_ms: number): void {
  const {stats} = trace;
  stats.latency_us.recordValue(toMicroseconds(latency_ms));
  stats.wait_us.recordValue(toMicroseconds(trace.waited_ms));
  stats.execute_us.recordValue(toMicroseconds(trace.executed_ms));
  if (latency_ms > stats.max_ms) stats.max_ms = latency_ms;
  addCounts(trace);
}

/** Counts a failed request and its queries, but not its times. */
export function recordFailedRequest(trace: RequestTrace, failure: Failure): void {
  addCounts(trace);
  trace.stats.failed++;
  recordFailure(trace.stats, failure);
}

function addCounts({stats, queries, rows, bytes, repetitions}: RequestTrace): void {
  stats.requests++;
  stats.queries += queries;
  stats.rows += rows;
  stats.bytes += bytes;
  for (const {statement, count} of repetitions) {
    statement.requests++;
    if (count > statement.most_per_request) statement.most_per_request = count;
  }
}

/** Keeps the first error of a request, which usually causes the later ones. */
export function noteFailure(trace: RequestTrace, error: unknown, line: number | null): void {
  const {code, message} = (error ?? {}) as {code?: unknown; message?: unknown};
  trace.failure ??= {
    sqlstate: typeof code === 'string' ? code : null,
    message: typeof message === 'string' ? message : String(error),
    line,
  };
}

/** Call when a query starts or stops waiting for a connection, or running. Return the current time in milliseconds. */
export const beginWait = (trace: RequestTrace) => changeActivity(trace, 1, 0);
export const endWait = (trace: RequestTrace) => changeActivity(trace, -1, 0);
export const beginExecute = (trace: RequestTrace) => changeActivity(trace, 0, 1);
export const endExecute = (trace: RequestTrace) => changeActivity(trace, 0, -1);

function changeActivity(trace: RequestTrace, waiting: number, executing: number): number {
  const now_ms = performance.now();
  if (trace.executing > 0) trace.executed_ms += now_ms - trace.since_ms;
  else if (trace.waiting > 0) trace.waited_ms += now_ms - trace.since_ms;
  trace.since_ms = now_ms;
  trace.waiting += waiting;
  trace.executing += executing;
  return now_ms;
}

/** Runs `body` and attributes its queries to this line; null does not change the line. */
export function atLine<Result>(line: number | null, body: () => Result): Result {
  const request = currentRequest.getStore();
  return request === undefined || line === null ? body() : currentRequest.run({...request, line}, body);
}

/** Lines by the place in the loaded code: the text of a stack, translated by source maps, costs more than a query. */
const knownLines = new Map<string, number | null>();

/** The innermost line of `file` on the stack, or null. */
export function callerLine(file: string): number | null {
  const {stackTraceLimit, prepareStackTrace} = Error;
  Error.stackTraceLimit = 50;
  Error.prepareStackTrace = (_, sites) => placeOf(sites, file);
  const place = new Error().stack as string | null | undefined;
  Error.prepareStackTrace = prepareStackTrace;
  const known = place == null ? undefined : knownLines.get(place);
  const line = known === undefined ? lineOf(new Error(), file) : known;
  if (place != null && known === undefined) knownLines.set(place, line);
  Error.stackTraceLimit = stackTraceLimit;
  return line;
}

function placeOf(sites: readonly NodeJS.CallSite[], file: string): string | null {
  for (const site of sites) {
    const name = site.getFileName();
    if (name?.includes(file)) return `${name}:${site.getLineNumber()}:${site.getColumnNumber()}`;
  }
  return null;
}

/** The innermost line of `file` in an error's stack, or null. */
export function lineOf(error: unknown, file: string): number | null {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const frame of stack.split('\n')) {
    const at = frame.indexOf(`${file}:`);
    const [line] = at === -1 ? [] : (/^\d+/.exec(frame.slice(at + file.length + 1)) ?? []);
    if (line !== undefined) return Number(line);
  }
  return null;
}

/** Classifies what a request threw, with the line of the endpoint's file. */
export function createFailureReader(file: string): (error: unknown, trace: RequestTrace) => Failure {
  return (error, trace) => {
    const own = describe(error);
    // The driver's error is more exact than the client library's.
    const {sqlstate, message} = trace.failure ?? own;
    const line = lineOf(error, file) ?? trace.failure?.line ?? null;
    return {kind: kindOf([sqlstate, own.sqlstate], message), sqlstate, message, line};
  };
}

/** P2024 (pool timeout) and P2037 (too many connections) are Prisma's own codes. */
function kindOf(codes: (string | null)[], message: string): FailureKind {
  if (codes.includes('53300') || codes.includes('P2037')) return 'too_many_connections';
  // pg-pool's timeout errors have no code; the second is that of a new connection.
  if (codes.includes('P2024') || /^timeout exceeded when trying to connect|connection timeout$/.test(message))
    return 'pool_timeout';
  return codes.some(code => code !== null) ? 'sqlstate' : 'own';
}

function describe(error: unknown): {sqlstate: string | null; message: string} {
  if (error instanceof AbortError) return {sqlstate: null, message: error.message};
  const {code, message, name} = (error ?? {}) as {code?: unknown; message?: unknown; name?: unknown};
  const text = typeof message === 'string' ? message : String(error);
  // Prisma's messages contain the whole call; the reason is the last line.
  const isPrisma = typeof name === 'string' && name.startsWith('PrismaClient');
  return {
    sqlstate: typeof code === 'string' ? code : null,
    message: isPrisma ? (text.trimEnd().split('\n').at(-1) ?? text) : text,
  };
}

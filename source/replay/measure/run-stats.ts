import {build, type Histogram} from 'hdr-histogram-js';

/** Totals of the statements of one line that differ in literals only, over all requests of a measurement. */
export type StatementStats = {
  /** The text; with `?` for literals if several texts were sent. */
  text: string;
  line: number | null;
  calls: number;
  rows: number;
  bytes: number;
  waited_ms: number;
  executed_ms: number;
  /** Requests that sent it at least once. */
  requests: number;
  most_per_request: number;
};

export type QueryFailure = {sqlstate: string | null; message: string; line: number | null};

/**
 * - `pool_timeout`: the pool had no connection within pool_timeout
 * - `too_many_connections`: the server has no slot left (53300)
 * - `sqlstate`: any other error of the server or of Prisma
 * - `hang`: the request did not end
 * - `leak`: a connection was checked out and not released
 * - `own`: thrown by the endpoint itself
 */
export type FailureKind = 'pool_timeout' | 'too_many_connections' | 'sqlstate' | 'hang' | 'leak' | 'own';
export type Failure = QueryFailure & {kind: FailureKind};
export type CountedFailure = Failure & {count: number};

/** The counters of a measurement. Histograms are in microseconds. */
export type RunStats = {
  latency_us: Histogram;
  wait_us: Histogram;
  execute_us: Histogram;
  max_ms: number;
  requests: number;
  failed: number;
  queries: number;
  rows: number;
  bytes: number;
  statements: Map<string, StatementStats[]>;
  failures: Map<string, CountedFailure>;
  /** Durations of the first few thousand queries, from which the simulation draws. */
  execute_ms: number[];
};

export function createRunStats(): RunStats {
  return {
    latency_us: histogram(),
    wait_us: histogram(),
    execute_us: histogram(),
    max_ms: 0,
    requests: 0,
    failed: 0,
    queries: 0,
    rows: 0,
    bytes: 0,
    statements: new Map(),
    failures: new Map(),
    execute_ms: [],
  };
}

/** Counts a failure with those of the same kind, SQLSTATE and line. */
export function recordFailure(stats: RunStats, failure: Failure, count = 1): void {
  const key = `${failure.kind} ${failure.sqlstate} ${failure.line}`;
  const known = stats.failures.get(key);
  if (known === undefined) stats.failures.set(key, {...failure, count});
  else known.count += count;
}

/** The totals of a statement, created at its first call. The same text from two lines is two statements. */
export function statementStats(stats: RunStats, text: string, line: number | null): StatementStats {
  const folded = foldLiterals(text);
  let list = stats.statements.get(folded);
  if (list === undefined) {
    list = [];
    stats.statements.set(folded, list);
  }
  for (const each of list) {
    if (each.line !== line) continue;
    if (each.text !== text) each.text = folded;
    return each;
  }
  const created = {
    text,
    line,
    calls: 0,
    rows: 0,
    bytes: 0,
    waited_ms: 0,
    executed_ms: 0,
    requests: 0,
    most_per_request: 0,
  };
  list.push(created);
  return created;
}

const folds = new Map<string, string>();

/** Replaces strings and numbers by `?`; leaves quoted identifiers and parameters. */
function foldLiterals(text: string): string {
  let folded = folds.get(text);
  if (folded === undefined) {
    if (folds.size > 5000) folds.clear();
    folded = text.replace(literal, (found, identifier?: string) => (identifier === undefined ? '?' : found));
    folds.set(text, folded);
  }
  return folded;
}

const literal = /("(?:[^"]|"")*")|'(?:[^']|'')*'|(?<![\w$.])\d+(?:\.\d+)?(?!\w)/g;

const longest_us = 3_600_000_000;

function histogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: longest_us,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
}

/** Converts milliseconds to a histogram's microseconds, at most an hour. */
export function toMicroseconds(ms: number): number {
  return Math.min(longest_us, Math.max(0, Math.round(ms * 1000)));
}

import {build, type Histogram} from 'hdr-histogram-js';
import type {QueryFailure, RequestTrace} from '../pool/request-trace.ts';

/** One statement text from one line, over all requests of a measurement. */
export type StatementTally = {
  text: string;
  line: number | null;
  calls: number;
  rows: number;
  bytes: number;
  waited_ms: number;
  executed_ms: number;
  /** In how many requests it was sent at all, and how often in one at most. */
  requests: number;
  most_per_request: number;
};

type FailureTally = QueryFailure & {kind: FailureKind; count: number};

/**
 * `pool_timeout`: no connection of the pool within its time. `too_many_connections`: the server has none left
 * (53300). `hang`: the request never ended. `own`: thrown by the endpoint, not by the server.
 */
export type FailureKind = 'pool_timeout' | 'too_many_connections' | 'sqlstate' | 'hang' | 'leak' | 'own';

/** What is counted while requests run. Histograms are in microseconds. */
export type Tally = {
  latency_us: Histogram;
  wait_us: Histogram;
  execute_us: Histogram;
  max_ms: number;
  requests: number;
  failed: number;
  queries: number;
  rows: number;
  bytes: number;
  statements: Map<string, StatementTally[]>;
  failures: Map<string, FailureTally>;
  /** Of single queries, for the simulation; the first few thousand. */
  execute_ms: number[];
};

export function createTally(): Tally {
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

/** A request that was answered. `latency_ms` counts from when it was to be sent. */
export function tallyRequest(tally: Tally, trace: RequestTrace, latency_ms: number): void {
  tally.latency_us.recordValue(toMicroseconds(latency_ms));
  tally.wait_us.recordValue(toMicroseconds(trace.waited_ms));
  tally.execute_us.recordValue(toMicroseconds(trace.executed_ms));
  if (latency_ms > tally.max_ms) tally.max_ms = latency_ms;
  tallyTrace(tally, trace);
}

/** A request that failed: what it did counts, its time does not. */
export function tallyFailure(
  tally: Tally,
  trace: RequestTrace,
  failure: QueryFailure & {kind: FailureKind},
): void {
  tallyTrace(tally, trace);
  tally.failed++;
  noteKind(tally, failure);
}

/** What went wrong without a request of its own that failed by it. */
export function noteKind(tally: Tally, failure: QueryFailure & {kind: FailureKind}, count = 1): void {
  const key = `${failure.kind} ${failure.sqlstate} ${failure.line}`;
  const known = tally.failures.get(key);
  if (known === undefined) tally.failures.set(key, {...failure, count});
  else known.count += count;
}

/** The statement's own tally; the same text from two lines is two. */
export function statementTally(tally: Tally, text: string, line: number | null): StatementTally {
  let list = tally.statements.get(text);
  if (list === undefined) {
    list = [];
    tally.statements.set(text, list);
  }
  for (const each of list) if (each.line === line) return each;
  const fresh = {
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
  list.push(fresh);
  return fresh;
}

function tallyTrace(tally: Tally, trace: RequestTrace): void {
  tally.requests++;
  tally.queries += trace.queries;
  tally.rows += trace.rows;
  tally.bytes += trace.bytes;
  for (const {statement, count} of trace.repetitions) {
    statement.requests++;
    if (count > statement.most_per_request) statement.most_per_request = count;
  }
}

const longest_us = 3_600_000_000;

function histogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: longest_us,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
}

function toMicroseconds(ms: number): number {
  return Math.min(longest_us, Math.max(0, Math.round(ms * 1000)));
}

import type pg from 'pg';
import type {Endpoint, Variant} from '../endpoint/endpoint.ts';
import type {PoolOptions} from '../pool/measured-pool.ts';
import {beginRequest, type RequestTrace} from '../pool/request-trace.ts';
import {createFailureReader} from './failure.ts';
import {type Instance, inContext, type OpenPrisma, openInstance} from './instance.ts';
import {applyLoad, type Load} from './load.ts';
import {createTally, noteKind, type Tally, tallyFailure, tallyRequest} from './run-stats.ts';
import {watchSessions} from './sessions.ts';

/** One variant at one connection_limit and one concurrency. */
export type Cell = Load & {
  variant: Variant;
  connection_limit: number;
  instances: number;
  /** Before measuring: so long, and each user one request in any case; 0 is none at all. */
  warm_up_ms: number;
};

export type MeasureOptions = {
  endpoint: Endpoint;
  connection: pg.PoolConfig;
  pool_timeout_ms: number;
  /** Else its sessions begin read-only, by `connection`, and are held to it. */
  allowWrites?: boolean;
  Pool?: PoolOptions['Pool'];
  /** A Prisma Client on the pool; without, the endpoint's `prisma` is null and queries cost less to count. */
  openPrisma?: OpenPrisma;
  /** Sessions of this measurement as the server counts them; null where it cannot be asked. */
  countSessions: () => Promise<number | null>;
  random: () => number;
  signal: AbortSignal;
  /** Given up on when no request ends for so long. */
  patience_ms: number;
  onProgress?: (progress: Progress) => void;
  /** Awaited between warm-up and measurement: others may not be that far. */
  onWarm?: () => Promise<void>;
};

export type Progress = {elapsed_ms: number; requests: number; failed: number};

export type Measured = {
  tally: Tally;
  elapsed_ms: number;
  /** As the server saw them; null where it could not be asked. */
  peak_connections: number | null;
  /** Connections at work at once. */
  peak_in_use: number;
  /** Share of its time that this process was busy: near 1 it is what was measured. */
  process_busy_ratio: number;
  isComplete: boolean;
};

/** Runs one cell, warm-up first. What an endpoint throws is counted, never thrown. */
export async function measure(cell: Cell, options: MeasureOptions): Promise<Measured> {
  const stage = await setStage(cell, options);
  try {
    await warmUp(cell, stage, options);
    await options.onWarm?.();
    return await measureLoad(cell, stage, options);
  } finally {
    await stage.close();
  }
}

/** The instances of the application, and what sends requests to them in turn. */
type Stage = {
  instances: Instance[];
  send(tally: Tally, due_ms: number): Promise<boolean>;
  /** Requests that are not over. */
  underWay: Set<RequestTrace>;
  close(): Promise<void>;
};

async function setStage(cell: Cell, options: MeasureOptions): Promise<Stage> {
  const instances: Instance[] = [];
  const controller = new AbortController();
  const underWay = new Set<RequestTrace>();
  const close = async () => {
    controller.abort();
    await Promise.all(instances.map(instance => instance.close()));
  };
  try {
    for (let each = 0; each < cell.instances; each++)
      instances.push(await openInstance(cell.connection_limit, options));
  } catch (error) {
    await close();
    throw error;
  }
  const {endpoint, random} = options;
  const {samples} = endpoint;
  const {signal} = controller;
  const readFailure = createFailureReader(endpoint.file);
  let turn = 0;
  const send = async (tally: Tally, due_ms: number) => {
    const trace = beginRequest(tally);
    const instance = instances[turn++ % instances.length] as Instance;
    const request = samples.length === 1 ? samples[0] : samples[Math.floor(random() * samples.length)];
    underWay.add(trace);
    try {
      await inContext(instance, trace, {request: request ?? {}, signal}, cell.variant.run);
      const latency_ms = performance.now() - due_ms;
      if (!signal.aborted) tallyRequest(tally, trace, latency_ms);
      return true;
    } catch (error) {
      if (!signal.aborted) tallyFailure(tally, trace, readFailure(error, trace));
      return false;
    } finally {
      trace.isEnded = true;
      underWay.delete(trace);
    }
  };
  return {instances, send, underWay, close};
}

async function warmUp(cell: Cell, stage: Stage, options: MeasureOptions): Promise<void> {
  if (cell.warm_up_ms === 0) return;
  const tally = createTally();
  const load = {...cell, rate: null, requests: null, duration_ms: cell.warm_up_ms};
  await applyLoad(due_ms => stage.send(tally, due_ms), {...options, ...load});
  for (const {cache} of stage.instances) cache.clear();
}

async function measureLoad(cell: Cell, stage: Stage, options: MeasureOptions): Promise<Measured> {
  const tally = createTally();
  for (const {pool} of stage.instances) pool.checkouts.most = pool.checkouts.lent;
  const started_ms = performance.now();
  const sessions = watchSessions(options.countSessions);
  const progress = setInterval(() => {
    const {requests, failed} = tally;
    options.onProgress?.({elapsed_ms: performance.now() - started_ms, requests, failed});
  }, 250);
  const busyBefore = performance.eventLoopUtilization();
  const {elapsed_ms, isComplete} = await applyLoad(due_ms => stage.send(tally, due_ms), {
    ...options,
    ...cell,
  });
  const process_busy_ratio = performance.eventLoopUtilization(busyBefore).utilization;
  clearInterval(progress);
  const peak_connections = await sessions.end();
  tallyUnended(tally, stage, options);
  const peak_in_use = stage.instances.reduce((sum, {pool}) => sum + pool.checkouts.most, 0);
  return {tally, elapsed_ms, peak_connections, peak_in_use, process_busy_ratio, isComplete};
}

/** Requests that hang, and connections that requests took and never gave back. */
function tallyUnended(tally: Tally, stage: Stage, {patience_ms, signal}: MeasureOptions): void {
  for (const {pool} of stage.instances) {
    for (const checkout of pool.checkouts.of.values()) {
      if (!checkout?.trace.isEnded) continue;
      const {line} = checkout;
      const message = 'a connection is taken from the pool and never given back';
      noteKind(tally, {kind: 'leak', sqlstate: null, line, message});
    }
  }
  if (signal.aborted) return;
  for (const trace of stage.underWay) {
    const what =
      trace.executing > 0 ? 'runs a query' : trace.waiting > 0 ? 'waits for a connection' : 'hangs';
    const message = `no answer within ${Math.round(patience_ms / 1000)}s: it ${what}`;
    tallyFailure(tally, trace, {kind: 'hang', sqlstate: null, line: trace.line, message});
  }
}

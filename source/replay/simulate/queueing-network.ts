import {pauseAfterError_ms} from '../measure/load.ts';
import {createHeap, createServer, type Heap, type Server} from './server.ts';

/** Instances of an application, each with a pool, and the server they share. */
export type Model = {
  instances: number;
  /** Users of each instance; each sends the next request when the last is answered. */
  users: number;
  connection_limit: number;
  /** Slots of the server for all instances together. */
  slots: number;
  /** How long a query waits for a connection; 0 for no limit. */
  pool_timeout_ms: number;
  /** Queries of one request, and how many of them run at the same time. */
  queries: number;
  parallel_queries: number;
  /** Durations of queries on an otherwise idle server, from which the simulation draws. */
  service_ms: readonly number[];
  /** Number of queries that the server runs at full speed; more slow all of them down. */
  server_parallelism: number;
  /** Time that the application itself spends on a request. */
  application_ms: number;
};

export type Simulated = {
  duration_ms: number;
  latencies_ms: number[];
  waits_ms: number[];
  executes_ms: number[];
  pool_timeouts: number;
  too_many_connections: number;
  peak_connections: number;
};

export type Bounds = {duration_ms: number; events: number; random: () => number};

/**
 * Simulates a closed queueing network event by event: users, a pool for each instance, and a server that divides its
 * capacity among its queries (processor sharing). The first fifth of the time is warm-up.
 */
export function simulate(model: Model, bounds: Bounds): Simulated {
  const state = createState(model, bounds);
  admitUsers(state);
  runEvents(state, bounds);
  const {result} = state;
  result.duration_ms = Math.max(0, state.now_ms - state.warmUp_ms);
  return result;
}

type State = {
  model: Model;
  random: () => number;
  result: Simulated;
  warmUp_ms: number;
  now_ms: number;
  /** Open connections of all pools. */
  opened: number;
  timers: Heap<() => void>;
  server: Server;
};
type Pool = {idle: number; opened: number; waiters: Waiter[]};
type Request = {
  pool: Pool;
  started_ms: number;
  waited_ms: number;
  executed_ms: number;
  left: number;
  isFailed: boolean;
};
/** Queries of one request that run at the same time. */
type Batch = {request: Request; open: number; asked_ms: number; granted_ms: number};
type Waiter = {batch: Batch; hasLeft: boolean};

function createState(model: Model, {duration_ms, random}: Bounds): State {
  return {
    model,
    random,
    result: {
      duration_ms: 0,
      latencies_ms: [],
      waits_ms: [],
      executes_ms: [],
      pool_timeouts: 0,
      too_many_connections: 0,
      peak_connections: 0,
    },
    warmUp_ms: duration_ms / 5,
    now_ms: 0,
    opened: 0,
    timers: createHeap(),
    server: createServer(model.server_parallelism),
  };
}

/** Spreads the users' first requests over time. */
function admitUsers(state: State): void {
  const {instances, users, application_ms} = state.model;
  for (let instance = 0; instance < instances; instance++) {
    const pool: Pool = {idle: 0, opened: 0, waiters: []};
    for (let user = 0; user < users; user++)
      after(state, state.random() * Math.max(1, application_ms), () => begin(state, pool));
  }
}

function runEvents(state: State, {events, duration_ms}: Bounds): void {
  const {timers, server} = state;
  for (let event = 0; event < events && state.now_ms < duration_ms; event++) {
    const [timer_ms, served_ms] = [timers.next(), server.next()];
    state.now_ms = Math.min(timer_ms, served_ms);
    if (state.now_ms === Number.POSITIVE_INFINITY) return;
    const run = served_ms <= timer_ms ? server.take(state.now_ms) : timers.take();
    run?.();
  }
}

function after({timers, now_ms}: State, ms: number, run: () => void): void {
  timers.add(now_ms + ms, run);
}

function begin(state: State, pool: Pool): void {
  const {queries} = state.model;
  nextBatch(state, {
    pool,
    started_ms: state.now_ms,
    waited_ms: 0,
    executed_ms: 0,
    left: queries,
    isFailed: false,
  });
}

function nextBatch(state: State, request: Request): void {
  if (request.isFailed) after(state, pauseAfterError_ms, () => begin(state, request.pool));
  else if (request.left === 0) answer(state, request);
  else beginBatch(state, request);
}

function beginBatch(state: State, request: Request): void {
  const {queries, parallel_queries, application_ms} = state.model;
  const batches = Math.max(1, Math.ceil(queries / parallel_queries));
  after(state, application_ms / batches, () => {
    const open = Math.min(request.left, parallel_queries);
    request.left -= open;
    const batch = {request, open, asked_ms: state.now_ms, granted_ms: Number.POSITIVE_INFINITY};
    for (let query = 0; query < open; query++) acquire(state, batch);
  });
}

function answer(state: State, request: Request): void {
  if (isCounted(state)) {
    const {latencies_ms, waits_ms, executes_ms} = state.result;
    latencies_ms.push(state.now_ms - request.started_ms);
    waits_ms.push(request.waited_ms);
    executes_ms.push(request.executed_ms);
  }
  begin(state, request.pool);
}

/** Takes an idle connection, opens a new one, or queues for one. */
function acquire(state: State, batch: Batch): void {
  const {connection_limit, slots} = state.model;
  const {pool} = batch.request;
  if (pool.idle > 0) {
    pool.idle--;
    execute(state, batch);
  } else if (pool.opened === connection_limit) queue(state, batch);
  else if (state.opened >= slots) fail(state, batch, 'too_many_connections');
  else {
    pool.opened++;
    state.opened++;
    state.result.peak_connections = Math.max(state.result.peak_connections, state.opened);
    execute(state, batch);
  }
}

function queue(state: State, batch: Batch): void {
  const waiter: Waiter = {batch, hasLeft: false};
  batch.request.pool.waiters.push(waiter);
  const {pool_timeout_ms} = state.model;
  if (pool_timeout_ms === 0) return;
  after(state, pool_timeout_ms, () => {
    if (waiter.hasLeft) return;
    waiter.hasLeft = true;
    fail(state, batch, 'pool_timeouts');
  });
}

function execute(state: State, batch: Batch): void {
  const {model, random, server, now_ms} = state;
  batch.granted_ms = Math.min(batch.granted_ms, now_ms);
  const service_ms = model.service_ms[Math.floor(random() * model.service_ms.length)] ?? 0;
  server.begin(now_ms, service_ms, () => {
    release(state, batch.request.pool);
    endQuery(state, batch);
  });
}

/** Passes the connection to the first waiter that has not timed out. */
function release(state: State, pool: Pool): void {
  let waiter = pool.waiters.shift();
  while (waiter?.hasLeft) waiter = pool.waiters.shift();
  if (waiter === undefined) pool.idle++;
  else {
    waiter.hasLeft = true;
    execute(state, waiter.batch);
  }
}

function fail(state: State, batch: Batch, kind: 'pool_timeouts' | 'too_many_connections'): void {
  const {request} = batch;
  if (!request.isFailed && isCounted(state)) state.result[kind]++;
  request.isFailed = true;
  endQuery(state, batch);
}

function endQuery(state: State, batch: Batch): void {
  if (--batch.open > 0) return;
  const {now_ms} = state;
  const {request} = batch;
  const granted_ms = Math.min(batch.granted_ms, now_ms);
  request.waited_ms += granted_ms - batch.asked_ms;
  request.executed_ms += now_ms - granted_ms;
  nextBatch(state, request);
}

function isCounted({now_ms, warmUp_ms}: State): boolean {
  return now_ms >= warmUp_ms;
}

import {pauseAfterError_ms} from '../measure/load.ts';
import {createHeap, type Heap} from './heap.ts';
import {createServer, type Server} from './server.ts';

/** Instances of an application with a pool each, and the one server behind them. Times in milliseconds. */
export type Model = {
  instances: number;
  /** Of each instance, who send the next request when the last is answered. */
  users: number;
  connection_limit: number;
  /** Slots of the server that are free for them all. */
  slots: number;
  /** How long a query waits for a connection; 0 waits for ever. */
  pool_timeout_ms: number;
  /** Queries of one request, so many of them at once. */
  queries: number;
  queries_at_once: number;
  /** What a query takes on a server that does nothing else: drawn from these. */
  service_ms: readonly number[];
  /** Queries that the server can work on at full speed: beyond, all of them get slower. */
  server_parallelism: number;
  /** What the application itself takes for one request. */
  own_ms: number;
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
 * A closed queueing network, event by event: users, a pool for each instance, and a server that shares its
 * capacity among the queries on it (processor sharing). The first fifth of the time is warm-up and not counted.
 */
export function simulate(model: Model, bounds: Bounds): Simulated {
  const world = createWorld(model, bounds);
  admitUsers(world);
  runEvents(world, bounds);
  const {result} = world;
  result.duration_ms = Math.max(0, world.now_ms - world.warmUp_ms);
  return result;
}

/** All that changes as time goes on. */
type World = {
  model: Model;
  random: () => number;
  result: Simulated;
  warmUp_ms: number;
  now_ms: number;
  /** Connections of all pools. */
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
/** Queries of one request that run at once. */
type Stage = {request: Request; open: number; asked_ms: number; granted_ms: number};
type Waiter = {stage: Stage; isGone: boolean};

function createWorld(model: Model, {duration_ms, random}: Bounds): World {
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

/** Not all in one instant: they came one after the other. */
function admitUsers(world: World): void {
  const {instances, users, own_ms} = world.model;
  for (let instance = 0; instance < instances; instance++) {
    const pool: Pool = {idle: 0, opened: 0, waiters: []};
    for (let user = 0; user < users; user++)
      after(world, world.random() * Math.max(1, own_ms), () => begin(world, pool));
  }
}

function runEvents(world: World, {events, duration_ms}: Bounds): void {
  const {timers, server} = world;
  for (let event = 0; event < events && world.now_ms < duration_ms; event++) {
    const [timer_ms, served_ms] = [timers.next(), server.next()];
    world.now_ms = Math.min(timer_ms, served_ms);
    if (world.now_ms === Number.POSITIVE_INFINITY) return;
    const act = served_ms <= timer_ms ? server.take(world.now_ms) : timers.take();
    act?.();
  }
}

function after({timers, now_ms}: World, ms: number, act: () => void): void {
  timers.add(now_ms + ms, act);
}

function begin(world: World, pool: Pool): void {
  const {queries} = world.model;
  nextStage(world, {
    pool,
    started_ms: world.now_ms,
    waited_ms: 0,
    executed_ms: 0,
    left: queries,
    isFailed: false,
  });
}

function nextStage(world: World, request: Request): void {
  if (request.isFailed) after(world, pauseAfterError_ms, () => begin(world, request.pool));
  else if (request.left === 0) answer(world, request);
  else beginStage(world, request);
}

function beginStage(world: World, request: Request): void {
  const {queries, queries_at_once, own_ms} = world.model;
  const stages = Math.max(1, Math.ceil(queries / queries_at_once));
  after(world, own_ms / stages, () => {
    const open = Math.min(request.left, queries_at_once);
    request.left -= open;
    const stage = {request, open, asked_ms: world.now_ms, granted_ms: Number.POSITIVE_INFINITY};
    for (let query = 0; query < open; query++) acquire(world, stage);
  });
}

function answer(world: World, request: Request): void {
  if (isCounted(world)) {
    const {latencies_ms, waits_ms, executes_ms} = world.result;
    latencies_ms.push(world.now_ms - request.started_ms);
    waits_ms.push(request.waited_ms);
    executes_ms.push(request.executed_ms);
  }
  begin(world, request.pool);
}

/** A connection that is idle, a new one, or a place in the queue. */
function acquire(world: World, stage: Stage): void {
  const {connection_limit, slots} = world.model;
  const {pool} = stage.request;
  if (pool.idle > 0) {
    pool.idle--;
    execute(world, stage);
  } else if (pool.opened === connection_limit) queue(world, stage);
  else if (world.opened >= slots) fail(world, stage, 'too_many_connections');
  else {
    pool.opened++;
    world.opened++;
    world.result.peak_connections = Math.max(world.result.peak_connections, world.opened);
    execute(world, stage);
  }
}

function queue(world: World, stage: Stage): void {
  const waiter: Waiter = {stage, isGone: false};
  stage.request.pool.waiters.push(waiter);
  const {pool_timeout_ms} = world.model;
  if (pool_timeout_ms === 0) return;
  after(world, pool_timeout_ms, () => {
    if (waiter.isGone) return;
    waiter.isGone = true;
    fail(world, stage, 'pool_timeouts');
  });
}

function execute(world: World, stage: Stage): void {
  const {model, random, server, now_ms} = world;
  stage.granted_ms = Math.min(stage.granted_ms, now_ms);
  const service_ms = model.service_ms[Math.floor(random() * model.service_ms.length)] ?? 0;
  server.begin(now_ms, service_ms, () => {
    release(world, stage.request.pool);
    endQuery(world, stage);
  });
}

/** To the first who still waits. */
function release(world: World, pool: Pool): void {
  let waiter = pool.waiters.shift();
  while (waiter?.isGone) waiter = pool.waiters.shift();
  if (waiter === undefined) pool.idle++;
  else {
    waiter.isGone = true;
    execute(world, waiter.stage);
  }
}

function fail(world: World, stage: Stage, kind: 'pool_timeouts' | 'too_many_connections'): void {
  const {request} = stage;
  if (!request.isFailed && isCounted(world)) world.result[kind]++;
  request.isFailed = true;
  endQuery(world, stage);
}

function endQuery(world: World, stage: Stage): void {
  if (--stage.open > 0) return;
  const {now_ms} = world;
  const {request} = stage;
  const granted_ms = Math.min(stage.granted_ms, now_ms);
  request.waited_ms += granted_ms - stage.asked_ms;
  request.executed_ms += now_ms - granted_ms;
  nextStage(world, request);
}

function isCounted({now_ms, warmUp_ms}: World): boolean {
  return now_ms >= warmUp_ms;
}

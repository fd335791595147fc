import Module, {createRequire} from 'node:module';
import type pg from 'pg';
import {currentRequest} from '../pool/request-trace.ts';
import {isEndpointCode, refusalOf} from './outbound.ts';

type Pg = {Pool: typeof pg.Pool; Client: typeof pg.Client};
type AnyFunction = (this: object, ...args: unknown[]) => unknown;
type Callback = (error: Error | undefined, value?: unknown, release?: unknown) => void;

const patched = new WeakSet<object>();
const measuredPools = new WeakSet<object>();
/** The measured connection that a client of the endpoint's own stands for. */
const connections = new WeakMap<object, Promise<pg.PoolClient>>();
/** Of each of the endpoint's pools: the measured connections that it was told of. */
const told = new WeakMap<object, WeakSet<pg.PoolClient>>();

/** Its connections are the measured ones. */
export function markMeasured(pool: object): void {
  measuredPools.add(pool);
}

/**
 * The `pg` that `file` would load, if any. Pools and clients that the endpoint made of it, in whichever module, take
 * their connections from the pool that is measured: their classes are changed, whoever has them already.
 */
export function interceptPg(file: string): Pg | null {
  hookLoading();
  const require = createRequire(file);
  try {
    const module = require('pg') as Pg;
    intercept(module);
    return module;
  } catch (error) {
    if (['MODULE_NOT_FOUND', 'ERR_PACKAGE_PATH_NOT_EXPORTED'].includes((error as {code?: string}).code ?? ''))
      return null;
    throw error;
  }
}

let isHooked = false;

/** An application may have several: each is changed when it is first loaded. */
function hookLoading(): void {
  if (isHooked) return;
  isHooked = true;
  const loader = Module as unknown as {_load(request: string, ...rest: unknown[]): unknown};
  const load = loader._load;
  loader._load = function (this: unknown, request: string, ...rest: unknown[]): unknown {
    const loaded = Reflect.apply(load, this, [request, ...rest]);
    if (request === 'pg' || /[\\/]pg[\\/]lib[\\/]index\.js$/.test(request)) intercept(loaded as Pg);
    return loaded;
  };
}

function intercept({Pool, Client}: Pg): void {
  if (typeof Pool === 'function')
    patch(Pool.prototype, {connect: poolConnect, query: poolQuery, end: poolEnd});
  if (typeof Client === 'function')
    patch(Client.prototype, {connect: clientConnect, query: clientQuery, end: clientEnd});
}

type Replacement = (original: AnyFunction) => AnyFunction;

/** Where the methods are defined, which for `pg`'s Pool is that of pg-pool. */
function patch(prototype: object, methods: Record<string, Replacement>): void {
  for (const [name, replace] of Object.entries(methods)) {
    let owner: object | null = prototype;
    while (owner !== null && !Object.hasOwn(owner, name))
      owner = Object.getPrototypeOf(owner) as object | null;
    const original = owner === null ? undefined : (Reflect.get(owner, name) as AnyFunction);
    if (owner === null || original === undefined || patched.has(original)) continue;
    const method = replace(original);
    patched.add(method);
    Object.defineProperty(owner, name, {value: method, writable: true, configurable: true});
  }
}

const isOther = (pool: object) => measuredPools.has(pool) || !isEndpointCode();

function poolConnect(original: AnyFunction): AnyFunction {
  return function (callback) {
    if (isOther(this)) return Reflect.apply(original, this, callback === undefined ? [] : [callback]);
    return answer(checkout(this), callback, client => client.release);
  };
}

function poolQuery(original: AnyFunction): AnyFunction {
  return function (...args) {
    if (isOther(this)) return Reflect.apply(original, this, args);
    const callback = args.find(each => typeof each === 'function');
    const query = args.filter(each => typeof each !== 'function') as [string];
    return answer(queryOnce(this, query), callback);
  };
}

async function queryOnce(pool: object, query: [string]): Promise<unknown> {
  if ((pool as pg.Pool).listenerCount('connect') === 0) return measuredPool().query(...query);
  const client = await checkout(pool);
  try {
    return await client.query(...query);
  } finally {
    client.release();
  }
}

/** The measured pool is not the endpoint's to end. */
function poolEnd(original: AnyFunction): AnyFunction {
  return function (...args) {
    return isOther(this) ? Reflect.apply(original, this, args) : answer(Promise.resolve(), args[0]);
  };
}

function clientConnect(original: AnyFunction): AnyFunction {
  return function (...args) {
    if (!isEndpointCode()) return Reflect.apply(original, this, args);
    const connection = checkout(null);
    connection.then(
      () => connections.set(this, connection),
      () => {},
    );
    return answer(
      connection.then(() => undefined),
      args[0],
    );
  };
}

function clientQuery(original: AnyFunction): AnyFunction {
  return function (...args) {
    const connection = connections.get(this);
    if (connection === undefined) return Reflect.apply(original, this, args);
    const callback = args.find(each => typeof each === 'function');
    const query = args.filter(each => typeof each !== 'function') as [string];
    return answer(
      connection.then(client => client.query(...query)),
      callback,
    );
  };
}

function clientEnd(original: AnyFunction): AnyFunction {
  return function (...args) {
    const connection = connections.get(this);
    if (connection === undefined) return Reflect.apply(original, this, args);
    connections.delete(this);
    return answer(
      connection.then(client => client.release()),
      args[0],
    );
  };
}

async function checkout(pool: object | null): Promise<pg.PoolClient> {
  const client = await measuredPool().connect();
  if (pool === null) return client;
  const known = told.get(pool) ?? new WeakSet();
  told.set(pool, known);
  // What it does with each new connection, such as setting its search_path.
  if (!known.has(client)) (pool as pg.Pool).emit('connect', client);
  known.add(client);
  return client;
}

function measuredPool(): pg.Pool {
  const pool = currentRequest.getStore()?.pool;
  if (pool === undefined) throw refusalOf('connected or sent a query outside of a request');
  return pool;
}

/** By the callback, where there is one. */
function answer<Value>(
  promise: Promise<Value>,
  callback: unknown,
  release: (value: Value) => unknown = () => undefined,
): Promise<Value> | undefined {
  if (typeof callback !== 'function') return promise;
  const tell = callback as Callback;
  promise.then(
    value => process.nextTick(tell, undefined, value, release(value)),
    error => process.nextTick(tell, error, undefined, () => {}),
  );
  return undefined;
}

import Module, {createRequire} from 'node:module';
import type pg from 'pg';
import {currentRequest} from '../pool/request-trace.ts';
import {isEndpointCode, refusalOf} from './outbound.ts';

type Pg = {Pool: typeof pg.Pool; Client: typeof pg.Client};
type AnyFunction = (this: object, ...args: unknown[]) => unknown;
type Callback = (error: Error | undefined, value?: unknown, release?: unknown) => void;

const patched = new WeakSet<object>();
const measuredPools = new WeakSet<object>();
/** The measured connection behind each client that the endpoint created. */
const connections = new WeakMap<object, Promise<pg.PoolClient>>();
/** For each of the endpoint's pools, the measured connections for which it has emitted `connect`. */
const connectEmitted = new WeakMap<object, WeakSet<pg.PoolClient>>();

/** Exempts the measured pool itself from the redirection. */
export function markMeasured(pool: object): void {
  measuredPools.add(pool);
}

/**
 * Redirects the endpoint's own `pg` pools and clients to the measured pool by replacing the methods of their classes.
 * Returns the `pg` that `file` loads, or null without one.
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

/** Patches each copy of pg when it is first loaded; an application may have several. */
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

/** Replaces each method on the prototype that defines it, which for pg's Pool is pg-pool's. */
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

const isNotRedirected = (pool: object) => measuredPools.has(pool) || !isEndpointCode();

function poolConnect(original: AnyFunction): AnyFunction {
  return function (callback) {
    if (isNotRedirected(this)) return Reflect.apply(original, this, callback === undefined ? [] : [callback]);
    return deliver(checkout(this), callback, client => client.release);
  };
}

function poolQuery(original: AnyFunction): AnyFunction {
  return function (...args) {
    if (isNotRedirected(this)) return Reflect.apply(original, this, args);
    const callback = args.find(each => typeof each === 'function');
    const query = args.filter(each => typeof each !== 'function') as [string];
    return deliver(queryOnce(this, query), callback);
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

/** Does nothing: the measured pool stays open. */
function poolEnd(original: AnyFunction): AnyFunction {
  return function (...args) {
    return isNotRedirected(this) ? Reflect.apply(original, this, args) : deliver(Promise.resolve(), args[0]);
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
    return deliver(
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
    return deliver(
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
    return deliver(
      connection.then(client => client.release()),
      args[0],
    );
  };
}

async function checkout(pool: object | null): Promise<pg.PoolClient> {
  const client = await measuredPool().connect();
  if (pool === null) return client;
  const known = connectEmitted.get(pool) ?? new WeakSet();
  connectEmitted.set(pool, known);
  // Applications configure new connections in this event, for example search_path.
  if (!known.has(client)) (pool as pg.Pool).emit('connect', client);
  known.add(client);
  return client;
}

function measuredPool(): pg.Pool {
  const pool = currentRequest.getStore()?.pool;
  if (pool === undefined) throw refusalOf('tried to connect or query outside a request');
  return pool;
}

/** Passes the result to the callback, if there is one; otherwise returns the promise. */
function deliver<Value>(
  promise: Promise<Value>,
  callback: unknown,
  release: (value: Value) => unknown = () => undefined,
): Promise<Value> | undefined {
  if (typeof callback !== 'function') return promise;
  const call = callback as Callback;
  promise.then(
    value => process.nextTick(call, undefined, value, release(value)),
    error => process.nextTick(call, error, undefined, () => {}),
  );
  return undefined;
}

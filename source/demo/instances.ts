import net from 'node:net';
import process from 'node:process';
import {setTimeout as delay} from 'node:timers/promises';
import pg from 'pg';
import type {Random} from '../core/random.ts';
import {chooseRequest, type Send} from './requests/prisma-sql.ts';
import type {Fleet, TrafficOptions} from './scenario.ts';

/**
 * Starts the instances of an application. Each fills its pool, never shrinks it, and runs one request at a time. Resolves
 * when the pools are full. If a session ends, the instance replaces it at its next request.
 */
export async function startFleet(
  options: TrafficOptions,
  fleet: Fleet,
  {limiter, random, signal}: {limiter: LoadLimiter; random: Random; signal: AbortSignal},
): Promise<void> {
  const config = {...clientConfig(options, fleet), max: fleet.poolSize, idleTimeoutMillis: 0};
  const start = async (own: Random) => {
    const pool = new pg.Pool({...config, connectionTimeoutMillis: 10_000});
    pool.on('error', () => {});
    // The pool handles errors of idle connections only. A session that ends during a query must not end this process.
    pool.on('connect', client => client.on('error', () => {}));
    await fillPool(pool, fleet.poolSize);
    serve(pool, fleet, {limiter, random: own, signal}).catch(() => {});
  };
  await Promise.all(Array.from({length: fleet.instances}, () => start(random.fork())));
}

async function fillPool(pool: pg.Pool, size: number): Promise<void> {
  const clients = await Promise.all(Array.from({length: size}, () => pool.connect()));
  for (const client of clients) client.release();
}

/** Ends when the signal aborts. */
async function serve(
  pool: pg.Pool,
  fleet: Fleet,
  {limiter, random, signal}: {limiter: LoadLimiter; random: Random; signal: AbortSignal},
): Promise<never> {
  const send: Send = async query => {
    // Waiting for the pool does not count, because it costs the server nothing.
    const client = await pool.connect();
    try {
      const {rows} = await limiter.run(() => client.query(query));
      client.release();
      return rows;
    } catch (error) {
      client.release(true);
      throw error;
    }
  };
  for (;;) {
    await limiter.wait(signal);
    const request = chooseRequest(fleet.requests, random);
    const isOk = await request.run(send, random).then(
      () => true,
      () => false,
    );
    // A user's pause between requests, longer after an error.
    await delay(isOk ? 100 + random.below(900) : 2000 + random.below(1000), undefined, {signal});
  }
}

export type LoadLimiter = {
  /** Resolves when the next statement may run; rejects when the signal aborts. */
  wait(signal: AbortSignal): Promise<void>;
  /** Runs the work and counts its time. */
  run<Value>(work: () => Promise<Value>): Promise<Value>;
};

/**
 * Limits the time during which statements run to a share. Credit grows up to `burstMs` while none runs and shrinks while at
 * least one runs.
 */
export function createLoadLimiter(share: number, burstMs = 500): LoadLimiter {
  let credit = burstMs;
  let at = performance.now();
  let running = 0;
  const updateCredit = () => {
    const now = performance.now();
    credit = Math.min(burstMs, credit + (now - at) * (running > 0 ? share - 1 : share));
    at = now;
    return credit;
  };
  return {
    async wait(signal) {
      while (updateCredit() < 0) await delay(Math.min(1000, Math.ceil(-credit / share)), undefined, {signal});
    },
    async run(work) {
      updateCredit();
      running++;
      try {
        return await work();
      } finally {
        updateCredit();
        running--;
      }
    },
  };
}

export type Login = {database: string; role: string; application_name: string; localAddress: string};

/** The connection settings of an application's instance. */
function clientConfig(options: TrafficOptions, login: Login): pg.ClientConfig {
  return {
    host: options.host,
    port: options.port,
    database: login.database,
    user: login.role,
    password: login.role === 'postgres' ? options.superuserPassword : options.passwords[login.role],
    application_name: login.application_name,
    stream: () => socketFrom(login.localAddress),
  };
}

/** Opens a connection outside any pool. Calls `onEnd` when the connection ends. */
export async function connectOutsidePool(
  options: TrafficOptions,
  login: Login,
  onEnd?: () => void,
): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(options, login));
  client.on('error', () => {});
  if (onEnd) client.once('end', onEnd);
  await client.connect();
  return client;
}

/** Only Linux has all of 127.0.0.0/8 as loopback; elsewhere every client's address is 127.0.0.1. */
export function socketFrom(localAddress: string): net.Socket {
  const socket = new net.Socket();
  if (process.platform !== 'linux') return socket;
  const connect = socket.connect.bind(socket) as (options: net.TcpSocketConnectOpts) => net.Socket;
  return Object.assign(socket, {
    connect: (port: number, host: string) => connect({port, host, localAddress}),
  });
}

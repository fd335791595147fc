import net from 'node:net';
import process from 'node:process';
import {setTimeout as delay} from 'node:timers/promises';
import pg from 'pg';
import type {Random} from './random.ts';
import {chooseRequest, type Send} from './requests/prisma-sql.ts';
import type {Fleet, Script} from './story.ts';

/**
 * Starts the instances of an application, each with a pool that is full from the start and never shrinks, and one request
 * at a time. Resolves when the pools are full. A session that is ended is replaced at the instance's next request.
 */
export async function startFleet(
  script: Script,
  fleet: Fleet,
  {governor, random, signal}: {governor: Governor; random: Random; signal: AbortSignal},
): Promise<void> {
  const config = {...clientConfig(script, fleet), max: fleet.poolSize, idleTimeoutMillis: 0};
  const start = async (own: Random) => {
    const pool = new pg.Pool({...config, connectionTimeoutMillis: 10_000});
    pool.on('error', () => {});
    // The pool handles errors of idle connections only; a session ended during a query must not end this process.
    pool.on('connect', client => client.on('error', () => {}));
    await fillPool(pool, fleet.poolSize);
    serve(pool, fleet, {governor, random: own, signal}).catch(() => {});
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
  {governor, random, signal}: {governor: Governor; random: Random; signal: AbortSignal},
): Promise<never> {
  const send: Send = async query => {
    // Waiting for the pool does not count: it costs the server nothing.
    const client = await pool.connect();
    try {
      const {rows} = await governor.spend(() => client.query(query));
      client.release();
      return rows;
    } catch (error) {
      client.release(true);
      throw error;
    }
  };
  for (;;) {
    await governor.turn(signal);
    const request = chooseRequest(fleet.requests, random);
    const isOk = await request.run(send, random).then(
      () => true,
      () => false,
    );
    // A pause as between the requests of users, longer after an error.
    await delay(isOk ? 100 + random.below(900) : 2000 + random.below(1000), undefined, {signal});
  }
}

export type Governor = {
  /** Resolves when the share allows the next statement; rejects when the signal aborts. */
  turn(signal: AbortSignal): Promise<void>;
  /** Runs the work and counts its time. */
  spend<Value>(work: () => Promise<Value>): Promise<Value>;
};

/**
 * Limits all statements together to a share of the time. Credit grows while none runs, up to `burstMs`, and shrinks while
 * at least one runs; statements that overlap count once.
 */
export function createGovernor(share: number, burstMs = 500): Governor {
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
    async turn(signal) {
      while (updateCredit() < 0) await delay(Math.min(1000, Math.ceil(-credit / share)), undefined, {signal});
    },
    async spend(work) {
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
function clientConfig(script: Script, login: Login): pg.ClientConfig {
  return {
    host: script.host,
    port: script.port,
    database: login.database,
    user: login.role,
    password: login.role === 'postgres' ? script.superuserPassword : script.passwords[login.role],
    application_name: login.application_name,
    stream: () => socketFrom(login.localAddress),
  };
}

/** Opens a connection outside any pool; `onEnd` is called when it ends, for whatever reason. */
export async function connectAlone(script: Script, login: Login, onEnd?: () => void): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(script, login));
  client.on('error', () => {});
  if (onEnd) client.once('end', onEnd);
  await client.connect();
  return client;
}

/** Only Linux has all of 127.0.0.0/8 as loopback; elsewhere every client's address is 127.0.0.1. */
function socketFrom(localAddress: string): net.Socket {
  const socket = new net.Socket();
  if (process.platform !== 'linux') return socket;
  const connect = socket.connect.bind(socket) as (options: net.TcpSocketConnectOpts) => net.Socket;
  return Object.assign(socket, {
    connect: (port: number, host: string) => connect({port, host, localAddress}),
  });
}

import {setTimeout as delay} from 'node:timers/promises';

import pg from 'pg';
import {clientConfig} from './clients.ts';

import type {Random} from './random.ts';
import {chooseRequest, type Send} from './requests/prisma-sql.ts';
import type {Fleet, Script} from './story.ts';

/**
 * Starts one application's instances: each with its own pool, filled from the start and never shrinking, and
 * one request after the other. Resolves when the pools are full. A session that is ended comes back when the
 * instance next needs one.
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
    // The pool listens to idle connections only; one that is ended at work must not end this process.
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

/** Ends by the signal alone. */
async function serve(
  pool: pg.Pool,
  fleet: Fleet,
  {governor, random, signal}: {governor: Governor; random: Random; signal: AbortSignal},
): Promise<never> {
  const send: Send = async query => {
    // Waiting for the pool costs the server nothing.
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
    const isServed = await request.run(send, random).then(
      () => true,
      () => false,
    );
    // A person called it, and the next comes after a while; after an error the application waits as well.
    await delay(isServed ? 100 + random.below(900) : 2000 + random.below(1000), undefined, {signal});
  }
}

export type Governor = {
  /** Resolves when there is time to spend again; rejects when the signal says so. */
  turn(signal: AbortSignal): Promise<void>;
  /** Runs it and books how long it took. */
  spend<Value>(work: () => Promise<Value>): Promise<Value>;
};

/**
 * Keeps all statements together below a share of the time: while at least one is under way, time is spent;
 * while none is, it is saved up, to `burstMs` at most. Statements that overlap are booked once.
 */
export function createGovernor(share: number, burstMs = 500): Governor {
  let credit = burstMs;
  let at = performance.now();
  let underWay = 0;
  const settle = () => {
    const now = performance.now();
    credit = Math.min(burstMs, credit + (now - at) * (underWay > 0 ? share - 1 : share));
    at = now;
    return credit;
  };
  return {
    async turn(signal) {
      while (settle() < 0) await delay(Math.min(1000, Math.ceil(-credit / share)), undefined, {signal});
    },
    async spend(work) {
      settle();
      underWay++;
      try {
        return await work();
      } finally {
        settle();
        underWay--;
      }
    },
  };
}

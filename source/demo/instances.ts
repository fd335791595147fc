import {setTimeout as delay} from 'node:timers/promises';
import pg from 'pg';
import {clientConfig} from './clients.ts';
import type {Governor} from './governor.ts';
import type {Random} from './random.ts';
import {chooseRequest, type Send} from './requests/request.ts';
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

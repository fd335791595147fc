import process from 'node:process';
import type {Pool, PoolClient} from 'pg';
import {requestCancel} from './timeouts.ts';

/** A request that runs on may need a connection again; after this time without one in use the pool counts as quiet. */
const quietMs = 500;

/**
 * Ends the pool once none of its connections has been in use for half a second, at the latest after `deadline_ms`: what runs
 * then is cancelled on the server, and its connection closed.
 */
export async function closePool(
  pool: Pool,
  open: ReadonlyMap<PoolClient, unknown>,
  deadline_ms: number,
): Promise<void> {
  if (pool.ended) return;
  let latest: NodeJS.Timeout | undefined;
  const deadline = new Promise<boolean>(resolve => {
    latest = setTimeout(() => resolve(false), deadline_ms);
  });
  const isQuiet = await Promise.race([untilQuiet(pool), deadline]);
  clearTimeout(latest);
  const connections = [...open.keys()];
  const all = Promise.all(connections.map(ending));
  // The application may have ended it itself; a second call rejects.
  const ended = pool.ending ? null : pool.end();
  ended?.catch(() => {});
  if (!isQuiet) {
    await Promise.all(
      connections.map(async client => {
        await requestCancel(client, pool.options);
        await client.end();
      }),
    );
  }
  // A caller that never releases its connection would hold it up.
  await (ended === null ? all : Promise.race([ended, all]));
}

function ending(client: PoolClient): Promise<void> {
  return new Promise(resolve => client.once('end', () => resolve()));
}

function untilQuiet(pool: Pool): Promise<true> {
  return new Promise(resolve => {
    let timer: NodeJS.Timeout | undefined;
    const onAcquire = () => clearTimeout(timer);
    // pg-pool puts the connection among the idle ones after the event.
    const onRelease = () => queueMicrotask(check);
    const check = () => {
      clearTimeout(timer);
      if (pool.totalCount === pool.idleCount && pool.waitingCount === 0) timer = setTimeout(finish, quietMs);
    };
    const finish = () => {
      pool.off('acquire', onAcquire);
      pool.off('release', onRelease);
      resolve(true);
    };
    pool.on('acquire', onAcquire);
    pool.on('release', onRelease);
    check();
  });
}

type Sigterm = {closers: Map<Pool, () => Promise<void>>; closeAll: () => Promise<void>};
const key = Symbol.for('poolctl.kit.sigterm');
const shared = globalThis as {[key]?: Sigterm};
shared[key] ??= {
  closers: new Map(),
  async closeAll() {
    // Node ends the process where no listener is left; an application with a listener of its own exits by itself.
    const isAlone = process.listenerCount('SIGTERM') === 1;
    await Promise.allSettled([...closers.values()].map(close => close()));
    process.off('SIGTERM', closeAll);
    if (isAlone) process.kill(process.pid, 'SIGTERM');
  },
};
/** One per process: Next.js bundles a module once for each route, and with two listeners neither is alone. */
const {closers, closeAll} = shared[key];

export function closeOnSigterm(pool: Pool, close: () => Promise<void>): void {
  for (const each of closers.keys()) if (each.ended) closers.delete(each);
  if (closers.size === 0) {
    process.off('SIGTERM', closeAll);
    // First, so that it counts also those that listen once.
    process.prependListener('SIGTERM', closeAll);
  }
  closers.set(pool, close);
}

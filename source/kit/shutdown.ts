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
  if (pool.ending) return;
  let latest: NodeJS.Timeout | undefined;
  const deadline = new Promise<boolean>(resolve => {
    latest = setTimeout(() => resolve(false), deadline_ms);
  });
  const isQuiet = await Promise.race([untilQuiet(pool), deadline]);
  clearTimeout(latest);
  const connections = [...open.keys()];
  const ended = pool.end();
  if (!isQuiet) {
    await Promise.all(
      connections.map(async client => {
        await requestCancel(client);
        await client.end();
      }),
    );
  }
  // A caller that never releases its connection would hold it up.
  await Promise.race([ended, Promise.all(connections.map(ending))]);
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

const closers = new Map<Pool, () => Promise<void>>();

/** One listener for all pools of the process. */
export function closeOnSigterm(pool: Pool, close: () => Promise<void>): void {
  for (const each of closers.keys()) if (each.ended) closers.delete(each);
  if (closers.size === 0) {
    process.off('SIGTERM', closeAll);
    process.on('SIGTERM', closeAll);
  }
  closers.set(pool, close);
}

async function closeAll(): Promise<void> {
  await Promise.allSettled([...closers.values()].map(close => close()));
  process.off('SIGTERM', closeAll);
  // Node ends the process where no listener is left; an application with its own exits by itself.
  if (process.listenerCount('SIGTERM') === 0) process.kill(process.pid, 'SIGTERM');
}

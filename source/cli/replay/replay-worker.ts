import process from 'node:process';
import type pg from 'pg';
import {createWorker, type WorkerOptions, type WorkerTask} from '../../replay/measure/worker.ts';
import {blockOutbound} from '../../replay/sandbox/outbound.ts';
import {loadEndpoint, loadPrismaClient} from './load-endpoint.ts';
import type {ReplayAssignment} from './measure.ts';

/** The program of a worker process, which measures a share of the instances and ends with its parent. */
const handle = createWorker<ReplayAssignment>(open, report => {
  process.send?.(report);
});
// Tasks arrive as messages because they contain a password: other users can read arguments and environment.
process.on('message', (task: WorkerTask<ReplayAssignment>) => handle(task));
// The parent has ended.
process.once('disconnect', () => process.exit(0));
// The parent handles Ctrl-C and ends this process when it is done.
process.on('SIGINT', () => {});

async function open(assignment: ReplayAssignment): Promise<WorkerOptions> {
  const {name, cwd, client, isDemo, connection, ignoresIdentity, allowNetwork, ...options} = assignment;
  const source = {client, isDemo, cwd};
  const endpoint = await loadEndpoint(name, source);
  const prisma = await loadPrismaClient(endpoint, source);
  // Never lifted: this process opens only the measured pools' connections.
  blockOutbound({withNetwork: allowNetwork});
  return {
    ...options,
    endpoint,
    connection: ignoresIdentity ? withoutIdentity(connection) : connection,
    ...(prisma && {openPrisma: pool => prisma.open(pool, endpoint.file, {allowWrites: options.allowWrites})}),
    ...(prisma?.Pool && {Pool: prisma.Pool}),
  };
}

/** Restores what verify-ca needs: functions cannot be sent to another process. */
function withoutIdentity({ssl, ...rest}: pg.PoolConfig): pg.PoolConfig {
  return typeof ssl === 'object' ? {...rest, ssl: {...ssl, checkServerIdentity: () => undefined}} : rest;
}

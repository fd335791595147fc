import process from 'node:process';
import type pg from 'pg';
import {createWorker, type WorkerOptions, type WorkerTask} from '../../replay/measure/worker.ts';
import {blockOutbound} from '../../replay/sandbox/outbound.ts';
import {loadEndpoint} from './load-endpoint.ts';
import {loadPrismaClient} from './prisma-client.ts';
import type {ReplayAssignment} from './processes.ts';

/** The program of a process that measures some of the instances. It ends with the one that started it. */
const perform = createWorker<ReplayAssignment>(open, report => {
  process.send?.(report);
});
// What is to be done comes by message: arguments and environment can be read by others, and it holds a password.
process.on('message', (task: WorkerTask<ReplayAssignment>) => perform(task));
// The parent is gone, however it went.
process.once('disconnect', () => process.exit(0));
// Ctrl-C is for the program in front; it ends us when it is done.
process.on('SIGINT', () => {});

async function open(assignment: ReplayAssignment): Promise<WorkerOptions> {
  const {name, cwd, client, isDemo, connection, ignoresIdentity, allowNetwork, ...options} = assignment;
  const source = {client, isDemo, cwd};
  const endpoint = await loadEndpoint(name, source);
  const prisma = await loadPrismaClient(endpoint, source);
  // For as long as this process lives: it opens nothing but the measured pools' connections.
  blockOutbound({withNetwork: allowNetwork});
  return {
    ...options,
    endpoint,
    connection: ignoresIdentity ? withoutIdentity(connection) : connection,
    ...(prisma && {openPrisma: pool => prisma.open(pool, endpoint.file, {allowWrites: options.allowWrites})}),
    ...(prisma?.Pool && {Pool: prisma.Pool}),
  };
}

/** As verify-ca has it: a function does not go from process to process. */
function withoutIdentity({ssl, ...rest}: pg.PoolConfig): pg.PoolConfig {
  return typeof ssl === 'object' ? {...rest, ssl: {...ssl, checkServerIdentity: () => undefined}} : rest;
}

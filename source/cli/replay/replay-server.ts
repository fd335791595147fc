import {randomBytes} from 'node:crypto';
import type pg from 'pg';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createGuard, type Guard} from '../../replay/measure/guard.ts';
import type {Flags} from '../call/parse-call.ts';
import {connectToWatch} from '../connection.ts';
import type {Shell} from '../context.ts';
import {poolConfigOf, slotReader} from './pool-config.ts';

/** The server of a replay: a connection that watches it, and what the measured pools connect by. */
export type ReplayStage = {
  connection: Connection;
  pools: pg.PoolConfig;
  /** Its sessions may write. */
  allowWrites: boolean;
  guard: Guard;
  close(): Promise<void>;
};

export type StageOptions = {
  flags: Flags;
  allowWrites: boolean;
  /** What the endpoint is about, of the demo's databases. */
  demoDatabase: string;
  seed: number;
  signal: AbortSignal;
  requestTo(url: string | undefined): Promise<ConnectionRequest>;
};

/** The server that the call names. Throws AbortError as connecting does. */
export async function openStage(
  shell: Shell,
  url: string | undefined,
  {flags, allowWrites, signal, requestTo}: Omit<StageOptions, 'demoDatabase' | 'seed'>,
): Promise<ReplayStage> {
  const connection = await connectToWatch(shell, await requestTo(url), {flags, signal});
  try {
    const application_name = nameOfRun();
    const guard = createGuard(slotReader(connection, application_name), true);
    return {
      connection,
      pools: poolConfigOf(connection, {application_name, allowWrites}),
      allowWrites,
      guard,
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** A throwaway server with the demo's rows and nobody on it. It is left as soon as it is closed, whatever was written. */
export async function openDemoStage(
  shell: Shell,
  {flags, demoDatabase, seed, signal, requestTo}: StageOptions,
): Promise<ReplayStage> {
  const {startReplayDemo} = await import('./demo-server.ts');
  const database = flags.dbname ?? demoDatabase;
  const demo = await startReplayDemo({seed, database, signal, talk: shell.output.talk});
  try {
    const connection = await connectToWatch(shell, await requestTo(demo.watchUrl), {flags: {}, signal});
    const application_name = nameOfRun();
    const {user, password} = demo;
    const pools = poolConfigOf(connection, {application_name, allowWrites: true});
    return {
      connection,
      pools: {...pools, user, password},
      allowWrites: true,
      guard: createGuard(slotReader(connection, application_name), false),
      async close() {
        await connection.close();
        await demo.stop();
      },
    };
  } catch (error) {
    await demo.stop();
    throw error;
  }
}

/** By it the run's own sessions are told from everybody else's. */
function nameOfRun(): string {
  return `poolctl-replay-${randomBytes(4).toString('hex')}`;
}

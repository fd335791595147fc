import {randomBytes} from 'node:crypto';
import type pg from 'pg';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createGuard, type Guard} from '../../replay/measure/guard.ts';
import type {Flags} from '../call/parse-call.ts';
import {connectToWatch} from '../connection.ts';
import type {CliContext} from '../context.ts';
import {createSlotReader, toPoolConfig} from './pool-config.ts';

/** The server of a replay: a connection that watches it, and what the measured pools connect by. */
export type ReplayServer = {
  connection: Connection;
  pools: pg.PoolConfig;
  /** Its sessions may write. */
  allowWrites: boolean;
  guard: Guard;
  close(): Promise<void>;
};

export type ReplayServerOptions = {
  flags: Flags;
  allowWrites: boolean;
  /** What the endpoint is about, of the demo's databases. */
  demoDatabase: string;
  seed: number;
  signal: AbortSignal;
  requestTo(url: string | undefined): Promise<ConnectionRequest>;
};

/** The server that the call names. Throws AbortError as connecting does. */
export async function openReplayServer(
  context: CliContext,
  url: string | undefined,
  {flags, allowWrites, signal, requestTo}: Omit<ReplayServerOptions, 'demoDatabase' | 'seed'>,
): Promise<ReplayServer> {
  const connection = await connectToWatch(context, await requestTo(url), {flags, signal});
  try {
    const application_name = nameOfRun();
    const guard = createGuard(createSlotReader(connection, application_name), true);
    return {
      connection,
      pools: toPoolConfig(connection, {application_name, allowWrites}),
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
export async function openDemoReplayServer(
  context: CliContext,
  {flags, demoDatabase, seed, signal, requestTo}: ReplayServerOptions,
): Promise<ReplayServer> {
  const {startReplayDemo} = await import('./demo-server.ts');
  const database = flags.dbname ?? demoDatabase;
  const demo = await startReplayDemo({seed, database, signal, talk: context.output.stderr});
  try {
    const connection = await connectToWatch(context, await requestTo(demo.watchUrl), {flags: {}, signal});
    const application_name = nameOfRun();
    const {user, password} = demo;
    const pools = toPoolConfig(connection, {application_name, allowWrites: true});
    return {
      connection,
      pools: {...pools, user, password},
      allowWrites: true,
      guard: createGuard(createSlotReader(connection, application_name), false),
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

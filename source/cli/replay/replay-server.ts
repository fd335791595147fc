import {randomBytes} from 'node:crypto';
import type pg from 'pg';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createGuard, type Guard} from '../../replay/measure/guard.ts';
import {connectToWatch} from '../connection.ts';
import type {CliContext} from '../context.ts';
import {locateServer} from '../locate-server.ts';
import {createSlotReader, toPoolConfig} from './pool-config.ts';

/** A replay's server: a read-only connection to it, and the settings of the measured pools. */
export type ReplayServer = {
  connection: Connection;
  pools: pg.PoolConfig;
  /** The measured sessions may write. */
  allowWrites: boolean;
  guard: Guard;
  close(): Promise<void>;
};

type ReplayServerOptions = {
  flags: {wait?: string | undefined};
  allowWrites: boolean;
  signal: AbortSignal;
};

/** Connects to the requested server. Throws AbortError if that fails. */
export async function openReplayServer(
  context: CliContext,
  request: ConnectionRequest,
  {flags, allowWrites, signal}: ReplayServerOptions,
): Promise<ReplayServer> {
  const connection = await connectToWatch(context, request, {flags, signal});
  try {
    const application_name = createApplicationName();
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

/** Starts a throwaway server with the demo's rows, whose sessions may write. `close` removes it. */
export async function openDemoReplayServer(
  context: CliContext,
  {database, seed, signal}: {database: string; seed: number; signal: AbortSignal},
): Promise<ReplayServer> {
  const {startReplayDemo} = await import('./demo-server.ts');
  const report = (text: string) => context.output.stderr(`poolctl replay: ${text}`);
  const demo = await startReplayDemo({seed, database, signal, onProgress: report});
  try {
    const request = await locateServer(context, {url: demo.watchUrl, flags: {}});
    const connection = await connectToWatch(context, request, {flags: {}, signal});
    const application_name = createApplicationName();
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

/** Distinguishes the sessions of this replay from all others. */
function createApplicationName(): string {
  return `poolctl-replay-${randomBytes(4).toString('hex')}`;
}

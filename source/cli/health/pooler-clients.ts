import {AbortError, exitCodes} from '../../core/errors.ts';
import {locate} from '../../postgres/connect/locate.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {openPoolerConsole, poolerUrlHint} from '../../postgres/connect/pooler-console.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {poolOf} from '../../postgres/facts/pooler.ts';
import {type CliContext, printMessage} from '../context.ts';

export type PoolerClients = {
  /** null if PgBouncer does not answer. */
  ask(): Promise<PoolerWaits>;
  close(): Promise<void>;
};

/** Clients that wait for a server connection, and how long the first of them has waited. */
type PoolerWaits = {pooler_waiting_clients: number | null; pooler_max_wait_ms: number | null};

const unknown: PoolerWaits = {pooler_waiting_clients: null, pooler_max_wait_ms: null};

const noPooler: PoolerClients = {ask: async () => unknown, close: async () => {}};

/** The admin console at `url`. Throws AbortError (exit 2) if it is not an address. */
export function poolerAt({env, cwd}: CliContext, url: string): ConnectionRequest {
  return locate({url, flags: {}, machine: localMachine(env, cwd)});
}

/**
 * Connects to PgBouncer's admin console, and reconnects after a loss. Throws AbortError (exit 3) if the first connection fails and
 * `isRequired`: a call names the console or a limit of it. One that is known from the environment or configuration may be down.
 */
export async function openPoolerClients(
  {output}: CliContext,
  request: ConnectionRequest | null,
  {isRequired}: {isRequired: boolean},
): Promise<PoolerClients> {
  if (request === null) return noPooler;
  const open = async () => {
    try {
      return await openPoolerAdmin(request);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AbortError(`cannot query PgBouncer's admin console: ${reason}`, {
        hint: poolerUrlHint,
        exitCode: exitCodes.connection,
        cause: error,
      });
    }
  };
  let admin: Awaited<ReturnType<typeof open>> | null = isRequired ? await open() : null;
  return {
    async ask() {
      try {
        admin ??= await open();
        return await admin.waitingClients();
      } catch (error) {
        printMessage(output, error instanceof Error ? error.message : String(error));
        await admin?.close();
        admin = null;
        return unknown;
      }
    },
    close: async () => admin?.close(),
  };
}

/** Throws as `openPoolerConsole`, and the console's errors. */
async function openPoolerAdmin(request: ConnectionRequest) {
  const console = await openPoolerConsole(request);
  /** Clients of all pools that sent a statement and wait for a server connection. */
  const waitingClients = async (): Promise<PoolerWaits> => {
    const pools = (await console.query('SHOW POOLS')).map(row => poolOf(row, ''));
    return {
      pooler_waiting_clients: pools.reduce((sum, {cl_waiting}) => sum + cl_waiting, 0),
      pooler_max_wait_ms: Math.max(0, ...pools.map(({maxwait_ms}) => maxwait_ms)),
    };
  };
  try {
    await waitingClients();
  } catch (error) {
    await console.close();
    throw error;
  }
  return {waitingClients, close: console.close};
}

import {AbortError, exitCodes} from '../../core/errors.ts';
import {locate} from '../../postgres/connect/locate.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {openPoolerConsole, poolerUrlHint} from '../../postgres/connect/pooler-console.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {type CliContext, printMessage} from '../context.ts';

export type PoolerClients = {
  /** Clients waiting for a server connection; null if PgBouncer does not answer. */
  ask(): Promise<number | null>;
  close(): Promise<void>;
};

const noPooler: PoolerClients = {ask: async () => null, close: async () => {}};

/**
 * Connects to PgBouncer's admin console at `url`, and reconnects after a loss. Throws AbortError (exit 3) if the first
 * connection fails.
 */
export async function openPoolerClients(
  {env, cwd, output}: CliContext,
  url: string | undefined,
): Promise<PoolerClients> {
  if (url === undefined) return noPooler;
  const request = locate({url, flags: {}, machine: localMachine(env, cwd)});
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
  let admin: Awaited<ReturnType<typeof open>> | null = await open();
  return {
    async ask() {
      try {
        admin ??= await open();
        return await admin.waitingClients();
      } catch (error) {
        printMessage(output, error instanceof Error ? error.message : String(error));
        await admin?.close();
        admin = null;
        return null;
      }
    },
    close: async () => admin?.close(),
  };
}

/** Throws as `openPoolerConsole`, and the console's errors. */
async function openPoolerAdmin(request: ConnectionRequest) {
  const console = await openPoolerConsole(request);
  /** Clients of all pools that sent a statement and wait for a server connection. */
  const waitingClients = async () => {
    const rows = await console.query('SHOW POOLS');
    return rows.reduce((sum, {cl_waiting}) => sum + Number(cl_waiting ?? 0), 0);
  };
  try {
    await waitingClients();
  } catch (error) {
    await console.close();
    throw error;
  }
  return {waitingClients, close: console.close};
}

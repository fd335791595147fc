import {AbortError, exitCodes} from '../../core/errors.ts';
import {withDeadline} from '../../postgres/connect/client.ts';
import {locate} from '../../postgres/connect/locate.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {closeClient, openClient} from '../../postgres/connect/open-client.ts';
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
        hint: 'Connect to the database "pgbouncer" of the pooler, as a role in admin_users or stats_users.',
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

const answerWithinMs = 5000;

/**
 * Connects to the console, which supports the simple protocol only and no startup options. SHOW POOLS has 12 to 17
 * columns by version, so they are read by name. Throws as `openClient`, and the console's errors.
 */
async function openPoolerAdmin(request: ConnectionRequest) {
  const {client} = await openClient(request, '');
  /** Clients of all pools that sent a statement and wait for a server connection. */
  const waitingClients = async () => {
    const {rows} = await withDeadline(client.query<{cl_waiting?: unknown}>('SHOW POOLS'), answerWithinMs);
    return rows.reduce((sum, {cl_waiting}) => sum + Number(cl_waiting ?? 0), 0);
  };
  try {
    await waitingClients();
  } catch (error) {
    await closeClient(client);
    throw error;
  }
  return {waitingClients, close: () => closeClient(client)};
}

import {withDeadline} from '../deadline.ts';
import {closeClient, openClient} from './open-client.ts';
import type {ConnectionRequest} from './request.ts';

export type PoolerAdmin = {
  /** Clients of all pools that sent a statement and wait for a server connection. */
  waitingClients(): Promise<number>;
  close(): Promise<void>;
};

const answerWithinMs = 5000;

/**
 * Connects to PgBouncer's admin console, which supports the simple protocol only and no startup options. SHOW POOLS has
 * 12 to 17 columns by version, so they are read by name. Throws as `openClient`, and the console's errors.
 */
export async function openPoolerAdmin(request: ConnectionRequest): Promise<PoolerAdmin> {
  const {client} = await openClient(request, '');
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

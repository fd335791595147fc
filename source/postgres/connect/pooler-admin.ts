import {inTime} from '../deadline.ts';
import {closeClient, openClient} from './open-client.ts';
import type {ConnectionRequest} from './request.ts';

export type PoolerAdmin = {
  /** Clients that sent a statement and wait for a server connection, over all pools. */
  waitingClients(): Promise<number>;
  close(): Promise<void>;
};

const answerWithinMs = 5000;

/**
 * PgBouncer's admin console, which speaks the simple protocol alone and knows no startup options. SHOW POOLS has 12 to
 * 17 columns by version: they are told by name. Throws what connecting or asking throws.
 */
export async function openPoolerAdmin(request: ConnectionRequest): Promise<PoolerAdmin> {
  const {client} = await openClient(request, '');
  const waitingClients = async () => {
    const {rows} = await inTime(client.query<{cl_waiting?: unknown}>('SHOW POOLS'), answerWithinMs);
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

import {withDeadline} from './client.ts';
import {closeClient, openClient} from './open-client.ts';
import type {ConnectionRequest} from './request.ts';

export type PoolerConsole = {
  /** Sends one command, by the simple protocol. Throws PgBouncer's errors; AbortError (exit 3) if it does not answer in time. */
  query(command: string, within_ms?: number): Promise<Record<string, unknown>[]>;
  /** Resolves when the connection ends for any reason. */
  lost: Promise<Error>;
  close(): Promise<void>;
  /** Without waiting for an answer that is due. */
  destroy(): void;
};

const answerWithinMs = 5000;

export const poolerUrlHint =
  'Connect to the database "pgbouncer" of the pooler, as a role in admin_users or stats_users.';

/**
 * Connects to PgBouncer's admin console, which knows the simple protocol only and no startup options. Throws as
 * `openClient`.
 */
export async function openPoolerConsole(request: ConnectionRequest): Promise<PoolerConsole> {
  const {client, lost} = await openClient(request, '');
  return {
    query: async (command, within_ms = answerWithinMs) =>
      (await withDeadline(client.query(command), within_ms)).rows,
    lost,
    close: () => closeClient(client),
    destroy: () => client.connection.stream.destroy(),
  };
}

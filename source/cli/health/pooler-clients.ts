import {AbortError, exitCodes} from '../../core/errors.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {locate} from '../../postgres/connect/locate.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {openPoolerAdmin} from '../../postgres/connect/pooler-admin.ts';
import type {CliContext} from '../context.ts';

export type PoolerClients = {
  /** Clients that wait for a server connection; null where nobody can be asked. */
  ask(): Promise<number | null>;
  close(): Promise<void>;
};

const none: PoolerClients = {ask: async () => null, close: async () => {}};

/**
 * The admin console at `url`, asked with every reading, connected to again where it was lost. Throws AbortError (exit 3)
 * where it cannot be asked at first.
 */
export async function openPoolerClients(
  {env, cwd, output}: CliContext,
  url: string | undefined,
): Promise<PoolerClients> {
  if (url === undefined) return none;
  const request = locate({url, flags: {}, machine: localMachine(env, cwd)});
  const open = async () => {
    try {
      return await openPoolerAdmin(request);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new AbortError(`PgBouncer's admin console cannot be asked: ${reason}`, {
        hint: 'It is the database "pgbouncer" of the pooler, for a role of admin_users or stats_users.',
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
        output.stderr(sanitise(`poolctl: ${error instanceof Error ? error.message : String(error)}`));
        await admin?.close();
        admin = null;
        return null;
      }
    },
    close: async () => admin?.close(),
  };
}

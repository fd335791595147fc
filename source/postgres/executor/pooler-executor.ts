import {holds} from '../../core/engine/step.ts';
import {AbortError, BugError, exitCodes} from '../../core/errors.ts';
import {poolerIdentity} from '../../core/pool/pooler.ts';
import type {Executable, ExecutionResult} from '../../model/ports.ts';
import type {Sql} from '../../model/step.ts';
import {toAbortError} from '../connect/errors.ts';
import {openPoolerConsole, type PoolerConsole} from '../connect/pooler-console.ts';
import {type ConnectionRequest, hostAndPort} from '../connect/request.ts';

type Row = Record<string, unknown>;

type Opened = {identity: string; console: PoolerConsole};

export type PoolerExecutor = {
  /** The rows of a SHOW that its `where` selects. */
  read(query: Sql): Promise<Row[]>;
  apply(step: Executable): Promise<ExecutionResult>;
  /** Ends the wait for a command; PgBouncer itself may go on. */
  cancel(): void;
  close(): Promise<void>;
};

/**
 * Executes steps in PgBouncer's admin console, over a connection of its own. Each command names the PgBouncer that is meant, and no
 * other gets it: AbortError (exit 6). `find` returns the address of the console; null if none is known.
 */
export function createPoolerExecutor(find: () => ConnectionRequest | null): PoolerExecutor {
  let current: Promise<Opened> | null = null;
  let interrupt: ((error: Error) => void) | null = null;

  async function open({console: wanted}: Sql): Promise<PoolerConsole> {
    if (wanted === undefined) throw new BugError('not a command for PgBouncer');
    current ??= reconnect();
    const {identity, console} = await current;
    if (identity === wanted.pooler) return console;
    throw new AbortError(`this is the PgBouncer ${identity}, and the plan is for ${wanted.pooler}`, {
      hint: 'Name the admin console of that PgBouncer with --pooler.',
      exitCode: exitCodes.drift,
    });
  }

  function reconnect(): Promise<Opened> {
    const opening = connect(find());
    const forget = () => {
      if (current === opening) current = null;
    };
    opening.then(({console}) => console.lost.then(forget), forget);
    return opening;
  }

  async function connect(request: ConnectionRequest | null): Promise<Opened> {
    if (request === null)
      throw new AbortError("the address of PgBouncer's admin console is not known", {
        hint: 'Name it: --pooler URL, POOLCTL_POOLER_URL or pooler_url in config.toml.',
        exitCode: exitCodes.usage,
      });
    let console: PoolerConsole | null = null;
    try {
      console = await openPoolerConsole(request);
      const config = await console.query('SHOW CONFIG');
      const file = config.find(({key}) => key === 'conffile')?.value;
      return {
        console,
        identity: poolerIdentity({address: hostAndPort(request), config_file: String(file ?? '')}),
      };
    } catch (error) {
      console?.destroy();
      throw toAbortError(error, request);
    }
  }

  async function read(query: Sql): Promise<Row[]> {
    const rows = await (await open(query)).query(query.text).catch(rejected);
    const where = Object.entries(query.console?.where ?? {});
    return rows.filter(row => where.every(([column, value]) => String(row[column]) === value));
  }

  /** Waits no longer than `within_ms`, nor after `cancel`: the connection is then given up, as PgBouncer answers on it in turn. */
  async function send(apply: Sql, within_ms: number): Promise<void> {
    const console = await open(apply);
    const interrupted = new Promise<never>((_, reject) => {
      interrupt = reject;
    });
    try {
      await Promise.race([console.query(apply.text, within_ms).catch(rejected), interrupted]);
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      current = null;
      console.destroy();
      const isInterrupted = error.exitCode === exitCodes.interrupted;
      const why = isInterrupted ? 'was interrupted' : `was not done within ${within_ms / 1000} s`;
      throw refusal(`"${apply.text}" ${why}`, unfinished);
    } finally {
      interrupt = null;
    }
  }

  return {
    read,
    async apply({guard, apply, timeout_ms}) {
      if (guard !== undefined) {
        const [row] = await read(guard.query);
        if (!holds(guard.expect, row)) {
          const {column} = guard.expect;
          const found = row === undefined ? 'there is no such row' : `${column} is ${row[column]}`;
          return {rows: [], row_count: 0, objection: `${guard.query.text} in PgBouncer: ${found}`};
        }
      }
      await send(apply, timeout_ms);
      return {rows: [], row_count: null};
    },
    cancel() {
      interrupt?.(new AbortError('interrupted', {exitCode: exitCodes.interrupted}));
    },
    async close() {
      const opening = current;
      current = null;
      const opened = await opening?.catch(() => null);
      await opened?.console.close();
    },
  };
}

/** lock_not_available: known not to be done, where a code of class 08 or 57014 would leave that open. */
const unfinished = '55P03';

/** PgBouncer gives 08P01 (protocol violation) to every refusal, after which a server would not answer any more. */
function rejected(error: unknown): never {
  if (!(error instanceof Error) || !('severity' in error)) throw error;
  if (/admin access needed/.test(error.message))
    throw refusal(`${error.message}: ${poolerAdminHint}`, '42501', error);
  throw refusal(error.message, 'XX000', error);
}

const poolerAdminHint = 'connect to the console as a role in admin_users; stats_users may only read';

function refusal(message: string, code: string, cause?: unknown): Error {
  return Object.assign(new Error(message, {cause}), {code, severity: 'ERROR'});
}

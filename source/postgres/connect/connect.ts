import {AbortError, exitCodes} from '../../core/errors.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {PgClient} from './client.ts';
import {toAbortError} from './errors.ts';
import {closeClient} from './open-client.ts';
import {createPooledClient} from './pooler.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';
import {openSession} from './session.ts';
import type {Purpose} from './session-options.ts';
import {classifySlotError, explainSlotError, type SlotKind} from './slot-errors.ts';

/** By which rung of the ladder it got in. */
type Route = 'direct' | 'rescue' | 'waited';

export type Connection = {
  client: PgClient;
  /** The same session for whoever writes BEGIN himself; `client` does so for each query where `is_pooled`. */
  rawClient: PgClient;
  /** The one it got in by: the rescue's when `way` says so. */
  request: ConnectionRequest;
  route: Route;
  /** As PostgreSQL numbers it: 150018 is 15.18. */
  server_version_num: number;
  /** In the startup options of this very session: the server that echoes it is the one that was opened. */
  marker: string;
  /** Read on this very connection; never null where it acts, null where watching has not asked. */
  server: ServerIdentity | null;
  is_encrypted: boolean;
  /**
   * A pooler refused or swallowed the session's settings: between two transactions the session may be another's,
   * so SET would reach others and named statements vanish. Never true of a connection that acts.
   */
  is_pooled: boolean;
  /** Resolves once, when the connection is gone, however it went. Never rejects. */
  lost: Promise<Error>;
  /** Returns at once when the server does not answer. May be called twice. */
  close(): Promise<void>;
};

/** What is said while every slot is taken. */
export type WaitState = {
  attempt: number;
  next_try_in_ms: number;
  waited_ms: number;
  /** Until it gives up. */
  remaining_ms: number;
  kind: SlotKind;
  message: string;
  hint: string;
};

export type ConnectOptions = {
  purpose: Purpose;
  signal?: AbortSignal;
  /** How long to wait for a slot; 0, the default, does not wait. */
  waitFor_ms?: number;
  onWait?: (state: WaitState) => void;
};

/**
 * Connects by the ladder: as given; by the rescue address where every slot is taken; then waiting for the first
 * free slot. Throws AbortError: exit 4 where no slot is left, 130 when interrupted, else 3 with a remedy; 3 too
 * for acting through a pooler, where neither timeouts nor advisory locks hold and the pid is another's.
 */
export async function connect(request: ConnectionRequest, options: ConnectOptions): Promise<Connection> {
  const started = performance.now();
  const waitFor_ms = options.waitFor_ms ?? 0;
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryEachWay(request, options);
    if ('connection' in outcome) {
      return attempt > 1 && outcome.connection.route === 'direct'
        ? {...outcome.connection, route: 'waited'}
        : outcome.connection;
    }
    const waited_ms = performance.now() - started;
    const remaining_ms = waitFor_ms - waited_ms;
    const explained = explainSlotError(outcome.kind, {
      host: hostAndPort(request),
      user: request.user,
      database: request.database,
      hasRescue: request.rescue !== null,
    });
    if (remaining_ms <= 0) {
      throw new AbortError(explained.message, {
        hint: explained.hint,
        exitCode: exitCodes.noSlot,
        cause: outcome.error,
      });
    }
    const next_try_in_ms = Math.min(pauseMs(attempt), remaining_ms);
    options.onWait?.({attempt, next_try_in_ms, waited_ms, remaining_ms, kind: outcome.kind, ...explained});
    await sleep(next_try_in_ms, options.signal);
  }
}

type Outcome = {connection: Connection} | {kind: SlotKind; error: unknown};

async function tryEachWay(request: ConnectionRequest, options: ConnectOptions): Promise<Outcome> {
  try {
    return {connection: await open(request, 'direct', options)};
  } catch (error) {
    const kind = classifySlotError(error);
    if (kind === null) throw toAbortError(error, request);
    if (request.rescue === null) return {kind, error};
    try {
      return {connection: await open(request.rescue, 'rescue', options)};
    } catch (rescueError) {
      if (classifySlotError(rescueError) === null) throw toAbortError(rescueError, request.rescue);
      return {kind, error};
    }
  }
}

async function open(request: ConnectionRequest, way: Route, options: ConnectOptions): Promise<Connection> {
  const {client, proof, ...session} = await openSession(request, options);
  const {server_version_num, is_encrypted, is_pooled, lost, marker} = session;
  return {
    client: is_pooled ? createPooledClient(client) : client,
    rawClient: client,
    request,
    route: way,
    server_version_num,
    marker,
    server: proof?.server ?? null,
    is_encrypted,
    is_pooled,
    lost,
    close: () => closeClient(client),
  };
}

/** Grows from 100 ms to 1 s: each try costs the full server a process. The jitter keeps several waiting apart. */
function pauseMs(attempt: number): number {
  return Math.min(1000, 100 * 1.3 ** (attempt - 1)) * (0.75 + Math.random() / 4);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const interrupt = () => {
      clearTimeout(timer);
      reject(new AbortError('interrupted', {exitCode: exitCodes.interrupted}));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', interrupt);
      resolve();
    }, ms);
    if (signal?.aborted) interrupt();
    signal?.addEventListener('abort', interrupt, {once: true});
  });
}

import {AbortError, exitCodes} from '../../core/errors.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {PgClient} from './client.ts';
import {countCommits} from './commits.ts';
import {isRefusedLogin, toAbortError} from './errors.ts';
import {closeClient} from './open-client.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';
import {createPooledClient, holdsAnyBytes, openSession, type Purpose} from './session.ts';
import {classifySlotError, explainSlotError, type SlotKind} from './slot-errors.ts';

/** `waited` is direct, after waiting for a free slot. */
type Route = 'direct' | 'rescue' | 'waited';

export type Connection = {
  /** Through a pooler, wraps each query in a transaction of its own. */
  client: PgClient;
  /** The same session without that wrapping, for code that sends BEGIN itself. */
  rawClient: PgClient;
  /** The rescue URL's request if `route` is `rescue`. */
  request: ConnectionRequest;
  route: Route;
  /** As PostgreSQL numbers it: 150018 is 15.18. */
  server_version_num: number;
  /** ParameterStatus by name, as the server last reported them: `in_hot_standby` (14+), ... */
  parameters: ReadonlyMap<string, string>;
  /** What of `features` (queries/query.ts) the server has; null until its target was read on this connection. */
  features: ReadonlySet<string> | null;
  /** Sent in the startup options: a session that returns it is this one, not one that a pooler assigned. */
  marker: string;
  /** Read on this connection; null until a read-only connection has read it. */
  server: ServerIdentity | null;
  is_encrypted: boolean;
  /**
   * A pooler rejected or ignored the session's settings. Each transaction may run in another session of the server, so
   * SET would reach other clients and named statements vanish. Never true for a connection that executes steps.
   */
  is_pooled: boolean;
  /** Resolves once, when the connection ends for any reason. Never rejects. */
  lost: Promise<Error>;
  /** Does not wait for a server that does not answer. May be called twice. */
  close(): Promise<void>;
};

/** Why poolctl waits for a slot, and for how long. */
export type WaitState = {
  attempt: number;
  next_try_in_ms: number;
  waited_ms: number;
  /** Time left until poolctl gives up. */
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
 * Connects by the first route that works: the address; the rescue URL if every slot is taken; the address again after
 * waiting for a free slot. Throws AbortError: exit 4 if no slot is left, 130 if interrupted, otherwise 3, also if
 * steps would be executed through a pooler.
 */
export async function connect(request: ConnectionRequest, options: ConnectOptions): Promise<Connection> {
  const started = performance.now();
  const waitFor_ms = options.waitFor_ms ?? 0;
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryBothAddresses(request, options);
    if ('connection' in outcome) {
      return attempt > 1 && outcome.connection.route === 'direct'
        ? {...outcome.connection, route: 'waited'}
        : outcome.connection;
    }
    const {kind, error} = outcome;
    const waited_ms = performance.now() - started;
    const remaining_ms = waitFor_ms - waited_ms;
    if (remaining_ms <= 0) throw toAbortError(error, request);
    const next_try_in_ms = Math.min(pauseMs(attempt), remaining_ms);
    const context = {...request, host: hostAndPort(request), hasRescue: request.rescue !== null};
    options.onWait?.({
      attempt,
      next_try_in_ms,
      waited_ms,
      remaining_ms,
      kind,
      ...explainSlotError(kind, context),
    });
    // Loaded late: only a full server needs it.
    const {setTimeout: sleep} = await import('node:timers/promises');
    await sleep(next_try_in_ms, undefined, {...(options.signal && {signal: options.signal})}).catch(() => {
      throw new AbortError('interrupted', {exitCode: exitCodes.interrupted});
    });
  }
}

type Outcome = {connection: Connection} | {kind: SlotKind; error: unknown};

async function tryBothAddresses(request: ConnectionRequest, options: ConnectOptions): Promise<Outcome> {
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

async function open(request: ConnectionRequest, route: Route, options: ConnectOptions): Promise<Connection> {
  const {client, proof, ...session} = await openSession(request, options).catch(async error => {
    // The password was rotated, or a token has expired: its source may have another.
    if (!isRefusedLogin(error) || !(await request.renewPassword?.().catch(() => false))) throw error;
    return openSession(request, options);
  });
  countCommits(client, request);
  const {server_version_num, parameters, is_encrypted, is_pooled, lost, marker} = session;
  return {
    client: is_pooled ? createPooledClient(client, {takesBytes: holdsAnyBytes(session)}) : client,
    rawClient: client,
    request,
    route,
    server_version_num,
    parameters,
    features: null,
    marker,
    server: proof?.server ?? null,
    is_encrypted,
    is_pooled,
    lost,
    close: () => closeClient(client),
  };
}

/** Grows from 100 ms to 1 s, as each try costs the full server a process. The jitter spreads several waiting clients. */
function pauseMs(attempt: number): number {
  return Math.min(1000, 100 * 1.3 ** (attempt - 1)) * (0.75 + Math.random() / 4);
}

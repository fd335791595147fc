import {AbortError, exitCodes} from '../core/errors.ts';
import {toAbortError} from './connection-errors.ts';
import {type ConnectionRequest, hostAndPort} from './connection-request.ts';
import {type OpenClient, openClient} from './open-client.ts';
import type {PgClient, RawPgClient} from './pg-client.ts';
import {oldestVersionNum, parseServerVersion} from './server-version.ts';
import {type Purpose, sessionOptions} from './session-options.ts';
import {classifySlotError, explainSlotError, type SlotKind} from './slot-errors.ts';

/** By which rung of the ladder it got in. */
type Way = 'given' | 'rescue' | 'waited';

export type Connection = {
  client: PgClient;
  /** The one it got in by: the rescue's when `way` says so. */
  request: ConnectionRequest;
  way: Way;
  /** As PostgreSQL numbers it: 150018 is 15.18. */
  server_version_num: number;
  is_encrypted: boolean;
  /**
   * A pooler refused or swallowed the session's settings. Then SET reaches other clients' sessions and named
   * statements may vanish: use neither, and bound every query with `query_timeout`.
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
 * free slot. Throws AbortError: exit 4 where no slot is left, 130 when interrupted, else 3 with a remedy.
 */
export async function connect(request: ConnectionRequest, options: ConnectOptions): Promise<Connection> {
  const started = performance.now();
  const waitFor_ms = options.waitFor_ms ?? 0;
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryEachWay(request, options);
    if ('connection' in outcome) {
      return attempt > 1 && outcome.connection.way === 'given'
        ? {...outcome.connection, way: 'waited'}
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
    return {connection: await open(request, 'given', options)};
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

async function open(request: ConnectionRequest, way: Way, options: ConnectOptions): Promise<Connection> {
  const {opened, is_refused} = await openWithSettings(request, options);
  const {client, parameters, is_encrypted, lost} = opened;
  const version = parameters.get('server_version') ?? '';
  const server_version_num = parseServerVersion(version);
  if (server_version_num < oldestVersionNum || version.endsWith('/bouncer')) {
    await close(client);
    throw unusable(version, request);
  }
  const is_swallowed = options.purpose === 'watch' && isReadOnlyKnownMissing(server_version_num, parameters);
  return {
    client,
    request,
    way,
    server_version_num,
    is_encrypted,
    is_pooled: is_refused || is_swallowed,
    lost,
    close: () => close(client),
  };
}

/**
 * PgBouncer refuses startup parameters it does not track: `unsupported startup parameter: options`, and from 1.20
 * `unsupported startup parameter in options: ...`, both 08P01. Then poolctl goes without its settings: to SET them
 * afterwards would change the sessions that the application is lent next.
 */
async function openWithSettings(
  request: ConnectionRequest,
  {purpose, signal}: ConnectOptions,
): Promise<{opened: OpenClient; is_refused: boolean}> {
  const settings = `${request.options} ${sessionOptions(purpose)}`.trim();
  try {
    return {opened: await openClient(request, settings, signal), is_refused: false};
  } catch (error) {
    const {code, message} = error as {code?: unknown; message?: string};
    if (code !== '08P01' || !/unsupported startup parameter/.test(message ?? '')) throw error;
    return {opened: await openClient(request, request.options, signal), is_refused: true};
  }
}

/** PG14+ reports default_transaction_read_only by itself; a pooler told to ignore `options` does not obey it. */
function isReadOnlyKnownMissing(
  server_version_num: number,
  parameters: ReadonlyMap<string, string>,
): boolean {
  return server_version_num >= 140_000 && parameters.get('default_transaction_read_only') !== 'on';
}

function unusable(version: string, request: ConnectionRequest): AbortError {
  const at = hostAndPort(request);
  if (version.endsWith('/bouncer')) {
    return new AbortError(`"${request.database}" at ${at} is PgBouncer's admin console, not a database`, {
      hint: 'Name a database of the server behind it: -d NAME.',
      exitCode: exitCodes.connection,
    });
  }
  return new AbortError(`the server at ${at} is PostgreSQL ${version}; poolctl reads 13 and later`, {
    hint: 'Upgrade the server: this version no longer receives fixes.',
    exitCode: exitCodes.connection,
  });
}

/** A polite goodbye, and none at all from a server that does not take it. */
async function close(client: RawPgClient): Promise<void> {
  const {stream} = client.connection;
  const timer = setTimeout(() => stream.destroy(), 300);
  await client.end();
  clearTimeout(timer);
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

import {AbortError, exitCodes} from '../../core/errors.ts';
import {boundReading} from '../wire/answer-limits.ts';
import {foreignProtocol, NotPostgresError} from '../wire/foreign-protocol.ts';
import {guardAuthentication} from './authentication.ts';
import {createRawClient, type RawPgClient} from './client.ts';
import type {ConnectionRequest} from './request.ts';
import {classifySlotError} from './slot-errors.ts';
import {type TlsAttempt, tlsAttempts} from './tls.ts';

/** A client that is connected and authenticated, and what the server said of itself on the way. */
export type OpenClient = {
  client: RawPgClient;
  /** ParameterStatus by name: `server_version`, `in_hot_standby` (14+), ... */
  parameters: ReadonlyMap<string, string>;
  is_encrypted: boolean;
  /** The first error after connecting, or the end of the connection. */
  lost: Promise<Error>;
};

/** The role has to give a password and none was found. */
export class MissingPasswordError extends Error {
  override readonly name = 'MissingPasswordError';
}

/**
 * One connection, tried as sslmode says. Rejects with pg's or node's own error: `toAbortError` words it.
 * `options` is the startup packet's.
 */
export async function openClient(
  request: ConnectionRequest,
  options: string,
  signal?: AbortSignal,
): Promise<OpenClient> {
  const attempts = tlsAttempts(request);
  let firstError: unknown;
  for (const [index, tls] of attempts.entries()) {
    try {
      return await attempt(request, {options, tls, signal});
    } catch (error) {
      const next = attempts[index + 1];
      if (next === undefined || signal?.aborted || !otherTransportMayHelp(error, tls)) {
        throw firstError !== undefined && isRefusedByHba(firstError) ? firstError : error;
      }
      firstError = error;
    }
  }
  throw firstError;
}

/** A polite goodbye, and none at all from a server that does not take it. */
export async function closeClient(client: RawPgClient): Promise<void> {
  const {stream} = client.connection;
  const timer = setTimeout(() => stream.destroy(), 300);
  await client.end();
  clearTimeout(timer);
}

type AttemptOptions = {options: string; tls: TlsAttempt; signal: AbortSignal | undefined};

async function attempt(
  request: ConnectionRequest,
  {options, tls, signal}: AttemptOptions,
): Promise<OpenClient> {
  signal?.throwIfAborted();
  const client = createRawClient(clientConfig(request, tls));
  // Assigned, not configured: pg takes PGOPTIONS and PGAPPNAME for what is configured empty.
  client.connectionParameters.options = options;
  const parameters = new Map<string, string>();
  client.connection.on('parameterStatus', ({parameterName, parameterValue}) =>
    parameters.set(parameterName, parameterValue),
  );
  const lost = new Promise<Error>(resolve => {
    client.on('error', resolve);
    client.on('end', () => resolve(new Error('Connection terminated')));
  });
  boundReading(client);
  guardAuthentication(client, request);
  const isDirect = tls !== false && request.tls.negotiation === 'direct';
  const foreign = isDirect ? () => null : watchFirstBytes(client);
  const abort = () => client.connection.stream.destroy(new Error('aborted'));
  signal?.addEventListener('abort', abort, {once: true});
  try {
    await client.connect();
    return {client, parameters, is_encrypted: tls !== false, lost};
  } catch (error) {
    client.connection.stream.destroy();
    if (signal?.aborted) {
      throw new AbortError('interrupted', {exitCode: exitCodes.interrupted, cause: error});
    }
    throw foreign() ?? error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function clientConfig(request: ConnectionRequest, tls: TlsAttempt): Record<string, unknown> {
  return {
    host: request.hostaddr ?? request.host,
    port: request.port,
    user: request.user,
    database: request.database,
    password: async () => {
      const password = request.password();
      if (password === null) throw new MissingPasswordError('no password');
      return password;
    },
    // The application's own name in its URL must not disguise poolctl as the application.
    application_name: 'poolctl',
    client_encoding: 'utf8',
    ssl: tls === false ? false : {...tls},
    sslnegotiation: tls === false ? 'postgres' : request.tls.negotiation,
    enableChannelBinding: tls !== false && request.tls.channel_binding !== 'disable',
    connectionTimeoutMillis: request.connect_timeout_ms,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** Says afterwards whether what answered was no PostgreSQL: pg would wait for a message that never ends. */
function watchFirstBytes(client: RawPgClient): () => NotPostgresError | null {
  let found: NotPostgresError | null = null;
  client.connection.stream.once('data', (bytes: Buffer) => {
    const protocol = foreignProtocol(bytes);
    if (protocol === null) return;
    found = new NotPostgresError(protocol);
    client.connection.stream.destroy(found);
  });
  return () => found;
}

/** libpq goes on to the other of TLS and plain text when the first was refused as such, never after a password. */
function otherTransportMayHelp(error: unknown, tls: TlsAttempt): boolean {
  if (error instanceof NotPostgresError || error instanceof AbortError) return false;
  if (classifySlotError(error) !== null) return false;
  if (isRefusedByHba(error)) return true;
  if (tls === false) return false;
  const {code, message} = error as {code?: unknown; message?: string};
  if (
    typeof code === 'string' &&
    /^(ERR_SSL|ERR_TLS|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)
  ) {
    return true;
  }
  return /SSL connection/.test(message ?? '');
}

/** 28000: pg_hba.conf has no entry, or rejects, for this transport; or something in between ended TLS. */
function isRefusedByHba(error: unknown): boolean {
  const {code, message} = (error ?? {}) as {code?: unknown; message?: string};
  return code === '28000' && !/channel binding/.test(message ?? '');
}

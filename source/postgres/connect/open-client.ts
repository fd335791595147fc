import {EventEmitter} from 'node:events';
import type {Duplex} from 'node:stream';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {formatBytes} from '../../core/text/format.ts';
import {createMessageReader, foreignProtocol, NotPostgresError} from '../wire/messages.ts';
import {createRawClient, type RawPgClient} from './client.ts';
import {type AuthenticationMethod, type ConnectionRequest, hostAndPort} from './request.ts';
import {firstAcceptedTransport, type Transport} from './tls.ts';

/** A connected and authenticated client, and what the server reported meanwhile. */
export type OpenClient = {
  client: RawPgClient;
  /** ParameterStatus by name: `server_version`, `in_hot_standby` (14+), ... */
  parameters: ReadonlyMap<string, string>;
  is_encrypted: boolean;
  /** The first error after connecting, or the end of the connection. */
  lost: Promise<Error>;
};

/** The server asked for a password and none was found. */
export class MissingPasswordError extends Error {
  override readonly name = 'MissingPasswordError';
}

/**
 * Opens one connection by the first transport of sslmode that the server accepts. Rejects with pg's or node's own
 * error, which `toAbortError` explains. `options` goes into the startup packet.
 */
export function openClient(
  request: ConnectionRequest,
  options: string,
  signal?: AbortSignal,
): Promise<OpenClient> {
  return firstAcceptedTransport(request, transport => attempt(request, {options, transport, signal}));
}

/** Ends the session. Destroys the socket if the server does not close it within 300 ms. */
export async function closeClient(client: RawPgClient): Promise<void> {
  const {stream} = client.connection;
  const timer = setTimeout(() => stream.destroy(), 300);
  await client.end();
  clearTimeout(timer);
}

type AttemptOptions = {options: string; transport: Transport; signal: AbortSignal | undefined};

async function attempt(
  request: ConnectionRequest,
  {options, transport, signal}: AttemptOptions,
): Promise<OpenClient> {
  signal?.throwIfAborted();
  const client = createRawClient(clientConfig(request, transport));
  // Assigned here, because pg replaces empty options by PGOPTIONS.
  client.connectionParameters.options = options;
  const parameters = new Map<string, string>();
  client.connection.on('parameterStatus', ({parameterName, parameterValue}) =>
    parameters.set(parameterName, parameterValue),
  );
  const lost = new Promise<Error>(resolve => {
    client.on('error', resolve);
    client.on('end', () => resolve(new Error('Connection terminated')));
  });
  limitAnswers(client);
  guardAuthentication(client, request);
  const isDirect = transport !== false && request.tls.negotiation === 'direct';
  const foreign = isDirect ? () => null : watchFirstBytes(client);
  const isPlain = transport !== false && request.tls.mode === 'prefer' ? allowPlainText(client) : () => false;
  const abort = () => client.connection.stream.destroy(new Error('aborted'));
  signal?.addEventListener('abort', abort, {once: true});
  try {
    await client.connect();
    return {client, parameters, is_encrypted: transport !== false && !isPlain(), lost};
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

function clientConfig(request: ConnectionRequest, transport: Transport): Record<string, unknown> {
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
    // Not the name in the application's URL, which would make poolctl look like the application.
    application_name: 'poolctl',
    client_encoding: 'utf8',
    ssl: transport === false ? false : {...transport},
    sslnegotiation: transport === false ? 'postgres' : request.tls.negotiation,
    enableChannelBinding: transport !== false && request.tls.channel_binding !== 'disable',
    connectionTimeoutMillis: request.connect_timeout_ms,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

/**
 * Goes on without TLS on the same connection if the server answers SSLRequest with N, as libpq does under
 * sslmode=prefer: pg would end it, and to connect again costs two round trips. Returns whether it did.
 */
function allowPlainText({connection}: RawPgClient): () => boolean {
  let isPlain = false;
  const requestSsl = connection.requestSsl.bind(connection);
  connection.requestSsl = () => {
    requestSsl();
    const {stream} = connection;
    const pgListener = stream.listeners('data').at(-1) as (bytes: Buffer) => void;
    stream.removeListener('data', pgListener);
    stream.once('data', (bytes: Buffer) => {
      // More bytes than the answer could have been injected before TLS begins (CVE-2021-23222): pg refuses them.
      isPlain = bytes.toString('latin1') === 'N';
      if (!isPlain) return pgListener(bytes);
      connection.attachListeners(stream);
      connection.emit('sslconnect');
    });
  };
  return () => isPlain;
}

/** Destroys the socket if the server is not PostgreSQL: pg would wait for the rest of a message. Returns the error found. */
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

/**
 * Rejects a server that asks for an authentication method that the request does not allow, before anything derived from
 * the password is sent. `require_auth` lists the allowed methods. channel_binding=require allows only SCRAM bound to
 * this TLS session, so a man in the middle gets neither the password nor the session. A server that began SCRAM must
 * complete it: its last message proves that it knows the password.
 */
function guardAuthentication(client: RawPgClient, request: ConnectionRequest): void {
  const {connection} = client;
  const {allowed_authentication: allowed, tls} = request;
  const isBindingRequired = tls.channel_binding === 'require';
  let used: AuthenticationMethod = 'none';
  const refuse = (why: string, hint: string) => {
    connection.stream.destroy();
    const message = `${hostAndPort(request)} ${why}`;
    connection.emit('error', new AbortError(message, {hint, exitCode: exitCodes.connection}));
  };
  const check = (method: AuthenticationMethod, isBound: boolean) => {
    used = method;
    if (allowed !== null && !allowed.includes(method)) {
      refuse(
        `${asks[method]}, which require_auth forbids`,
        `require_auth allows ${allowed.join(', ') || 'no method'}.`,
      );
    } else if (isBindingRequired && !isBound) {
      refuse(
        `${asks[method]}: channel binding required, but the server does not offer it`,
        'It needs TLS and scram-sha-256 on the server; a proxy that terminates TLS cannot pass it on.',
      );
    }
  };
  connection.prependListener('authenticationCleartextPassword', () => check('password', false));
  connection.prependListener('authenticationMD5Password', () => check('md5', false));
  connection.prependListener('authenticationSASL', ({mechanisms}: {mechanisms: string[]}) => {
    check('scram-sha-256', mechanisms.includes('SCRAM-SHA-256-PLUS'));
  });
  connection.prependListener('authenticationOk', () => {
    if (used === 'none') check('none', false);
    else if (used === 'scram-sha-256' && client.saslSession !== null) {
      refuse('admits poolctl without proving that it knows the password', 'A proxy may answer in its place.');
    }
  });
}

const asks: Record<AuthenticationMethod, string> = {
  none: 'asks for no password',
  password: 'asks for the password in clear text',
  md5: 'asks for the password as MD5',
  'scram-sha-256': 'asks for SCRAM-SHA-256',
};

/** Limits on what poolctl reads: far above what it requests, far below what would fill its memory. */
export const answerLimits = {
  row_bytes: 32 * 2 ** 20,
  /** Any other message: an error, a setting, the columns of a result. */
  message_bytes: 2 ** 20,
  /** All messages that answer one query. */
  answer_bytes: 128 * 2 ** 20,
  answer_rows: 1_000_000,
};

/**
 * The server sent too much, or bytes that are not a message; its connection is closed. Not an AbortError: during a change
 * it leaves open whether the change was made.
 */
export class UnreadableAnswerError extends Error {
  override readonly name = 'UnreadableAnswerError';
  readonly code = 'UNREADABLE_ANSWER';
}

/**
 * Closes the connection if the server exceeds `answerLimits` or sends an invalid message: pg would buffer it until
 * memory runs out, or throw an error that no caller can catch. Call it before connecting.
 */
function limitAnswers({connection}: RawPgClient): void {
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = stream => {
    // pg's parser listens to this instead of the socket, so that what it throws is caught here.
    const feed = new EventEmitter();
    const check = createAnswerCheck();
    stream.on('data', (bytes: Buffer) => {
      if (stream.destroyed) return;
      try {
        check(bytes);
        feed.emit('data', bytes);
      } catch (error) {
        stream.destroy(error instanceof UnreadableAnswerError ? error : malformed(error));
      }
    });
    stream.on('end', () => feed.emit('end'));
    attach(feed as unknown as Duplex);
  };
}

function malformed(error: unknown): UnreadableAnswerError {
  const why = error instanceof Error ? error.message : String(error);
  return new UnreadableAnswerError(`invalid protocol data: ${why}`, {cause: error});
}

/** Every type of message a server may send to a client that only queries. */
const knownTypes = new Set('RSKZTDCENnt123IsAdcGHWv');
/** The number of columns, which begins DataRow and RowDescription. */
const countBytes = 2;

/** Follows the messages through the chunks; throws UnreadableAnswerError if there are too many or one is too large. */
function createAnswerCheck(): (bytes: Buffer) => void {
  let answerBytes = 0;
  let rows = 0;
  let columns: number | null = null;
  return createMessageReader({
    keep(type, length) {
      if (!knownTypes.has(type)) throw new Error(`a message of type ${type.charCodeAt(0)}`);
      if (type === 'Z') {
        answerBytes = 0;
        rows = 0;
        columns = null;
      }
      if (type === 'D') rows++;
      answerBytes += length;
      checkSizes(type, {length, rows, answerBytes});
      return type === 'D' || type === 'T' ? countBytes : 0;
    },
    onMessage(type, body) {
      if (body.length < countBytes) throw new RangeError('a message shorter than its own length');
      const count = body.readUInt16BE(0);
      if (type === 'T') columns = count;
      else if (count !== columns) throw new Error('a row of other columns than were announced');
    },
  });
}

function checkSizes(type: string, sizes: {length: number; rows: number; answerBytes: number}): void {
  const {row_bytes, message_bytes, answer_bytes, answer_rows} = answerLimits;
  const max = type === 'D' ? row_bytes : message_bytes;
  if (sizes.length > max) {
    const what = `a ${type === 'D' ? 'row' : 'message'} of ${formatBytes(sizes.length)}`;
    throw new UnreadableAnswerError(`${what}, and poolctl reads up to ${formatBytes(max)}`);
  }
  if (sizes.rows > answer_rows)
    throw new UnreadableAnswerError(`more than ${answer_rows} rows in one answer`);
  if (sizes.answerBytes > answer_bytes) {
    throw new UnreadableAnswerError(`more than ${formatBytes(answer_bytes)} in one answer`);
  }
}

import net from 'node:net';
// Before pg: it decides at load.
import './node-navigator.ts';
import Connection from 'pg/lib/connection.js';
import {headerBytes, readExactly} from '../wire/message-reader.ts';
import {errorFields, foreignProtocol, NotPostgresError, startupPacket} from '../wire/messages.ts';
import type {ConnectionRequest} from './request.ts';
import {firstAcceptedTransport, type Transport} from './tls.ts';

/** A socket to the server before its startup packet, TLS included. Rejects with node's own error. */
export type Dial = () => Promise<net.Socket>;

/**
 * How to reach the server from now on: by the first transport of sslmode that it accepts. This needs no password, as
 * pg_hba.conf refuses (28000) before it asks for one. Rejects with the error of a transport, which has node's code or
 * an SQLSTATE as `code`.
 */
export function findDial(request: ConnectionRequest): Promise<Dial> {
  return firstAcceptedTransport(request, async transport => {
    const socket = await open(request, transport);
    await requireWelcome(socket, request).finally(() => socket.destroy());
    return () => open(request, transport);
  });
}

function open(request: ConnectionRequest, transport: Transport): Promise<net.Socket> {
  const {host, hostaddr, port, connect_timeout_ms} = request;
  const isDirect = transport !== false && request.tls.negotiation === 'direct';
  const connection = new Connection({
    stream: () => new net.Socket({allowHalfOpen: true}),
    ssl: transport === false ? false : {...transport, allowHalfOpen: true},
    sslNegotiation: isDirect ? 'direct' : 'postgres',
    keepAlive: true,
  });
  // What the server sends is for the caller, not for pg's parser.
  connection.attachListeners = () => {};
  const opened = new Promise<net.Socket>((resolve, reject) => {
    // Stays for later errors of the socket: the end of the connection reports them.
    connection.on('error', reject);
    connection.once('end', () => reject(new Error('Connection terminated')));
    connection.once('connect', () => {
      if (transport === false) resolve(connection.stream);
      else if (!isDirect) connection.requestSsl();
    });
    connection.once('sslconnect', () => {
      connection.stream.once('secureConnect', () => resolve(connection.stream));
    });
  });
  const timer = expireAfter(connect_timeout_ms, () => connection.stream);
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
  else connection.connect(port, hostaddr ?? host);
  return opened
    .finally(() => clearTimeout(timer))
    .catch((error: unknown) => {
      connection.stream.destroy();
      throw error;
    });
}

/** Reads the server's first message to a session: an error where pg_hba.conf refuses this transport. */
async function requireWelcome(
  socket: net.Socket,
  {user, database, connect_timeout_ms}: ConnectionRequest,
): Promise<void> {
  const timer = expireAfter(connect_timeout_ms, () => socket);
  socket.write(startupPacket({user, database, application_name: 'poolctl'}));
  const header = await readExactly(socket, headerBytes);
  clearTimeout(timer);
  if (header === null) throw socket.errored ?? new Error('Connection terminated');
  const protocol = foreignProtocol(header);
  if (protocol !== null) throw new NotPostgresError(protocol);
  if (header.toString('latin1', 0, 1) !== 'E') return;
  const {code, message} = errorFields(
    (await readExactly(socket, header.readInt32BE(1) - 4)) ?? Buffer.alloc(0),
  );
  // Each session reports other errors itself, those of a full server among them.
  if (code === '28000') throw Object.assign(new Error(message), {code});
}

function expireAfter(ms: number, socket: () => net.Socket): NodeJS.Timeout | undefined {
  if (ms === 0) return undefined;
  return setTimeout(
    () => socket().destroy(Object.assign(new Error('timeout expired'), {code: 'ETIMEDOUT'})),
    ms,
  );
}

import net from 'node:net';
// Must be imported before pg, which checks for a navigator when it loads.
import './node-navigator.ts';
import Connection from 'pg/lib/connection.js';
import {
  errorFields,
  foreignProtocol,
  headerBytes,
  NotPostgresError,
  readExactly,
  startupPacket,
} from '../wire/messages.ts';
import type {ConnectionRequest} from './request.ts';
import {firstAcceptedTransport, type Transport} from './tls.ts';

/** A socket to the server before its startup packet, TLS included. Rejects with node's own error. */
export type Dial = () => Promise<net.Socket>;

/**
 * Finds the first transport of sslmode that the server accepts; the function it returns dials with it. No password is
 * needed: pg_hba.conf rejects a transport (28000) before the server asks for one. Rejects with the error of a
 * transport, whose `code` is node's or an SQLSTATE.
 */
export function findDial(request: ConnectionRequest): Promise<Dial> {
  return firstAcceptedTransport(request, async transport => {
    const socket = await open(request, transport);
    await checkFirstMessage(socket, request).finally(() => socket.destroy());
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
    // Stays attached for later errors of the socket, which the caller sees as its end.
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

/** Reads the server's first message. Throws if pg_hba.conf rejects this transport. */
async function checkFirstMessage(
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

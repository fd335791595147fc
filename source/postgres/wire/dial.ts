import {once} from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import {codes, errorFields, startupPacket} from './messages.ts';
import {readExactly} from './read-exactly.ts';

export type ServerAddress = {
  /** A name, an address, or a directory of unix sockets when it starts with `/`. */
  host: string;
  hostaddr: string | null;
  port: number;
  user: string;
  database: string;
  /** 0 waits for ever. */
  connect_timeout_ms: number;
  /** TLS without asking first, as PostgreSQL 17's sslnegotiation=direct. */
  isDirectTls: boolean;
};

/** Plain text, or these options of `tls.connect`. */
export type Transport = false | Record<string, unknown>;

/** Rejects with node's own error. */
export type Dial = () => Promise<net.Socket>;

/**
 * How to reach the server from now on: the first transport that it does not refuse. No password is needed to tell:
 * pg_hba.conf refuses (28000) before it asks for one. Rejects with the last one's error, which has node's code or
 * an SQLSTATE as `code`.
 */
export async function findDial(address: ServerAddress, transports: readonly Transport[]): Promise<Dial> {
  let failure: unknown;
  for (const transport of transports) {
    try {
      const socket = await open(address, transport);
      await requireWelcome(socket, address).finally(() => socket.destroy());
      return () => open(address, transport);
    } catch (error) {
      const {code, syscall} = error as {code?: unknown; syscall?: unknown};
      // Not there at all, whatever is spoken.
      if (syscall !== undefined || code === 'ETIMEDOUT') throw error;
      if (!isRefused(failure)) failure = error;
    }
  }
  throw failure;
}

function isRefused(error: unknown): boolean {
  return (error as {code?: unknown} | undefined)?.code === '28000';
}

async function open(address: ServerAddress, transport: Transport): Promise<net.Socket> {
  const {host, hostaddr, port, connect_timeout_ms, isDirectTls} = address;
  const place = host.startsWith('/') ? {path: `${host}/.s.PGSQL.${port}`} : {host: hostaddr ?? host, port};
  const plain = net.connect({...place, noDelay: true, keepAlive: true, allowHalfOpen: true});
  let socket = plain;
  const timer = expireAfter(connect_timeout_ms, () => socket);
  // One error is told to whoever waits; whatever comes after it ends the connection, which is told as well.
  plain.on('error', () => {});
  try {
    await once(plain, 'connect');
    if (transport === false) return plain;
    if (!isDirectTls) await requestTls(plain);
    const secure = tls.connect({
      host,
      ...(net.isIP(host) === 0 && {servername: host}),
      // PostgreSQL 17 takes a direct handshake with this protocol alone.
      ...(isDirectTls && {ALPNProtocols: ['postgresql']}),
      ...transport,
      socket: plain,
      allowHalfOpen: true,
    } as tls.ConnectionOptions);
    socket = secure;
    secure.on('error', () => {});
    await once(secure, 'secureConnect');
    return secure;
  } catch (error) {
    socket.destroy();
    plain.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function requestTls(socket: net.Socket): Promise<void> {
  const request = Buffer.alloc(8);
  request.writeInt32BE(8, 0);
  request.writeInt32BE(codes.sslRequest, 4);
  socket.write(request);
  const answer = await readExactly(socket, 1);
  if (answer === null) throw endOf(socket);
  if (answer.toString('latin1') !== 'S') throw new Error('The server does not support SSL connections');
  // What follows in plain text somebody else has put there (CVE-2021-23222).
  if (socket.readableLength > 0) throw new Error('received unencrypted data after SSL response');
}

/** The server's first message to a session like those to come. */
async function requireWelcome(
  socket: net.Socket,
  {user, database, connect_timeout_ms}: ServerAddress,
): Promise<void> {
  const timer = expireAfter(connect_timeout_ms, () => socket);
  socket.write(startupPacket({user, database, application_name: 'poolctl'}));
  const head = await readExactly(socket, 5);
  clearTimeout(timer);
  if (head === null) throw endOf(socket);
  const type = head.toString('latin1', 0, 1);
  const length = head.readInt32BE(1) - 4;
  if (!'RENv'.includes(type) || length < 0 || length > 65_536)
    throw new Error('what answers is no PostgreSQL');
  if (type !== 'E') return;
  const {code, message} = errorFields((await readExactly(socket, length)) ?? Buffer.alloc(0));
  // Any other, a full server's among them, each session is to hear for itself.
  if (code === '28000') throw Object.assign(new Error(message), {code});
}

function expireAfter(ms: number, socket: () => net.Socket): NodeJS.Timeout | undefined {
  if (ms === 0) return undefined;
  return setTimeout(
    () => socket().destroy(Object.assign(new Error('timeout expired'), {code: 'ETIMEDOUT'})),
    ms,
  );
}

function endOf(socket: net.Socket): Error {
  return socket.errored ?? new Error('Connection terminated');
}

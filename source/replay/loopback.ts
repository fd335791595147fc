import {once} from 'node:events';
import net from 'node:net';
import {codes, readExactly} from '../postgres/wire/messages.ts';

export type LoopbackServer = {
  port: number;
  /** Disconnects every kept socket after it has received what is still buffered. */
  close(): Promise<void>;
};

export type LoopbackOptions = {
  /** 0: any free port. */
  port: number;
  /** Whether a client that ends its side still receives answers. */
  allowHalfOpen: boolean;
  /** Called for each client. `keep` adds the sockets that belong to it. */
  serve(client: net.Socket, keep: (socket: net.Socket) => void): Promise<void>;
};

/** Listens on loopback. Rejects with Node's error if it cannot. */
export async function listenOnLoopback(options: LoopbackOptions): Promise<LoopbackServer> {
  const {port, allowHalfOpen, serve} = options;
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = net.createServer({noDelay: true, keepAlive: true, allowHalfOpen}, client => {
    keep(client);
    // A broken connection also emits `close`.
    client.on('error', () => {});
    void serve(client, keep);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroySoon();
      await closed;
    },
  };
}

/** PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH). */
const maxBytes = 10_000;

/**
 * Reads the client's first packet. null if the client disconnects or sends a packet that PostgreSQL would reject. Answers
 * `N` to requests for encryption, like a server without TLS; the client then continues in plain text or disconnects.
 */
export async function readFirstPacket(
  client: net.Socket,
  report: (text: string) => void,
): Promise<{packet: Buffer; isCancel: boolean} | null> {
  let hasAskedForTls = false;
  for (;;) {
    const head = await readExactly(client, 8);
    if (head === null) {
      if (hasAskedForTls) report(needsPlainText);
      client.destroy();
      return null;
    }
    if (head[0] === tlsHandshake) {
      report(needsPlainText);
      client.end(handshakeFailure);
      return null;
    }
    const length = head.readInt32BE(0);
    const code = head.readInt32BE(4);
    if (length === 8 && (code === codes.sslRequest || code === codes.gssRequest)) {
      hasAskedForTls ||= code === codes.sslRequest;
      client.write('N');
      continue;
    }
    const rest = length < 8 || length > maxBytes ? null : await readExactly(client, length - 8);
    if (rest === null) {
      client.destroy();
      return null;
    }
    return {packet: Buffer.concat([head, rest]), isCancel: code === codes.cancel};
  }
}

const needsPlainText =
  'a client requires TLS and disconnected; set sslmode=disable, since the connection stays on this machine';

/** First byte of a TLS ClientHello: PostgreSQL 17's sslnegotiation=direct. */
const tlsHandshake = 0x16;
/** A fatal alert, handshake_failure (RFC 5246, 7.2). */
const handshakeFailure = Buffer.from([0x15, 3, 1, 0, 2, 2, 40]);

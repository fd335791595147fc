import {once} from 'node:events';
import net from 'node:net';
import {TLSSocket} from 'node:tls';
import type {Dial} from '../../postgres/connect/dial.ts';
import {fatalError, startupParameters} from '../../postgres/wire/messages.ts';
import {forwardAuthentication} from './authentication.ts';
import {readFirstPacket} from './first-packet.ts';

/** Sees a copy of what goes by, after it has gone by. */
export type Observer = {fromClient(bytes: Buffer): void; fromServer(bytes: Buffer): void};

export type ProxyOptions = {
  dial: Dial;
  /** On loopback; 0 takes a free one. */
  port: number;
  /** Once for each session, with its startup parameters. */
  observe(startup: ReadonlyMap<string, string>): Observer;
  /** A client that cannot be carried, and why. */
  tell(text: string): void;
};

export type CaptureProxy = {port: number; close(): Promise<void>};

/**
 * Carries every client that connects to a connection of its own to the server, byte for byte and no faster than the
 * other side reads. What it speaks is plain text, over loopback alone; what TLS there is, is between it and the
 * server. Rejects with node's error where it cannot listen.
 */
export async function startProxy(options: ProxyOptions): Promise<CaptureProxy> {
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = net.createServer({noDelay: true, keepAlive: true, allowHalfOpen: true}, client => {
    keep(client);
    // The end of a connection says all that matters.
    client.on('error', () => {});
    void carry(client, {...options, keep});
  });
  server.listen(options.port, '127.0.0.1');
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

type CarryOptions = ProxyOptions & {keep(socket: net.Socket): void};

async function carry(client: net.Socket, {dial, observe, tell, keep}: CarryOptions): Promise<void> {
  const first = await readFirstPacket(client, tell);
  if (first === null) return;
  let server: net.Socket;
  try {
    server = await dial();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    tell(`the server cannot be reached: ${reason}`);
    client.end(fatalError('08006', `the server behind the capture cannot be reached: ${reason}`));
    return;
  }
  keep(server);
  server.write(first.packet);
  if (!first.isCancel && server instanceof TLSSocket) await forwardAuthentication(server, client);
  join(client, server);
  if (first.isCancel) return;
  const observer = observe(startupParameters(first.packet.subarray(8)));
  // After pipe()'s own listeners: what is seen is on its way already.
  client.on('data', observer.fromClient);
  server.on('data', observer.fromServer);
}

function join(client: net.Socket, server: net.Socket): void {
  client.pipe(server);
  server.pipe(client);
  // A side that breaks off takes the other with it, which gets what was sent before.
  client.once('close', () => server.destroySoon());
  server.once('close', () => client.destroySoon());
  if (client.destroyed) server.destroySoon();
  if (server.destroyed) client.destroySoon();
}

import type net from 'node:net';
import {TLSSocket} from 'node:tls';
import type {Dial} from '../../postgres/connect/dial.ts';
import {fatalError, message, readExactly, startupParameters} from '../../postgres/wire/messages.ts';
import {type LoopbackServer, listenOnLoopback, readFirstPacket} from '../loopback.ts';

/** Receives a copy of the forwarded bytes. */
export type Observer = {fromClient(bytes: Buffer): void; fromServer(bytes: Buffer): void};

export type ProxyOptions = {
  dial: Dial;
  /** On loopback; 0: any free port. */
  port: number;
  /** Called once for each session, with its startup parameters. */
  observe(startup: ReadonlyMap<string, string>): Observer;
  /** Reports a client that could not be connected, and why. */
  report(text: string): void;
};

/**
 * Listens on loopback and forwards each client's bytes unchanged over its own connection to the server, with back
 * pressure. Clients connect in plain text; TLS is between the proxy and the server. Rejects with Node's error if it
 * cannot listen.
 */
export function startProxy(options: ProxyOptions): Promise<LoopbackServer> {
  return listenOnLoopback({
    port: options.port,
    allowHalfOpen: true,
    serve: (client, keep) => carry(client, {...options, keep}),
  });
}

type CarryOptions = ProxyOptions & {keep(socket: net.Socket): void};

async function carry(client: net.Socket, {dial, observe, report, keep}: CarryOptions): Promise<void> {
  const first = await readFirstPacket(client, report);
  if (first === null) return;
  let server: net.Socket;
  try {
    server = await dial();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    report(`cannot connect to the server: ${reason}`);
    client.end(fatalError('08006', `poolctl capture cannot connect to the server: ${reason}`));
    return;
  }
  keep(server);
  server.write(first.packet);
  if (!first.isCancel && server instanceof TLSSocket) await forwardAuthentication(server, client);
  join(client, server);
  if (first.isCancel) return;
  const observer = observe(startupParameters(first.packet.subarray(8)));
  // Added after pipe()'s listeners, so that observing does not delay forwarding.
  client.on('data', observer.fromClient);
  server.on('data', observer.fromServer);
}

function join(client: net.Socket, server: net.Socket): void {
  client.pipe(server);
  server.pipe(client);
  // When one side closes, close the other after it has received what is still buffered.
  client.once('close', () => server.destroySoon());
  server.once('close', () => client.destroySoon());
  if (client.destroyed) server.destroySoon();
  if (server.destroyed) client.destroySoon();
}

const authenticationSasl = 10;
const boundToTls = 'SCRAM-SHA-256-PLUS';

/**
 * Forwards the server's messages up to its authentication request and removes SCRAM-SHA-256-PLUS from that request.
 * This mechanism is bound to the TLS connection, which ends at the proxy, and libpq rejects a server that offers it in
 * plain text. Nothing else in the session changes; the client authenticates as without TLS (gs2 flag `n`, RFC 5802).
 */
async function forwardAuthentication(server: net.Socket, client: net.Socket): Promise<void> {
  for (;;) {
    const head = await readExactly(server, 5);
    const body = head && (await readExactly(server, head.readInt32BE(1) - 4));
    // `join` then closes the client too.
    if (head === null || body === null) return;
    const type = head.toString('latin1', 0, 1);
    const isSasl = type === 'R' && body.readInt32BE(0) === authenticationSasl;
    client.write(isSasl ? message('R', withoutBinding(body)) : Buffer.concat([head, body]));
    // Notices and NegotiateProtocolVersion may come before it.
    if (type === 'R' || type === 'E') return;
  }
}

function withoutBinding(body: Buffer): Buffer {
  const mechanisms = body.toString('latin1', 4).split('\0');
  const offered = mechanisms.filter(mechanism => mechanism !== boundToTls);
  return Buffer.concat([body.subarray(0, 4), Buffer.from(offered.join('\0'), 'latin1')]);
}

import {once} from 'node:events';
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net';
import {message, startupParameters as parametersOf} from '../../../source/postgres/wire/messages.ts';

export type Listener = {port: number; accepted: () => number; close: () => Promise<void>};

/** A server on a local port; `answer` handles each connection. */
export async function listen(answer: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server: Server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    answer(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The messages of a server that accepts everyone: AuthenticationOk, ParameterStatus, BackendKeyData, ReadyForQuery. */
export function welcome(parameters: Record<string, string>): Buffer {
  return Buffer.concat([
    message('R', Buffer.alloc(4)),
    ...Object.entries(parameters).map(([name, value]) => message('S', Buffer.from(`${name}\0${value}\0`))),
    // As of process 4711: poolctl takes other numbers for a pooler's.
    message('K', Buffer.from([0, 0, 0x12, 0x67, 0, 0, 0, 0])),
    message('Z', Buffer.from('I')),
  ]);
}

/** The authentication request of a server: 3 clear text, 5 MD5, 10 SASL; 0 if none is needed. */
export function authentication(code: number, body = ''): Buffer {
  return message('R', Buffer.concat([Buffer.from([0, 0, 0, code]), Buffer.from(body)]));
}

/** The parameters of a startup packet, which follow its length and protocol version. */
export function startupParameters(packet: Buffer): Record<string, string> {
  return Object.fromEntries(parametersOf(packet.subarray(8)));
}

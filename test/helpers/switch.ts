import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import {onTestFinished} from 'vitest';
import type {TestServer} from './server.ts';

export type Switch = {
  /** New connections go there from now on; those that are open stay where they are. */
  to(server: TestServer): void;
  /** Ends those that are open. */
  cut(): void;
  /** A server by the address of the switch. */
  as(server: TestServer): TestServer;
};

/** One address that leads to one server first and to another later, as a proxy or a tunnel does. Ends with the test. */
export async function startSwitch(first: TestServer): Promise<Switch> {
  let target = first;
  const sockets = new Set<Socket>();
  const listener = createServer(client => {
    const server = connect(target.port, target.host);
    for (const [each, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(each);
      each.on('error', () => {});
      each.on('close', () => {
        sockets.delete(each);
        other.destroy();
      });
    }
    client.pipe(server).pipe(client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const {port} = listener.address() as AddressInfo;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => {
    listener.close();
    cut();
    await once(listener, 'close');
  });
  return {
    to(server) {
      target = server;
    },
    cut,
    as: server => ({
      ...server,
      port,
      url(options) {
        const url = new URL(server.url(options));
        url.port = String(port);
        return url.href;
      },
    }),
  };
}

import {once} from 'node:events';
import {type AddressInfo, connect, createServer, type Socket} from 'node:net';
import {onTestFinished} from 'vitest';
import type {TestServer} from './server.ts';

export type Proxy = {
  /** Forwards new connections to that server; open ones stay where they are. */
  redirectTo(server: TestServer): void;
  /** Ends all open connections. */
  disconnectAll(): void;
  /** How many connections it has accepted so far. */
  accepted(): number;
  /** How many round trips its connections have taken: times that a client sent something after the server's last answer. */
  roundTrips(): number;
  /** The same server, addressed through the proxy. */
  addressOf(server: TestServer): TestServer;
};

/** An address that leads to one server first and to another later, like a tunnel or a pooler; `rewrite` changes what a server answers. Closed after the test. */
export async function startProxy(
  first: TestServer,
  rewrite?: (fromServer: Buffer) => Buffer,
): Promise<Proxy> {
  let target = first;
  let accepted = 0;
  let roundTrips = 0;
  const sockets = new Set<Socket>();
  const listener = createServer(client => {
    accepted++;
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
    let isAnswered = true;
    client.on('data', () => {
      if (isAnswered) roundTrips++;
      isAnswered = false;
    });
    server.on('data', () => {
      isAnswered = true;
    });
    client.pipe(server);
    if (rewrite === undefined) server.pipe(client);
    else server.on('data', bytes => client.write(rewrite(bytes)));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const {port} = listener.address() as AddressInfo;
  const disconnectAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(async () => {
    listener.close();
    disconnectAll();
    await once(listener, 'close');
  });
  return {
    redirectTo(server) {
      target = server;
    },
    disconnectAll,
    accepted: () => accepted,
    roundTrips: () => roundTrips,
    addressOf: server => ({
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

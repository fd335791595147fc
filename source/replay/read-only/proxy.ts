import type net from 'node:net';
import pg from 'pg';
import {fatalError, message} from '../../postgres/wire/messages.ts';
import {type LoopbackServer, listenOnLoopback, readFirstPacket} from '../loopback.ts';
import {allowOutbound} from '../sandbox/outbound.ts';
import {createReadOnlyWire} from './session.ts';

/** Parts of pg's client that its types leave out. */
type RawClient = {
  connection: NodeJS.EventEmitter & {stream: net.Socket};
  processID: number;
  secretKey: number;
};

/**
 * Listens on loopback for a client that opens its connections in native code. Gives each connection a read-only session
 * opened with `config`, and ignores the role and database that the client names. TLS and password are between poolctl and
 * the server.
 */
export function startReadOnlyProxy(config: pg.ClientConfig): Promise<LoopbackServer> {
  return listenOnLoopback({port: 0, allowHalfOpen: false, serve: client => carry(client, config)});
}

async function carry(client: net.Socket, config: pg.ClientConfig): Promise<void> {
  const first = await readFirstPacket(client, () => {});
  if (first === null) return;
  if (first.isCancel) return void client.destroy();
  const own = new pg.Client(config);
  const {connection} = own as unknown as RawClient;
  own.on('error', () => {});
  const parameters: Buffer[] = [];
  connection.on('parameterStatus', ({parameterName, parameterValue}: Record<string, string>) =>
    parameters.push(message('S', Buffer.from(`${parameterName}\0${parameterValue}\0`))),
  );
  try {
    await allowOutbound(() => own.connect());
  } catch (error) {
    const {code, message: reason} = error as {code?: string; message: string};
    client.end(fatalError(/^[0-9A-Z]{5}$/.test(code ?? '') ? (code as string) : '08006', reason));
    return;
  }
  const {processID, secretKey} = own as unknown as RawClient;
  const {stream} = connection;
  const key = Buffer.alloc(8);
  key.writeInt32BE(processID, 0);
  key.writeInt32BE(secretKey, 4);
  client.write(
    Buffer.concat([
      message('R', Buffer.alloc(4)),
      ...parameters,
      message('K', key),
      message('Z', Buffer.from('I')),
    ]),
  );
  join(client, stream);
}

function join(client: net.Socket, server: net.Socket): void {
  const wire = createReadOnlyWire({
    write: bytes => void server.write(bytes),
    refuse(why) {
      client.end(fatalError('25006', `${why}: refused in a read-only session`));
      server.destroy();
    },
  });
  const forward = (from: net.Socket, to: net.Socket, pass: (chunk: Buffer) => Buffer) => {
    from.on('data', (chunk: Buffer) => {
      const bytes = pass(chunk);
      if (bytes.length > 0 && !to.write(bytes)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.once('close', () => to.destroySoon());
  };
  server.removeAllListeners('data');
  forward(client, server, wire.send);
  forward(server, client, wire.receive);
  if (client.destroyed) server.destroy();
}

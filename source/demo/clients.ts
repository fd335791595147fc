import net from 'node:net';
import process from 'node:process';
import pg from 'pg';
import type {Script} from './story.ts';

export type Login = {database: string; role: string; application_name: string; localAddress: string};

/** The connection settings of an application's instance. */
export function clientConfig(script: Script, login: Login): pg.ClientConfig {
  return {
    host: script.host,
    port: script.port,
    database: login.database,
    user: login.role,
    password: login.role === 'postgres' ? script.superuserPassword : script.passwords[login.role],
    application_name: login.application_name,
    stream: () => socketFrom(login.localAddress),
  };
}

/** Opens a connection outside any pool; `onEnd` is called when it ends, for whatever reason. */
export async function connectAlone(script: Script, login: Login, onEnd?: () => void): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(script, login));
  client.on('error', () => {});
  if (onEnd) client.once('end', onEnd);
  await client.connect();
  return client;
}

/** Only Linux has all of 127.0.0.0/8 as loopback; elsewhere every client's address is 127.0.0.1. */
function socketFrom(localAddress: string): net.Socket {
  const socket = new net.Socket();
  if (process.platform !== 'linux') return socket;
  const connect = socket.connect.bind(socket) as (options: net.TcpSocketConnectOpts) => net.Socket;
  return Object.assign(socket, {
    connect: (port: number, host: string) => connect({port, host, localAddress}),
  });
}

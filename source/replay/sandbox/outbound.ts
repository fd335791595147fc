import {AsyncLocalStorage} from 'node:async_hooks';
import childProcess from 'node:child_process';
import {syncBuiltinESMExports} from 'node:module';
import net from 'node:net';
import process from 'node:process';
import workerThreads from 'node:worker_threads';
import {currentRequest} from '../pool/request-trace.ts';

/**
 * Connections that an endpoint opens itself are neither measured nor read-only. This module therefore refuses its own
 * connections, processes, threads and native drivers in this process.
 */

const loading = new AsyncLocalStorage<true>();
const allowedEngine = new AsyncLocalStorage<true>();
const refused = new Map<string, number>();
let blocks = 0;
let isAllowed = false;
let isInstalled = false;
let allowsNetwork = false;

/** Runs `body` and lets it open connections and start processes for poolctl until it returns. */
export function allowOutbound<Result>(body: () => Result): Result {
  const before = isAllowed;
  isAllowed = true;
  try {
    return body();
  } finally {
    isAllowed = before;
  }
}

/** Runs `body` and lets it start the native engine of the measured client. */
export function allowEngine<Result>(body: () => Result): Result {
  return allowedEngine.run(true, body);
}

/** Runs `body`, which loads an endpoint's code. Blocks that code, including what it starts asynchronously. */
export async function whileLoading<Result>(body: () => Promise<Result>): Promise<Result> {
  const release = blockOutbound();
  try {
    return await loading.run(true, body);
  } finally {
    release();
  }
}

/**
 * From now on refuses everything this process opens outside `allowOutbound`, until the returned function is called.
 * `withNetwork` allows connections that do not use PostgreSQL's protocol.
 */
export function blockOutbound({withNetwork}: {withNetwork?: boolean} = {}): () => void {
  install();
  if (withNetwork !== undefined) allowsNetwork = withNetwork;
  blocks++;
  return () => void blocks--;
}

/** Whether the running code is, or may be, the endpoint's. */
export function isEndpointCode(): boolean {
  return !isAllowed && (blocks > 0 || loading.getStore() === true || currentRequest.getStore() !== undefined);
}

/** What was refused since the last call. */
export function takeRefusals(): string[] {
  const lines = [...refused].map(([what, count]) => `${what}: refused${count > 1 ? `, ${count} times` : ''}`);
  refused.clear();
  return lines;
}

/** Counts a refusal and returns the error to throw. */
export function refusalOf(what: string): Error {
  const line = `the endpoint ${what}`;
  refused.set(line, (refused.get(line) ?? 0) + 1);
  return Object.assign(new Error(`poolctl replay: ${line}, which poolctl cannot measure: refused`), {
    code: 'EACCES',
  });
}

function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  const {connect} = net.Socket.prototype;
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
    if (!isEndpointCode()) return Reflect.apply(connect, this, args);
    const address = addressOf(args);
    if (allowsNetwork) return watchFirstWrite(Reflect.apply(connect, this, args), address);
    return refuseSocket(this, address);
  } as typeof connect;
  const {spawn} = childProcess.ChildProcess.prototype as unknown as {
    spawn(options: {file?: string}): unknown;
  };
  Object.assign(childProcess.ChildProcess.prototype, {
    spawn(this: unknown, options: {file?: string}): unknown {
      refuseProcess(options?.file);
      return Reflect.apply(spawn, this, [options]);
    },
  });
  for (const name of ['spawnSync', 'execSync', 'execFileSync'] as const) {
    const original = childProcess[name] as (...args: unknown[]) => unknown;
    Object.assign(childProcess, {
      [name](...args: unknown[]): unknown {
        refuseProcess(args[0]);
        return original(...args);
      },
    });
  }
  const {Worker} = workerThreads;
  Object.assign(workerThreads, {
    Worker: class extends Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        if (isEndpointCode()) throw refusalOf('tried to start a thread');
        super(...args);
      }
    },
  });
  const {dlopen} = process;
  process.dlopen = (...args: Parameters<typeof dlopen>) => {
    const [, file] = args;
    const isDriver = /query[-_]engine|libpq/.test(String(file));
    if (isDriver && isEndpointCode() && allowedEngine.getStore() !== true)
      throw refusalOf('tried to load a database driver that opens connections in native code');
    return dlopen.apply(process, args);
  };
  // Updates the bindings of modules that imported these functions by name.
  syncBuiltinESMExports();
}

function refuseProcess(file: unknown): void {
  if (isEndpointCode() && allowedEngine.getStore() !== true)
    throw refusalOf(`tried to start a process (${String(file ?? '').split(/\s/)[0]})`);
}

function refuseSocket(socket: net.Socket, address: string): net.Socket {
  const error = refusalOf(`tried to open its own connection to ${address}`);
  process.nextTick(() => socket.destroy(error));
  return socket;
}

/** Refuses a connection whose first bytes are those of a PostgreSQL client. */
function watchFirstWrite(socket: net.Socket, address: string): net.Socket {
  const {write} = socket;
  socket.write = ((...args: unknown[]) => {
    Object.assign(socket, {write});
    const [chunk] = args;
    if (!(chunk instanceof Uint8Array) || !isStartup(chunk)) return Reflect.apply(write, socket, args);
    refuseSocket(socket, address);
    return false;
  }) as typeof write;
  return socket;
}

/** StartupMessage of protocol 3, SSLRequest, GSSENCRequest or CancelRequest. */
function isStartup(chunk: Uint8Array): boolean {
  if (chunk.length < 8) return false;
  const code = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).readUInt32BE(4);
  return code >>> 16 === 3 || (code >= 80_877_102 && code <= 80_877_104);
}

/** The address in the arguments of `connect`: options, port and host, a path, or an array of these from `net.connect`. */
function addressOf(args: readonly unknown[]): string {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === 'string') return first;
  const {port, host, path} =
    typeof first === 'object' && first !== null
      ? (first as {port?: unknown; host?: unknown; path?: unknown})
      : {port: first, host: typeof second === 'string' ? second : undefined, path: undefined};
  return typeof path === 'string' && path !== '' ? path : `${String(host ?? 'localhost')}:${String(port)}`;
}

import {AsyncLocalStorage} from 'node:async_hooks';
import childProcess from 'node:child_process';
import {syncBuiltinESMExports} from 'node:module';
import net from 'node:net';
import process from 'node:process';
import workerThreads from 'node:worker_threads';
import {currentRequest} from '../pool/request-trace.ts';

/**
 * What an endpoint opens by itself is neither measured nor read-only. Its own connections, processes, threads and
 * drivers in native code are therefore refused in this process.
 */

const loading = new AsyncLocalStorage<true>();
const allowedEngine = new AsyncLocalStorage<true>();
const refused = new Map<string, number>();
let blocks = 0;
let isAllowed = false;
let isInstalled = false;
let allowsNetwork = false;

/** Runs `body`, which opens a connection or starts a process for poolctl itself before it returns. */
export function allowOutbound<Result>(body: () => Result): Result {
  const before = isAllowed;
  isAllowed = true;
  try {
    return body();
  } finally {
    isAllowed = before;
  }
}

/** Runs `body`, which starts the native engine of the measured client. */
export function allowEngine<Result>(body: () => Result): Result {
  return allowedEngine.run(true, body);
}

/** Loads an endpoint's code. It stays blocked from opening anything, also in what it continues asynchronously. */
export async function whileLoading<Result>(body: () => Promise<Result>): Promise<Result> {
  const release = blockOutbound();
  try {
    return await loading.run(true, body);
  } finally {
    release();
  }
}

/**
 * Refuses everything this process opens from now on, except by `allowOutbound`, until the returned function is called.
 * `withNetwork` allows connections that do not speak PostgreSQL's protocol.
 */
export function blockOutbound({withNetwork}: {withNetwork?: boolean} = {}): () => void {
  install();
  if (withNetwork !== undefined) allowsNetwork = withNetwork;
  blocks++;
  return () => void blocks--;
}

/** Whether the running code is the endpoint's, as far as that is known. */
export function isEndpointCode(): boolean {
  return !isAllowed && (blocks > 0 || loading.getStore() === true || currentRequest.getStore() !== undefined);
}

/** Sentences about what was refused since the last call. */
export function takeRefusals(): string[] {
  const lines = [...refused].map(([what, count]) => `${what}: refused${count > 1 ? `, ${count} times` : ''}`);
  refused.clear();
  return lines;
}

/** Counts a refusal and returns the error to throw. */
export function refusalOf(what: string): Error {
  const line = `the endpoint ${what}`;
  refused.set(line, (refused.get(line) ?? 0) + 1);
  return Object.assign(new Error(`poolctl replay: ${line}, which is not measured: refused`), {
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
        if (isEndpointCode()) throw refusalOf('started a thread');
        super(...args);
      }
    },
  });
  const {dlopen} = process;
  process.dlopen = (...args: Parameters<typeof dlopen>) => {
    const [, file] = args;
    const isDriver = /query[-_]engine|libpq/.test(String(file));
    if (isDriver && isEndpointCode() && allowedEngine.getStore() !== true)
      throw refusalOf('loaded a database driver that opens connections in native code');
    return dlopen.apply(process, args);
  };
  // Updates the bindings of modules that imported these functions by name.
  syncBuiltinESMExports();
}

function refuseProcess(file: unknown): void {
  if (isEndpointCode() && allowedEngine.getStore() !== true)
    throw refusalOf(`started a process (${String(file ?? '').split(/\s/)[0]})`);
}

function refuseSocket(socket: net.Socket, address: string): net.Socket {
  const error = refusalOf(`opened a connection of its own to ${address}`);
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

/** From the arguments of `connect`: options, a port and host, a path, or what `net.connect` normalised them to. */
function addressOf(args: readonly unknown[]): string {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === 'string') return first;
  const {port, host, path} =
    typeof first === 'object' && first !== null
      ? (first as {port?: unknown; host?: unknown; path?: unknown})
      : {port: first, host: typeof second === 'string' ? second : undefined, path: undefined};
  return typeof path === 'string' && path !== '' ? path : `${String(host ?? 'localhost')}:${String(port)}`;
}

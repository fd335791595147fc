import type net from 'node:net';
import type pg from 'pg';
import {type AbortError, usageError} from '../../core/errors.ts';
import {createReadOnlyWire} from './session.ts';
import {rejectionReason} from './statement.ts';
import type {ReadOnlyWire} from './wire.ts';

/** Parts of pg's client that its types leave out. */
type RawClient = pg.PoolClient & {connection: NodeJS.EventEmitter & {stream: net.Socket}};
type AnyQuery = (...args: unknown[]) => unknown;
type ParameterStatus = {parameterName: string; parameterValue: string};

const wires = new WeakMap<pg.PoolClient, ReadOnlyWire>();

/**
 * Makes a connected client's session read-only by rewriting its messages (`createReadOnlySession`). For a clearer error it
 * also rejects statements that would switch read-only off, and disconnects a session that reports itself read-write
 * (GUC_REPORT, PostgreSQL 14 and later).
 */
export function keepReadOnly(client: pg.PoolClient): void {
  const {connection} = client as RawClient;
  const {stream} = connection;
  const disconnect = (error: AbortError) => {
    // Like a broken connection: the running query fails with this error, and the pool drops the client.
    connection.emit('error', error);
    stream.destroy();
  };
  const query = client.query.bind(client) as AnyQuery;
  const checked = (...args: unknown[]) => {
    const reason = rejectionReasonOf(args);
    return reason === null ? query(...args) : reject(reason, args, connection);
  };
  Object.assign(client, {query: checked});
  connection.on('parameterStatus', ({parameterName, parameterValue}: ParameterStatus) => {
    if (parameterName !== 'default_transaction_read_only' || parameterValue === 'on') return;
    disconnect(rejection('the endpoint switched read-only off, so poolctl ended its session'));
  });
  const write = stream.write.bind(stream) as (bytes: Uint8Array, done?: Done) => boolean;
  const wire = createReadOnlyWire({
    write: bytes => void write(bytes),
    refuse: why => process.nextTick(disconnect, rejection(`${why}: refused in a read-only session`)),
  });
  wires.set(client, wire);
  Object.assign(stream, {
    write(chunk: string | Buffer, ...rest: unknown[]) {
      const done = rest.find(each => typeof each === 'function') as Done | undefined;
      const bytes = wire.send(
        typeof chunk === 'string' ? Buffer.from(chunk, rest[0] as BufferEncoding) : chunk,
      );
      if (bytes.length > 0) return write(bytes, done);
      if (done !== undefined) process.nextTick(done);
      return true;
    },
  });
  const [read, ...others] = stream.listeners('data') as ((chunk: Buffer) => void)[];
  if (read === undefined || others.length > 0) {
    disconnect(rejection('poolctl does not support this version of pg: it reads its socket differently'));
    return;
  }
  stream.removeListener('data', read);
  stream.on('data', (chunk: Buffer) => {
    const bytes = wire.receive(chunk);
    if (bytes.length > 0) read(bytes);
  });
}

type Done = (error?: Error | null) => void;

/** Bytes of the server that answer poolctl's own statements. */
export function withheldBytes(client: pg.PoolClient): number {
  return wires.get(client)?.withheld_bytes ?? 0;
}

/** Why a call of pg's `query` is rejected, or null. Its arguments are a text or a config, and values. */
function rejectionReasonOf([config, values]: unknown[]): string | null {
  const {text, values: own = values} =
    typeof config === 'string' ? {text: config} : ((config ?? {}) as {text?: unknown; values?: unknown});
  return typeof text === 'string' ? rejectionReason(text, Array.isArray(own) ? own : []) : null;
}

/** Rejects as pg does for an ended client: through the callback, the query object or the promise. */
function reject(why: string, args: unknown[], connection: unknown): unknown {
  const error = rejection(why);
  const [query] = args as {handleError?(error: Error, connection: unknown): void}[];
  const callback = args.find(each => typeof each === 'function') as ((error: Error) => void) | undefined;
  if (callback !== undefined) return void process.nextTick(callback, error);
  if (query?.handleError === undefined) return Promise.reject(error);
  process.nextTick(() => query.handleError?.(error, connection));
  return query;
}

function rejection(message: string): AbortError {
  return usageError(message, 'Allow it with --allow-writes, on a test server.');
}

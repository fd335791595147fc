import type net from 'node:net';
import type pg from 'pg';
import {type AbortError, usageError} from '../../core/errors.ts';
import {headerBytes} from '../../postgres/wire/message-reader.ts';
import {scanStatement} from '../endpoint/scan-statement.ts';
import {knownTexts} from './message.ts';
import {readOnlyStatement} from './statement.ts';
import {createReadOnlyWire, type ReadOnlyWire} from './wire.ts';

/** What of pg's client is not in its types. */
type RawClient = pg.PoolClient & {connection: NodeJS.EventEmitter & {stream: net.Socket}};
type AnyQuery = (...args: unknown[]) => unknown;
type Reported = {parameterName: string; parameterValue: string};

const wires = new WeakMap<pg.PoolClient, ReadOnlyWire>();

/**
 * Holds a connected client's session to read-only, by what is written to its socket: see `createReadOnlySession`. The
 * rest is for people, and for what the construction does not need: a text that asks for more is refused before it is
 * sent, with its reason, and a session that a function made read-write all the same, as the server reports from 14 on
 * (GUC_REPORT), is cut. What the wire returns is what the client is to read.
 */
export function keepReadOnly(client: pg.PoolClient): ReadOnlyWire {
  const {connection} = client as RawClient;
  const {stream} = connection;
  const cut = (error: AbortError) => {
    // As a broken connection: what runs on it fails with this, and the pool takes it back no more.
    connection.emit('error', error);
    stream.destroy();
  };
  const query = client.query.bind(client) as AnyQuery;
  const guarded = (...args: unknown[]) => {
    const refused = refusalOf(args);
    return refused === null ? query(...args) : refuse(refused, args, connection);
  };
  Object.assign(client, {query: guarded});
  connection.on('parameterStatus', ({parameterName, parameterValue}: Reported) => {
    if (parameterName !== 'default_transaction_read_only' || parameterValue === 'on') return;
    cut(refusal('it switched off read-only, so its session was ended'));
  });
  const write = stream.write.bind(stream) as (bytes: Uint8Array, done?: Done) => boolean;
  const wire = createReadOnlyWire({
    write: bytes => void write(bytes),
    refuse: why => process.nextTick(cut, refusal(`${why}: a read-only session does not send it`)),
  });
  Object.assign(stream, {
    write(chunk: string | Buffer, ...rest: unknown[]) {
      const [encoding] = rest;
      const done = rest.find(each => typeof each === 'function') as Done | undefined;
      const bytes = wire.send(typeof chunk === 'string' ? bytesOf(chunk, encoding) : chunk);
      if (bytes.length > 0) return write(bytes, done);
      if (done !== undefined) process.nextTick(done);
      return true;
    },
  });
  wires.set(client, wire);
  return wire;
}

/** Of counted queries, whose message is the same string each time. */
const messages = new Map<string, Buffer>();

function bytesOf(text: string, encoding: unknown): Buffer {
  const known = encoding === 'latin1' ? messages.get(text) : undefined;
  if (known !== undefined) return known;
  const bytes = Buffer.from(text, encoding as BufferEncoding);
  if (messages.size > 5000) messages.clear();
  if (encoding === 'latin1' && text.startsWith('Q')) {
    messages.set(text, bytes);
    knownTexts.set(bytes, bytes.toString('utf8', headerBytes, bytes.length - 1));
  }
  return bytes;
}

type Done = (error?: Error | null) => void;

/** Bytes of the server's that were no answer to the client. */
export function withheldBytes(client: pg.PoolClient): number {
  return wires.get(client)?.withheld_bytes ?? 0;
}

/** Whether a text of one statement or several would let later ones write in a session that is read-only. */
export function liftsReadOnly(text: string, values: readonly unknown[] = []): boolean {
  // Nearly every statement ends here.
  if (!/transaction_read_only|set_config|write/i.test(text)) return false;
  return statementsOf(text).some(statement => lifts(statement, values));
}

const setting = /transaction_read_only/i;
const isOn = /(?:=|\bto)\s*'?(?:on|true|yes|1)'?\s*;?\s*$/i;

/** RESET and DISCARD bring back what the session began with, which is read-only. */
function lifts(statement: string, values: readonly unknown[]): boolean {
  if (/set_config/i.test(statement)) return [statement, ...values].some(each => setting.test(String(each)));
  const word = /^\w*/.exec(statement)?.[0]?.toLowerCase();
  switch (word) {
    case 'set':
      return setting.test(statement) ? !isOn.test(statement) : /\bread\s+write\b/i.test(statement);
    case 'begin':
    case 'start':
      return /\bread\s+write\b/i.test(statement);
    case 'do':
    case 'call':
      return setting.test(statement) || /\bread\s+write\b/i.test(statement);
    default:
      return false;
  }
}

function statementsOf(text: string): string[] {
  const statements: string[] = [];
  for (let at = 0; at < text.length; ) {
    const {end} = scanStatement(text, at);
    statements.push(withoutComments(text.slice(at, end)).trim());
    at = end;
  }
  return statements;
}

/** Strings and quoted names may hold what looks like a comment. */
function withoutComments(statement: string): string {
  const token = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\//g;
  return statement.replace(token, found => (/^(--|\/\*)/.test(found) ? ' ' : found));
}

/** Why a query is not sent, as pg's `query` takes it: a text or what has one, and values beside it or in it; or null. */
function refusalOf([config, values]: unknown[]): string | null {
  const {text, values: own = values} =
    typeof config === 'string' ? {text: config} : ((config ?? {}) as {text?: unknown; values?: unknown});
  return typeof text === 'string' ? whyRefused(text, Array.isArray(own) ? own : []) : null;
}

/** Why a read-only session does not send a text; null where it does. */
export function whyRefused(text: string, values: readonly unknown[] = []): string | null {
  if (liftsReadOnly(text, values)) return 'it would switch off read-only: refused without --allow-writes';
  // Nearly every statement ends here.
  if (!/;|prepare|copy|dblink|lo_export|pg_/i.test(text)) return null;
  const statements = statementsOf(text).map(readOnlyStatement);
  for (const statement of statements)
    if (statement.kind === 'refused') return `${statement.what} is refused without --allow-writes`;
  const own = statements.map(({kind}) => kind).filter(kind => kind !== 'empty');
  return own.length > 1 && own.some(kind => kind === 'begin' || kind === 'end')
    ? 'BEGIN or COMMIT among several statements of one text is refused without --allow-writes: send each by itself'
    : null;
}

/** As pg itself refuses on a client that can no more: by the callback, by the query's own, or by the promise. */
function refuse(why: string, args: unknown[], connection: unknown): unknown {
  const error = refusal(why);
  const [query] = args as {handleError?(error: Error, connection: unknown): void}[];
  const callback = args.find(each => typeof each === 'function') as ((error: Error) => void) | undefined;
  if (callback !== undefined) return void process.nextTick(callback, error);
  if (query?.handleError === undefined) return Promise.reject(error);
  process.nextTick(() => query.handleError?.(error, connection));
  return query;
}

function refusal(message: string): AbortError {
  return usageError(message, 'Allow it with --allow-writes, on a server that is there for it.');
}

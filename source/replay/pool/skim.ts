import type net from 'node:net';
import type pg from 'pg';
import {readInto} from './socket.ts';

/** Whose rows are counted. */
type Counting = {rowCount: number};

/** Until its next query has ended, a client's rows are read past and counted for it. */
export type Skim = (query: Counting) => void;

/** Of PostgreSQL's protocol, by their first byte (protocol-message-formats). */
const rowDescription = 0x54;
const dataRow = 0x44;
const parseComplete = 0x31;
const bindComplete = 0x32;
const noData = 0x6e;
const commandComplete = 0x43;
const readyForQuery = 0x5a;
const headerBytes = 5;
const readyBytes = 6;
const idle = 0x49;

type Reader = (chunk: Buffer) => void;
type Connection = NodeJS.EventEmitter & {stream: net.Socket};
const skimmers = new WeakMap<pg.PoolClient, Skim>();

/** null where pg reads its stream otherwise than it is known to. */
export function skimOf(client: pg.PoolClient): Skim | null {
  return skimmers.get(client) ?? null;
}

/**
 * Puts itself between a connected client's socket and pg's parser. Of a result whose rows nobody reads it takes out
 * what tells of rows, and all else goes on to pg as it came: errors, notices, the query's end. For `SELECT 1` pg's
 * reading is half of what a query costs this process, time in which it sends none. `receive` says what of a chunk is
 * the client's at all. False where pg reads its stream otherwise than it is known to.
 */
export function installSkimmer(
  client: pg.PoolClient,
  receive: (chunk: Buffer) => Buffer = chunk => chunk,
): boolean {
  const {connection} = client as unknown as {connection: Connection};
  const {stream} = connection;
  const [read, ...others] = stream.listeners('data') as Reader[];
  if (read === undefined || others.length > 0) return false;
  let counting: Counting | null = null;
  /** Of a message that began in an earlier chunk: bytes to come, and whether they are pg's. */
  let left = 0;
  let isPassed = false;
  let stash: Buffer | null = null;
  const skim = (part: Buffer) => {
    const chunk: Buffer = stash === null ? part : Buffer.concat([stash, part]);
    stash = null;
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        if (chunk.length - at < headerBytes) {
          stash = Buffer.from(chunk.subarray(at));
          return;
        }
        left = chunk.readInt32BE(at + 1) + 1;
        isPassed = !isSkimmed(chunk, at, left, counting);
        // Before pg is told: what it tells in turn may begin the next query.
        if (chunk[at] === readyForQuery) {
          counting = null;
          if (isIdleAtEnd(chunk, at)) {
            left = 0;
            connection.emit('readyForQuery', readyIdle);
            return;
          }
        }
      }
      const end = Math.min(chunk.length, at + left);
      left -= end - at;
      if (isPassed) read(Buffer.from(chunk.subarray(at, end)));
      at = end;
    }
  };
  const onChunk = (received: Buffer) => {
    const chunk = receive(received);
    if (chunk.length === 0) return;
    if (counting === null && left === 0 && stash === null) read(Buffer.from(chunk));
    else skim(chunk);
  };
  stream.removeListener('data', read);
  stream.on('data', onChunk);
  readInto(stream, onChunk);
  skimmers.set(client, query => {
    counting = query;
  });
  return true;
}

/** As pg's parser tells of it, without its having to read the same every time. */
const readyIdle = {name: 'readyForQuery', length: 5, status: 'I'};

function isIdleAtEnd(chunk: Buffer, at: number): boolean {
  return at + readyBytes === chunk.length && chunk[at + headerBytes] === idle;
}

/** A command's tag is counted here where all of it has come. */
function isSkimmed(chunk: Buffer, at: number, size: number, query: Counting | null): boolean {
  switch (chunk[at]) {
    case rowDescription:
    case dataRow:
    case parseComplete:
    case bindComplete:
    case noData:
      return true;
    case commandComplete:
      if (at + size > chunk.length) return false;
      if (query !== null) query.rowCount += rowsOfTag(chunk, at + size - 2);
      return true;
    default:
      return false;
  }
}

/** The number at the end of `SELECT 5` or `INSERT 0 5`, read backwards from its last byte; `BEGIN` has none. */
function rowsOfTag(chunk: Buffer, last: number): number {
  let rows = 0;
  for (let at = last, factor = 1; ; at--, factor *= 10) {
    const digit = (chunk[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return rows;
    rows += digit * factor;
  }
}

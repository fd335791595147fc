import type {EventEmitter} from 'node:events';
import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {AbortError, exitCodes} from '../../core/errors.ts';
// Must be imported before pg, which checks for a navigator when it loads.
import './node-navigator.ts';
import Client from 'pg/lib/client.js';

/** A query as pg takes it. A `name` makes it a prepared statement, planned once per connection. */
export type PgQuery = {
  text: string;
  name?: string;
  values?: readonly unknown[];
  /** Rows as arrays in the order of the columns: cheaper than objects. */
  rowMode?: 'array';
  /** `extended` refuses more than one statement in `text`. */
  queryMode?: 'extended';
  /** Milliseconds until the client gives up; this destroys the connection, as it is pipelined. */
  query_timeout?: number;
};

export type PgResult<Row> = {rows: Row[]; rowCount: number | null; fields: {name: string}[]; command: string};

/**
 * A connected client. Queries are pipelined: several `query()` calls in one turn are written together, each
 * with its own Sync, so one round trip carries them all, and one that fails does not affect the others.
 *
 * Types: int2, int4, int8, oid, float and numeric are numbers (cast identities to text in SQL), times are
 * the server's own text, integer arrays are numbers, json is parsed, text arrays are strings.
 */
export type PgClient = {
  query<Row = Record<string, unknown>>(query: PgQuery | string): Promise<PgResult<Row>>;
  /** The pid of this session's backend; behind a pooler it is the pooler's own number. */
  readonly processID: number | null;
  end(): Promise<void>;
};

/** The protocol connection of pg's client, for the code that connects. */
type PgConnection = EventEmitter & {
  stream: Socket;
  _ending: boolean;
  /** By port and host, or by the path of a socket. */
  connect(portOrPath: number | string, host?: string): void;
  requestSsl(): void;
  /** Parses the protocol of a stream: the socket, or TLS over it. */
  attachListeners(stream: Duplex): void;
};

/** A client with the members that only the code that connects uses. */
export type RawPgClient = PgClient &
  EventEmitter & {
    connect(): Promise<unknown>;
    setTypeParser(oid: number, parse: (text: string) => unknown): void;
    connection: PgConnection;
    /** null once the server has proved that it knows the password. */
    saslSession?: object | null;
    connectionParameters: {options: string; application_name: string};
  };

/** A client that is not connected yet. `config` is complete: no environment variable is consulted. */
export function createRawClient(config: Record<string, unknown>): RawPgClient {
  const client = new Client({...config, pipeline: true});
  for (const [oid, parse] of parserOverrides) client.setTypeParser(oid, parse);
  return client;
}

/** Type oids of PostgreSQL (pg_type.dat) by what they are parsed to; others keep pg's own parser. */
const numbers = [20, 21, 23, 26, 28, 700, 701, 1700]; // int8 int2 int4 oid xid float4 float8 numeric
const texts = [1082, 1083, 1114, 1184, 1186, 1266]; // date, time, timestamp, timestamptz, interval, timetz
const numberArrays = [1005, 1007, 1016, 1028]; // int2[] int4[] int8[] oid[]

/** A JavaScript Date would drop the microseconds, and an int8 as text would sort as text. */
const parserOverrides: [oid: number, parse: (text: string) => unknown][] = [
  ...numbers.map((oid): [number, (text: string) => unknown] => [oid, Number]),
  ...texts.map((oid): [number, (text: string) => unknown] => [oid, text => text]),
  ...numberArrays.map((oid): [number, (text: string) => unknown] => [oid, parseIntegerArray]),
];

function parseIntegerArray(text: string): (number | null)[] {
  if (text === '{}') return [];
  return text
    .slice(1, -1)
    .split(',')
    .map(element => (element === 'NULL' ? null : Number(element)));
}

/** A timestamptz as the server writes it under DateStyle ISO, as ISO 8601 UTC with microseconds. */
export function isoTime(text: string | null): string | null {
  if (text === null) return null;
  const parts = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text);
  if (parts !== null) return `${parts[1]}T${parts[2]}.${(parts[3] ?? '').padEnd(6, '0')}Z`;
  // Through a pooler the session may have another time zone. What cannot be parsed is returned unchanged.
  const date = new Date(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}

/**
 * Rejects with AbortError (exit 3) if the server does not answer within `ms`. The connection stays open: other queries
 * share it, and a frozen server may answer later.
 */
export function withDeadline<T>(
  answer: Promise<T>,
  ms: number,
  {is_pooled}: {is_pooled: boolean} = {is_pooled: false},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(noAnswer(ms, is_pooled)), ms);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Through a pooler it is not known whether the server or the pool does not answer. */
export function silence(ms: number, is_pooled: boolean): string {
  const who = is_pooled ? 'the pooler' : 'the server';
  const why = is_pooled ? ': its server connections may all be in use' : '';
  return `${who} has not answered for ${Number((ms / 1000).toFixed(1))} s${why}`;
}

function noAnswer(ms: number, is_pooled: boolean): AbortError {
  return new AbortError(silence(ms, is_pooled), {
    hint: is_pooled
      ? 'Sessions idle in transaction hold them: connect to the server itself, and see SHOW POOLS in the pooler.'
      : 'It may be frozen or overloaded, or the network interrupted: try again in a moment.',
    exitCode: exitCodes.connection,
  });
}

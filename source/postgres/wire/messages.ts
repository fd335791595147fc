import type {Readable} from 'node:stream';

/** Messages of PostgreSQL's protocol 3 (protocol-message-formats): type, length, body. */

/** The codes in the place of a protocol's version (PostgreSQL's pqcomm.h). */
export const codes = {protocol3: 196_608, cancel: 80_877_102, sslRequest: 80_877_103, gssRequest: 80_877_104};

/** `type` is one letter. */
export function message(type: string, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat(fields);
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body]);
}

export function startupPacket(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.concat([...Object.entries(parameters).flat().map(cString), Buffer.alloc(1)]);
  return Buffer.concat([int32(body.length + 8), int32(codes.protocol3), body]);
}

/** The parameters of a StartupMessage without its length and version: `user`, `database`, `replication`, ... */
export function startupParameters(body: Buffer): ReadonlyMap<string, string> {
  const words = body.toString('utf8').split('\0');
  const pairs = new Map<string, string>();
  for (let index = 0; index + 1 < words.length; index += 2) {
    const name = words[index] ?? '';
    if (name !== '') pairs.set(name, words[index + 1] ?? '');
  }
  return pairs;
}

/** An ErrorResponse that ends a session. */
export function fatalError(sqlstate: string, text: string): Buffer {
  return message('E', ...['SFATAL', 'VFATAL', `C${sqlstate}`, `M${text}`, ''].map(cString));
}

/** SQLSTATE and text of an ErrorResponse's body. */
export function errorFields(body: Buffer): {code: string; message: string} {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .map(field => [field.slice(0, 1), field.slice(1)]),
  );
  return {code: fields.get('C') ?? '', message: fields.get('M') ?? ''};
}

export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Something other than PostgreSQL answered. `protocol` says what: `an SSH server`, `another kind of server`. */
export class NotPostgresError extends Error {
  override readonly name = 'NotPostgresError';
  readonly protocol: string;

  constructor(protocol: string) {
    super(`not PostgreSQL: ${protocol}`);
    this.protocol = protocol;
  }
}

/**
 * What answered, by its first bytes; null if it may be PostgreSQL: one byte (`S`, `N`) after an SSLRequest, else a
 * message that can open a session (R, E, N, v) of a possible length.
 */
export function foreignProtocol(bytes: Buffer): string | null {
  const text = bytes.subarray(0, 16).toString('latin1');
  for (const [start, name] of greetings) if (text.startsWith(start)) return name;
  // MySQL greets with a packet number 0 and its protocol version 10.
  if (bytes.length > 5 && bytes[3] === 0 && bytes[4] === 10 && bytes[2] === 0) return 'MySQL or MariaDB';
  if (bytes.length === 1) return 'SNERv'.includes(text) ? null : 'another kind of server';
  if (!'RENv'.includes(text.charAt(0))) return 'another kind of server';
  return bytes.length >= 5 && bytes.readUInt32BE(1) > 65_536 ? 'another kind of server' : null;
}

const greetings: [string, string][] = [
  ['HTTP/', 'an HTTP server'],
  ['SSH-', 'an SSH server'],
  ['-ERR', 'Redis'],
  ['220 ', 'a mail or FTP server'],
  ['\x15\x03', 'a TLS server'],
];

export type MessageReaderOptions = {
  /**
   * Called with the type and the body's length of each message: how many bytes of the body to keep, at most; 0 skips
   * it. What it throws, the reader throws.
   */
  keep(type: string, length: number): number;
  /** `body` is valid during the call only, and shorter than `length` where fewer bytes were kept. */
  onMessage(type: string, body: Buffer, length: number): void;
};

/** One byte of type, four of length. */
export const headerBytes = 5;

/**
 * The size of the message that begins at `at`, its header included; null if its header has not arrived completely. Throws
 * RangeError for a length below its own four bytes.
 */
export function messageSize(bytes: Buffer, at: number): number | null {
  if (bytes.length - at < headerBytes) return null;
  const length = bytes.readUInt32BE(at + 1);
  if (length < 4) throw new RangeError('a message shorter than its own length');
  return length + 1;
}

/**
 * Splits a stream into messages of protocol 3. A body that is not kept is skipped without a copy, so that a result of
 * any size needs the memory of one chunk. Throws RangeError for a length below its own four bytes.
 */
export function createMessageReader({keep, onMessage}: MessageReaderOptions): (chunk: Buffer) => void {
  const header = Buffer.alloc(headerBytes);
  let headerLength = 0;
  let type = '';
  let length = 0;
  let rest = 0;
  let limit = 0;
  let parts: Buffer[] = [];
  let keptBytes = 0;

  /** Consumes what this chunk holds of the body; returns where that ends. */
  const takeBody = (chunk: Buffer, at: number): number => {
    const end = Math.min(at + rest, chunk.length);
    if (limit === 0) {
      rest -= end - at;
      if (rest === 0) headerLength = 0;
      return end;
    }
    const taken = Math.min(limit - keptBytes, end - at);
    const isWhole = rest === length && end - at === rest;
    if (taken > 0 && !isWhole) parts.push(Buffer.from(chunk.subarray(at, at + taken)));
    keptBytes += taken;
    rest -= end - at;
    if (rest === 0) {
      headerLength = 0;
      onMessage(type, isWhole ? chunk.subarray(at, at + taken) : Buffer.concat(parts), length);
      parts = [];
    }
    return end;
  };

  /** `size` is that of the message, whose header `bytes` has at `at`. */
  const begin = (bytes: Buffer, at: number, size: number): void => {
    type = String.fromCharCode(bytes[at] ?? 0);
    length = size - headerBytes;
    headerLength = headerBytes;
    rest = length;
    limit = keep(type, length);
    keptBytes = 0;
  };

  return chunk => {
    let at = 0;
    while (at < chunk.length) {
      const size = headerLength === 0 ? messageSize(chunk, at) : null;
      if (size !== null) {
        begin(chunk, at, size);
        at += headerBytes;
      } else if (headerLength < headerBytes) {
        const taken = chunk.copy(header, headerLength, at, at + headerBytes - headerLength);
        headerLength += taken;
        at += taken;
        const size = headerLength < headerBytes ? null : messageSize(header, 0);
        if (size === null) return;
        begin(header, 0, size);
      }
      if (rest === 0 || at < chunk.length) at = takeBody(chunk, at);
    }
  };
}

/** Reads the fields of a message's body in order. Each throws RangeError at the end of the body. */
export type BodyReader = {
  int16(): number;
  int32(): number;
  /** Up to the next NUL. */
  text(): string;
  /** A copy, which outlives the chunk it came in; null for NULL (length -1). */
  value(): Buffer | null;
  /** As `value`; undefined for one of more than `most` bytes. */
  shortValue(most: number): Buffer | null | undefined;
  byte(): string;
  list<Item>(read: () => Item): Item[];
};

export function createBodyReader(body: Buffer): BodyReader {
  let at = 0;
  const take = (length: number) => {
    if (at + length > body.length) throw new RangeError('the message is cut off');
    at += length;
    return at - length;
  };
  const reader: BodyReader = {
    int16: () => body.readInt16BE(take(2)),
    int32: () => body.readInt32BE(take(4)),
    byte: () => String.fromCharCode(body[take(1)] ?? 0),
    text() {
      const end = body.indexOf(0, at);
      if (end === -1) throw new RangeError('the message is cut off');
      const start = take(end + 1 - at);
      return body.toString('utf8', start, end);
    },
    value() {
      const length = reader.int32();
      if (length < 0) return null;
      const start = take(length);
      return Buffer.from(body.subarray(start, start + length));
    },
    shortValue(most) {
      const length = body.readInt32BE(at);
      if (length <= most) return reader.value();
      take(4 + length);
      return undefined;
    },
    list: read => Array.from({length: reader.int16()}, read),
  };
  return reader;
}

/** The next `length` bytes of a stream that is not flowing yet; null if it ends before. */
export async function readExactly(stream: Readable, length: number): Promise<Buffer | null> {
  if (length === 0) return Buffer.alloc(0);
  for (;;) {
    const bytes: Buffer | null = stream.read(length);
    // At the end, read() returns what is left, however little.
    if (bytes !== null) return bytes.length === length ? bytes : null;
    if (stream.readableEnded || stream.destroyed) return null;
    await readableOrClosed(stream);
  }
}

function readableOrClosed(stream: Readable): Promise<void> {
  const events = ['readable', 'end', 'error', 'close'];
  return new Promise(resolve => {
    const done = () => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

import {cString, headerBytes, int16, int32, message, messageSize} from '../../postgres/wire/messages.ts';

/** Decides for each message of one connection whether it is forwarded, replaced or dropped. */
export type ReadOnlySession = {
  /** Returns the bytes to send to the server for these messages of the client. */
  take(messages: readonly Buffer[]): Buffer;
  /** Whether a message of the server goes to the client; a Buffer replaces it. `size` includes the header. */
  answer(chunk: Buffer, at: number, size: number): boolean | Buffer;
  /** Whether the rows now arriving answer one of poolctl's statements. */
  isOwnAnswer(): boolean;
};

/** A session over a socket, whose chunks may begin and end inside a message. */
export type ReadOnlyWire = {
  /** Returns the bytes to write to the server instead of `chunk`. */
  send(chunk: Buffer): Buffer;
  /** Returns the part of the server's bytes that is for the client. Overwrites `chunk`. */
  receive(chunk: Buffer): Buffer;
  /** Bytes of the server that the client did not receive. */
  withheld_bytes: number;
};

const none: Buffer = Buffer.alloc(0);

/**
 * Splits both directions into messages for `session`. Unlike a message reader it never buffers a row: rows are forwarded
 * in the chunks in which they arrive, because a replay measures them. After bytes that are not a message it calls `refuse`
 * and forwards nothing more.
 */
export function frameSession(session: ReadOnlySession, refuse: (why: string) => void): ReadOnlyWire {
  let unsent = none;
  let unread = none;
  /** Remaining bytes of a partly received row, and whether it is for the client. */
  let missing = 0;
  let isForClient = false;
  let isRefused = false;

  const unlessMalformed = (forward: (chunk: Buffer) => Buffer) => (chunk: Buffer) => {
    if (isRefused) return none;
    try {
      return forward(chunk);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      isRefused = true;
      refuse(error.message);
      return none;
    }
  };
  const send = (chunk: Buffer): Buffer => {
    const all = unsent.length === 0 ? chunk : Buffer.concat([unsent, chunk]);
    const messages: Buffer[] = [];
    let at = 0;
    for (;;) {
      const size = messageSize(all, at);
      if (size === null || at + size > all.length) break;
      messages.push(at === 0 && size === all.length ? all : all.subarray(at, at + size));
      at += size;
    }
    unsent = at === all.length ? none : Buffer.from(all.subarray(at));
    return session.take(messages);
  };
  const receive = (part: Buffer): Buffer => {
    const chunk = unread.length === 0 ? part : Buffer.concat([unread, part]);
    unread = none;
    let at = 0;
    let length = 0;
    const keep = (from: number, to: number) => {
      if (length !== from) chunk.copyWithin(length, from, to);
      length += to - from;
    };
    while (at < chunk.length) {
      if (missing === 0) {
        const size = messageSize(chunk, at);
        const isRow = chunk[at] === types.dataRow || chunk[at] === types.copyData;
        if (size === null || (at + size > chunk.length && !isRow)) {
          unread = Buffer.from(chunk.subarray(at));
          break;
        }
        if (!isRow) {
          const answer = session.answer(chunk, at, size);
          if (answer === true) keep(at, at + size);
          else if (answer === false) wire.withheld_bytes += size;
          else {
            length += answer.copy(chunk, length);
            wire.withheld_bytes += size - answer.length;
          }
          at += size;
          continue;
        }
        missing = size;
        isForClient = !session.isOwnAnswer();
      }
      const end = Math.min(chunk.length, at + missing);
      if (isForClient) keep(at, end);
      else wire.withheld_bytes += end - at;
      missing -= end - at;
      at = end;
    }
    return chunk.subarray(0, length);
  };
  const wire = {withheld_bytes: 0, send: unlessMalformed(send), receive: unlessMalformed(receive)};
  return wire;
}

/** First bytes of the server's messages. */
export const types = {
  parseComplete: 0x31,
  bindComplete: 0x32,
  notification: 0x41,
  commandComplete: 0x43,
  dataRow: 0x44,
  error: 0x45,
  notice: 0x4e,
  parameterStatus: 0x53,
  readyForQuery: 0x5a,
  copyData: 0x64,
  noData: 0x6e,
};
/** CommandComplete of ROLLBACK. No other command tag begins with the same four letters. */
export const rollbackBytes = headerBytes + 'ROLLBACK\0'.length;
export const rollbackTag = Buffer.from('ROLL').readUInt32BE();

export function queryMessage(text: string): Buffer {
  return message('Q', cString(text));
}

/** Parse, Bind and Execute of a statement without parameters, with results as text. */
export function executeMessages(text: string): Buffer {
  return Buffer.concat([
    message('P', cString(''), cString(text), int16(0)),
    message('B', cString(''), cString(''), int16(0), int16(0), int16(0)),
    message('E', cString(''), int32(0)),
  ]);
}

/** The same with Describe, because the simple protocol always describes rows. */
export function describedMessages(text: string): Buffer {
  const all = executeMessages(text);
  const executeBytes = 10;
  return Buffer.concat([
    all.subarray(0, all.length - executeBytes),
    message('D', Buffer.from('P'), cString('')),
    all.subarray(all.length - executeBytes),
  ]);
}

export function parseMessage(name: string, text: string, parameterTypes: Buffer): Buffer {
  return message('P', cString(name), cString(text), parameterTypes);
}

export const syncMessage = message('S');
export const committed = message('C', cString('COMMIT'));

/** `count` NUL-terminated strings from `at` on, and the offset after the last one. */
export function readStrings(body: Buffer, at: number, count: number): {strings: string[]; end: number} {
  const strings: string[] = [];
  let end = at;
  while (strings.length < count) {
    const nul = body.indexOf(0, end);
    const stop = nul === -1 ? body.length : nul;
    strings.push(body.toString('utf8', end, stop));
    end = stop + 1;
  }
  return {strings, end};
}

/** The ErrorResponse with its position in the client's own text, which follows `characters` of poolctl's. */
export function withPosition(error: Buffer, characters: number): Buffer {
  const fields: Buffer[] = [];
  for (let at = 5; at < error.length && error[at] !== 0; ) {
    const {strings, end} = readStrings(error, at + 1, 1);
    const position = Number(strings[0]);
    const isOwn = error[at] === 0x50 && position > characters;
    fields.push(isOwn ? Buffer.from(`P${position - characters}\0`) : Buffer.from(error.subarray(at, end)));
    at = end;
  }
  return message('E', ...fields, Buffer.alloc(1));
}

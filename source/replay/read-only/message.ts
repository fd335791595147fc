import {cString, headerBytes, int16, int32, message} from '../../postgres/wire/messages.ts';

/** First bytes of the server's messages. */
export const types = {
  parseComplete: 0x31,
  bindComplete: 0x32,
  notification: 0x41,
  commandComplete: 0x43,
  error: 0x45,
  notice: 0x4e,
  parameterStatus: 0x53,
  readyForQuery: 0x5a,
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

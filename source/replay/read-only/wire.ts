import {headerBytes} from '../../postgres/wire/messages.ts';
import {createReadOnlySession, type ReadOnlyOptions} from './session.ts';

export type ReadOnlyWire = {
  /** Returns the bytes to write to the server instead of `chunk`. */
  send(chunk: Buffer): Buffer;
  /** Returns the part of the server's bytes that is for the client. Overwrites `chunk`. */
  receive(chunk: Buffer): Buffer;
  /** Bytes of the server that the client did not receive. */
  withheld_bytes: number;
};

const dataRow = 0x44;
const copyData = 0x64;
const none: Buffer = Buffer.alloc(0);

/** A read-only session over a socket, whose chunks may begin and end inside a message. */
export function createReadOnlyWire(options: ReadOnlyOptions): ReadOnlyWire {
  const session = createReadOnlySession(options);
  let unsent = none;
  let unread = none;
  /** Bytes missing of a row that has partly arrived, and whether it is for the client. */
  let missing = 0;
  let isForClient = false;
  const wire: ReadOnlyWire = {
    withheld_bytes: 0,
    send(chunk) {
      const all = unsent.length === 0 ? chunk : Buffer.concat([unsent, chunk]);
      if (all.length >= headerBytes && all.readInt32BE(1) + 1 === all.length) {
        unsent = none;
        return session.take([all]);
      }
      const frames: Buffer[] = [];
      let at = 0;
      while (all.length - at >= headerBytes) {
        const end = at + all.readInt32BE(at + 1) + 1;
        if (end > all.length || end <= at) break;
        frames.push(all.subarray(at, end));
        at = end;
      }
      unsent = at === all.length ? none : Buffer.from(all.subarray(at));
      return session.take(frames);
    },
    receive(part) {
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
          const size =
            chunk.length - at < headerBytes ? Number.POSITIVE_INFINITY : chunk.readInt32BE(at + 1) + 1;
          const isRow = chunk[at] === dataRow || chunk[at] === copyData;
          if (size === Number.POSITIVE_INFINITY || (at + size > chunk.length && !isRow)) {
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
    },
  };
  return wire;
}

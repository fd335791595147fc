import {headerBytes} from '../../postgres/wire/message-reader.ts';
import {createReadOnlySession, type ReadOnlyOptions} from './session.ts';

export type ReadOnlyWire = {
  /** What the client sends, with what makes it read-only: to be written instead. */
  send(chunk: Buffer): Buffer;
  /** What the server answers, without what is not the client's. `chunk` is overwritten. */
  receive(chunk: Buffer): Buffer;
  /** Of the answers, so many bytes were not the client's. */
  withheld_bytes: number;
};

const dataRow = 0x44;
const copyData = 0x64;
const none: Buffer = Buffer.alloc(0);

/** A read-only session in chunks of any size, as a socket takes and gives them. */
export function createReadOnlyWire(options: ReadOnlyOptions): ReadOnlyWire {
  const session = createReadOnlySession(options);
  let sent = none;
  let stash = none;
  /** Of a row that came in part: the bytes to come, and whether they are the client's. */
  let left = 0;
  let isKept = false;
  const wire: ReadOnlyWire = {
    withheld_bytes: 0,
    send(chunk) {
      const all = sent.length === 0 ? chunk : Buffer.concat([sent, chunk]);
      if (all.length >= headerBytes && all.readInt32BE(1) + 1 === all.length) {
        sent = none;
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
      sent = at === all.length ? none : Buffer.from(all.subarray(at));
      return session.take(frames);
    },
    receive(part) {
      const chunk = stash.length === 0 ? part : Buffer.concat([stash, part]);
      stash = none;
      let at = 0;
      let kept = 0;
      const keep = (from: number, to: number) => {
        if (kept !== from) chunk.copyWithin(kept, from, to);
        kept += to - from;
      };
      while (at < chunk.length) {
        if (left === 0) {
          const size =
            chunk.length - at < headerBytes ? Number.POSITIVE_INFINITY : chunk.readInt32BE(at + 1) + 1;
          const isRow = chunk[at] === dataRow || chunk[at] === copyData;
          if (size === Number.POSITIVE_INFINITY || (at + size > chunk.length && !isRow)) {
            stash = Buffer.from(chunk.subarray(at));
            break;
          }
          if (!isRow) {
            const answer = session.answer(chunk, at, size);
            if (answer === true) keep(at, at + size);
            else if (answer === false) wire.withheld_bytes += size;
            else {
              kept += answer.copy(chunk, kept);
              wire.withheld_bytes += size - answer.length;
            }
            at += size;
            continue;
          }
          left = size;
          isKept = !session.isOurs();
        }
        const end = Math.min(chunk.length, at + left);
        if (isKept) keep(at, end);
        else wire.withheld_bytes += end - at;
        left -= end - at;
        at = end;
      }
      return chunk.subarray(0, kept);
    },
  };
  return wire;
}

/** Reads the fields of a message's body one after the other; RangeError where it ends before. */
export type BodyReader = {
  int16(): number;
  int32(): number;
  text(): string;
  /** A copy, which outlives the chunk that it came in; null for NULL (length -1). */
  value(): Buffer | null;
  /** undefined for one of more than `most` bytes. */
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

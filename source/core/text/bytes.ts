/**
 * Decodes bytes to text without loss. Valid UTF-8 is decoded as usual, including a byte order mark; any other byte B
 * becomes the lone surrogate U+DC00+B, which valid text never contains (Python's `surrogateescape`).
 */
export function decodeBytes(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeEscaping(bytes);
  }
}

/** The reverse of `decodeBytes`. */
export function encodeBytes(text: string): Uint8Array {
  const parts = text
    // With the u flag the class matches lone surrogates alone, never the second half of a pair.
    .split(/([\udc80-\udcff])/u)
    .map((part, index) => (index % 2 === 0 ? utf8.encode(part) : Uint8Array.of(part.charCodeAt(0) - 0xdc00)));
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const strict = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const utf8 = new TextEncoder();

function decodeEscaping(bytes: Uint8Array): string {
  let text = '';
  let start = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      text += strict.decode(bytes.subarray(start, at)) + String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      start = at + 1;
    }
    at += Math.max(length, 1);
  }
  return text + strict.decode(bytes.subarray(start));
}

/** The length of the well-formed UTF-8 sequence at `at`; 0 if there is none (Unicode, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  const [least, most] = secondByte[first] ?? [0x80, 0xbf];
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    const isOff = index === 1 ? byte < least || byte > most : (byte & 0xc0) !== 0x80;
    if (isOff) return 0;
  }
  return length;
}

/** First bytes after which not every continuation byte may follow: overlong forms, surrogates, above U+10FFFF. */
const secondByte: Record<number, [least: number, most: number]> = {
  224: [0xa0, 0xbf],
  237: [0x80, 0x9f],
  240: [0x90, 0xbf],
  244: [0x80, 0x8f],
};

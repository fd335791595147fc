/**
 * An array as array_send writes it, as text that array_in reads: `{1,NULL,"a b"}`. null where an element has no text,
 * or where its indexes do not begin at 1.
 */
export function arrayText(bytes: Buffer, readElement: (bytes: Buffer) => string | null): string | null {
  const dimensions = bytes.readInt32BE(0);
  if (dimensions === 0) return '{}';
  const sizes: number[] = [];
  let at = 12;
  for (let dimension = 0; dimension < dimensions; dimension++, at += 8) {
    if (bytes.readInt32BE(at + 4) !== 1) return null;
    sizes.push(bytes.readInt32BE(at));
  }
  const element = (): string | null => {
    const length = bytes.readInt32BE(at);
    at += 4 + Math.max(length, 0);
    if (length < 0) return 'NULL';
    if (at > bytes.length) throw new RangeError('the array is cut off');
    const text = readElement(bytes.subarray(at - length, at));
    return text === null ? null : quote(text);
  };
  const level = (depth: number): string | null => {
    const items: string[] = [];
    for (let index = 0; index < (sizes[depth] ?? 0); index++) {
      const item = depth === sizes.length - 1 ? element() : level(depth + 1);
      if (item === null) return null;
      items.push(item);
    }
    return `{${items.join(',')}}`;
  };
  return level(0);
}

function quote(text: string): string {
  if (/^[\w.+:-]+$/.test(text) && text.toUpperCase() !== 'NULL') return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

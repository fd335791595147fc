export type MessageReaderOptions = {
  /** How many bytes of a message of this type to keep, at most; 0 passes over it unseen. */
  keep(type: string): number;
  /** `body` is valid during the call only, and shorter than `length` where less was kept. */
  onMessage(type: string, body: Buffer, length: number): void;
};

const headBytes = 5;

/**
 * Cuts a stream of typed messages (one byte of type, four of length) as it goes by. What nobody wants is counted, not
 * copied: a result of any size passes through the memory of one chunk.
 */
export function createMessageReader({keep, onMessage}: MessageReaderOptions): (chunk: Buffer) => void {
  const head = Buffer.alloc(headBytes);
  let headLength = 0;
  let type = '';
  let length = 0;
  let rest = 0;
  let most = 0;
  let parts: Buffer[] = [];
  let kept = 0;

  /** What of a body is in this chunk; returns where it ends. */
  const takeBody = (chunk: Buffer, at: number): number => {
    const end = Math.min(at + rest, chunk.length);
    const wanted = Math.min(most - kept, end - at);
    const isWhole = rest === length && end - at === rest;
    if (wanted > 0 && !isWhole) parts.push(Buffer.from(chunk.subarray(at, at + wanted)));
    kept += wanted;
    rest -= end - at;
    if (rest === 0) {
      headLength = 0;
      if (most > 0) onMessage(type, isWhole ? chunk.subarray(at, at + wanted) : Buffer.concat(parts), length);
      parts = [];
    }
    return end;
  };

  return chunk => {
    let at = 0;
    while (at < chunk.length) {
      if (headLength < headBytes) {
        const taken = chunk.copy(head, headLength, at, at + headBytes - headLength);
        headLength += taken;
        at += taken;
        if (headLength < headBytes) return;
        type = String.fromCharCode(head[0] ?? 0);
        length = Math.max(head.readInt32BE(1) - 4, 0);
        rest = length;
        most = keep(type);
        kept = 0;
        if (rest > 0) continue;
      }
      at = takeBody(chunk, at);
    }
  };
}

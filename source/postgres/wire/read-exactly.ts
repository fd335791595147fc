import type {Readable} from 'node:stream';

/** The next `length` bytes of a stream that is not flowing yet; null where it ends before. */
export async function readExactly(stream: Readable, length: number): Promise<Buffer | null> {
  if (length === 0) return Buffer.alloc(0);
  for (;;) {
    const bytes: Buffer | null = stream.read(length);
    // At the end, read() hands out what is left, however little.
    if (bytes !== null) return bytes.length === length ? bytes : null;
    if (stream.readableEnded || stream.destroyed) return null;
    await readableOrOver(stream);
  }
}

function readableOrOver(stream: Readable): Promise<void> {
  const events = ['readable', 'end', 'error', 'close'];
  return new Promise(resolve => {
    const done = () => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}

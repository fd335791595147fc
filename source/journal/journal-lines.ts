import {createReadStream} from 'node:fs';
import type {FileHandle} from 'node:fs/promises';

/** The complete lines of a file in slices, without holding it; what follows the last newline is left out. */
export async function* readLines(file: string): AsyncGenerator<string[]> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(file, {encoding: 'utf8', highWaterMark: 256 * 1024})) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      yield lines;
    }
  } catch (error) {
    // No journal yet is an empty one.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

export type Tail = {
  /** The last complete lines, oldest first; [] in an empty file. */
  lines: string[];
  /** Whether `lines` begins with the file's first line. */
  isWhole: boolean;
  /** Where the last complete line ends, newline included. */
  end: number;
  /** What follows it: the beginning of a line whose writer died, or is still writing. */
  torn: Buffer;
};

/** The end of a file, read backwards until at least one complete line is in it. */
export async function readTail(handle: FileHandle): Promise<Tail> {
  const {size} = await handle.stat();
  for (let length = Math.min(size, 16 * 1024); ; length = Math.min(size, length * 8)) {
    const bytes = await readRange(handle, size - length, length);
    const isWhole = length === size;
    const last = bytes.lastIndexOf(newline);
    const first = isWhole ? 0 : bytes.indexOf(newline) + 1;
    if (!isWhole && (last === -1 || first > last)) continue;
    const text = bytes.subarray(first, last + 1).toString('utf8');
    return {
      lines: text === '' ? [] : text.slice(0, -1).split('\n'),
      isWhole,
      end: size - length + last + 1,
      torn: bytes.subarray(last + 1),
    };
  }
}

const newline = 0x0a;

async function readRange(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const {bytesRead} = await handle.read(bytes, read, length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

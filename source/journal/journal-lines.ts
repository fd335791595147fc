import {isUtf8} from 'node:buffer';
import type {FileHandle} from 'node:fs/promises';

/** Complete lines, in their order: null for one that is not UTF-8, for decoding would hide what it holds. */
export type Lines = (string | null)[];

export type LinesEnd = {
  /** Where the last complete line ends, newline included. */
  end: number;
  /** What follows it: the beginning of a line whose writer died, or is still writing. */
  torn: Buffer;
};

/** Beyond any entry: what is no line by then is none. */
const mostLineBytes = 64 * 1024 * 1024;
const sliceBytes = 256 * 1024;
const newline = 0x0a;

/** Reads the lines of a file from `start` on in slices, without holding them. */
export async function readLines(
  handle: FileHandle,
  start: number,
  onLines: (lines: Lines) => void,
): Promise<LinesEnd> {
  const slice = Buffer.alloc(sliceBytes);
  let torn = Buffer.alloc(0);
  let end = start;
  for (;;) {
    const {bytesRead} = await handle.read(slice, 0, sliceBytes, end + torn.length);
    if (bytesRead === 0) return {end, torn};
    const bytes = Buffer.concat([torn, slice.subarray(0, bytesRead)]);
    const length = bytes.lastIndexOf(newline) + 1;
    if (length > 0) onLines(linesOf(bytes.subarray(0, length - 1)));
    torn = bytes.subarray(length);
    end += length;
    if (torn.length > mostLineBytes) {
      onLines([null]);
      return {end, torn: Buffer.alloc(0)};
    }
  }
}

function linesOf(bytes: Buffer): Lines {
  if (isUtf8(bytes)) return bytes.toString('utf8').split('\n');
  // No byte of a longer UTF-8 sequence is a newline: what is cut at them can be judged by itself.
  const lines: Lines = [];
  for (let at = 0; at <= bytes.length; ) {
    const next = bytes.indexOf(newline, at);
    const line = bytes.subarray(at, next === -1 ? bytes.length : next);
    lines.push(isUtf8(line) ? line.toString('utf8') : null);
    at += line.length + 1;
  }
  return lines;
}

import {usageError} from '../core/errors.ts';
import {jsonText} from '../core/json-text.ts';

/** The first line of a recording: what it is, so that `file` and a person can tell. */
export type Header = {poolctl_recording: 1; target: string};

export function writeHeader(target: string): Buffer {
  const header: Header = {poolctl_recording: 1, target};
  return Buffer.from(`${jsonText(header)}\n`);
}

/** Whether a file begins as a recording does. */
export function isRecording(bytes: Buffer): boolean {
  return headerIn(bytes) !== null;
}

/** The header and where it ends. Throws AbortError (exit 2) where `bytes` do not begin with one. */
export function readHeader(bytes: Buffer, file: string): {header: Header; end: number} {
  const read = headerIn(bytes);
  if (read === null) {
    throw usageError(`${file} is not a recording of poolctl`, "'poolctl record FILE' makes one");
  }
  return read;
}

function headerIn(bytes: Buffer): {header: Header; end: number} | null {
  const newline = bytes.subarray(0, 4096).indexOf(0x0a);
  const header = newline === -1 ? null : parseHeader(bytes.toString('utf8', 0, newline));
  return header && {header, end: newline + 1};
}

function parseHeader(line: string): Header | null {
  try {
    const value = JSON.parse(line) as Partial<Header> | null;
    return value?.poolctl_recording === 1 && typeof value.target === 'string' ? (value as Header) : null;
  } catch {
    return null;
  }
}

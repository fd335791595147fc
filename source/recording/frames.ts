import {crc32} from 'node:zlib';
import {usageError} from '../core/errors.ts';
import {jsonText} from '../core/text/json.ts';
import type {Severity} from '../model/finding.ts';

/**
 * One piece of a recording. `key` begins a group of readings that are packed together and is readable by itself,
 * `delta` is a further one of its group, `lost` says that the server could not be read.
 */
export type Frame = {
  kind: (typeof kinds)[number];
  at_ms: number;
  severity: Severity | null;
  payload: Buffer;
};

const kinds = ['key', 'delta', 'lost'] as const;
const severities: readonly Frame['severity'][] = [null, 'warning', 'critical'];

/** marker 2, length 4, checksum 4, kind 1, severity 1, milliseconds since 1970 as a double 8; little endian. */
const headerBytes = 20;
const marker = Buffer.from([0xf7, 0x70]);
const mostPayloadBytes = 64 * 1024 * 1024;

/** A frame as bytes; its checksum covers all that follows the checksum. */
export function writeFrame({kind, at_ms, severity, payload}: Frame): Buffer {
  const bytes = Buffer.alloc(headerBytes + payload.length);
  marker.copy(bytes);
  bytes.writeUInt32LE(payload.length, 2);
  bytes.writeUInt8(kinds.indexOf(kind), 10);
  bytes.writeUInt8(severities.indexOf(severity), 11);
  bytes.writeDoubleLE(at_ms, 12);
  payload.copy(bytes, headerBytes);
  bytes.writeUInt32LE(crc32(bytes.subarray(10)), 6);
  return bytes;
}

export type ReadFrames = {
  frames: Frame[];
  /** Where the last whole frame ends. */
  end: number;
  /** Bytes in between that are no frames. */
  damaged_bytes: number;
};

/** Every readable frame from `offset` on. What is damaged is stepped over, up to where a frame begins again. */
export function readFrames(bytes: Buffer, offset: number): ReadFrames {
  const read: ReadFrames = {frames: [], end: offset, damaged_bytes: 0};
  let at = offset;
  let isGroupWhole = true;
  while (at < bytes.length) {
    const frame = frameAt(bytes, at);
    if (frame === null) {
      const next = bytes.indexOf(marker, at + 1);
      at = next === -1 ? bytes.length : next;
      continue;
    }
    // A group whose middle is missing cannot be followed: its rest is left out up to the next key.
    isGroupWhole = frame.kind === 'key' || (isGroupWhole && at === read.end);
    read.damaged_bytes += at - read.end;
    if (isGroupWhole || frame.kind === 'lost') read.frames.push(frame);
    at += headerBytes + frame.payload.length;
    read.end = at;
  }
  return read;
}

function frameAt(bytes: Buffer, at: number): Frame | null {
  if (at + headerBytes > bytes.length || !bytes.subarray(at, at + 2).equals(marker)) return null;
  const length = bytes.readUInt32LE(at + 2);
  const end = at + headerBytes + length;
  if (length > mostPayloadBytes || end > bytes.length) return null;
  if (crc32(bytes.subarray(at + 10, end)) !== bytes.readUInt32LE(at + 6)) return null;
  const kind = kinds[bytes.readUInt8(at + 10)];
  const severity = severities[bytes.readUInt8(at + 11)];
  if (kind === undefined || severity === undefined) return null;
  return {kind, severity, at_ms: bytes.readDoubleLE(at + 12), payload: bytes.subarray(at + headerBytes, end)};
}

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

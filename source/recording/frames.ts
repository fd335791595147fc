import {crc32} from 'node:zlib';
import {usageError} from '../core/errors.ts';
import {jsonText} from '../core/text/json.ts';
import type {Severity} from '../model/recipe.ts';

/**
 * One record of a file. `key` starts a group and can be decoded alone, `delta` is the next snapshot of the group,
 * `lost` is a failed read of the server.
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
const maxPayloadBytes = 64 * 1024 * 1024;

/** Serialises a frame; the checksum covers everything after it. */
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
  /** Offset after the last complete frame. */
  end: number;
  /** Bytes between frames that could not be read. */
  damaged_bytes: number;
};

/** Every readable frame from `offset` on. Damaged bytes are skipped up to the next frame. */
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
    // After a damaged frame the rest of its group cannot be decoded: skip to the next key frame.
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
  if (length > maxPayloadBytes || end > bytes.length) return null;
  if (crc32(bytes.subarray(at + 10, end)) !== bytes.readUInt32LE(at + 6)) return null;
  const kind = kinds[bytes.readUInt8(at + 10)];
  const severity = severities[bytes.readUInt8(at + 11)];
  if (kind === undefined || severity === undefined) return null;
  return {kind, severity, at_ms: bytes.readDoubleLE(at + 12), payload: bytes.subarray(at + headerBytes, end)};
}

/** The version of the format; there has been only this one. */
export const recordingVersion = 1;

/** The first line of a recording, readable text that identifies the file. */
export type Header = {poolctl_recording: typeof recordingVersion; target: string};

export function writeHeader(target: string): Buffer {
  const header: Header = {poolctl_recording: recordingVersion, target};
  return Buffer.from(`${jsonText(header)}\n`);
}

/** Whether the bytes start with a recording's header. */
export function isRecording(bytes: Buffer): boolean {
  return headerIn(bytes) !== null;
}

/** The header and its length. Throws AbortError (exit 2) without a header. */
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
    return value?.poolctl_recording === recordingVersion && typeof value.target === 'string'
      ? (value as Header)
      : null;
  } catch {
    return null;
  }
}

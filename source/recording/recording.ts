import {open, readFile, unlink} from 'node:fs/promises';
import {AbortError, exitCodes, usageError} from '../core/errors.ts';
import type {
  Outage,
  ReadFailure,
  RecordedAt,
  RecordedSnapshot,
  Recording,
  SnapshotBuffer,
} from '../model/ports.ts';
import {createEncoder, decodeGroup, failureFrame, readFailure} from './encoder.ts';
import {type Frame, readFrames, readHeader, writeFrame, writeHeader} from './frames.ts';
import {rotatedName} from './recording-file.ts';

export type OpenRecording = {
  recording: Recording;
  target: string;
  /** What could not be read; null if everything could. */
  problem: string | null;
};

/**
 * Opens a recording, preceded by its rotated file if there is one. Throws AbortError (exit 2) if the file is no recording,
 * cannot be read, or contains no snapshot.
 */
export async function openRecording(file: string): Promise<OpenRecording> {
  const rotated = await readPart(rotatedName(file)).catch(() => null);
  // A writer that died during rotation leaves only the rotated file.
  const last = await readPart(file).catch(error => rotated ?? Promise.reject(error));
  const first = rotated !== last && rotated?.target === last.target ? rotated : null;
  const recording = createFrameRecording();
  for (const frame of [...(first?.frames ?? []), ...last.frames]) recording.add(frame);
  if (recording.times().length === 0) {
    throw usageError(`${file} contains no snapshot`, "'poolctl record' ended before the first one.");
  }
  const lost = (first?.lost_bytes ?? 0) + last.lost_bytes;
  return {
    recording,
    target: last.target,
    problem: lost > 0 ? `${lost} bytes are damaged or truncated and were skipped` : null,
  };
}

type Part = {target: string; frames: Frame[]; lost_bytes: number};

async function readPart(file: string): Promise<Part> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw usageError(
      `cannot read ${file}: ${error.message.split(',')[0]}`,
      'Give a file that poolctl record has written.',
      error,
    );
  });
  const {header, end: start} = readHeader(bytes, file);
  const {frames, end, damaged_bytes} = readFrames(bytes, start);
  return {target: header.target, frames, lost_bytes: damaged_bytes + bytes.length - end};
}

type FrameRecording = Recording & {
  add(frame: Frame): void;
  /** Drops the oldest group; false if it is the only one. */
  dropOldest(): boolean;
  frames(): readonly Frame[];
  bytes(): number;
  /** From the first snapshot to the last. */
  spanned_ms(): number;
};

/** A snapshot's time, its group and its index in the group. */
type Place = {recordedAt: RecordedAt; group: Frame[]; index: number};

const cachedGroups = 2;

/** A recording over frames. Of two snapshots with the same time the later is kept: it has the statements. */
function createFrameRecording(): FrameRecording {
  let all: Frame[] = [];
  let places: Place[] = [];
  let times: RecordedAt[] | null = null;
  let bytes = 0;
  const decoded = new Map<Frame[], RecordedSnapshot[]>();

  function snapshotsOf(group: Frame[]): RecordedSnapshot[] {
    const known = decoded.get(group);
    if (known?.length === group.length) return known;
    const snapshots = decodeGroup(group);
    decoded.delete(group);
    decoded.set(group, snapshots);
    for (const other of decoded.keys()) if (decoded.size > cachedGroups) decoded.delete(other);
    return snapshots;
  }

  return {
    add(frame) {
      if (frame.kind === 'lost') {
        all.push(frame);
        return;
      }
      const latest = places.at(-1);
      const group = frame.kind === 'key' ? [] : latest?.group;
      // Its key frame is missing, so it cannot be decoded.
      if (group === undefined) return;
      all.push(frame);
      bytes += frame.payload.length;
      group.push(frame);
      const {at_ms, severity} = frame;
      if (latest?.recordedAt.at_ms === at_ms) places.pop();
      places.push({recordedAt: {at_ms, severity}, group, index: group.length - 1});
      times = null;
    },
    dropOldest() {
      const oldest = places[0]?.group;
      const next = places.find(({group}) => group !== oldest)?.group[0];
      if (oldest === undefined || next === undefined) return false;
      const from = all.indexOf(next);
      for (const {kind, payload} of all.slice(0, from)) if (kind !== 'lost') bytes -= payload.length;
      all = all.slice(from);
      places = places.filter(({group}) => group !== oldest);
      times = null;
      return true;
    },
    frames: () => all,
    bytes: () => bytes,
    spanned_ms: () => (places.at(-1)?.recordedAt.at_ms ?? 0) - (places[0]?.recordedAt.at_ms ?? 0),
    times() {
      times ??= places.map(({recordedAt}) => recordedAt);
      return times;
    },
    outages: () => outagesIn(all),
    async read(from, to) {
      return places.slice(from, to + 1).flatMap(({group, index}) => snapshotsOf(group)[index] ?? []);
    },
  };
}

/**
 * An outage begins right after the last snapshot: a failed read takes seconds to be noticed, and is dated by poolctl's clock, which may
 * differ from the server's.
 */
function outagesIn(frames: readonly Frame[]): Outage[] {
  const outages: Outage[] = [];
  let after_ms: number | null = null;
  for (const frame of frames) {
    const open = outages.at(-1)?.until_ms === null ? outages.at(-1) : undefined;
    if (frame.kind !== 'lost') {
      after_ms = frame.at_ms;
      if (open) Object.assign(open, {at_ms: Math.min(open.at_ms, after_ms - 1), until_ms: after_ms});
    } else if (open === undefined) {
      const {at_ms, message} = readFailure(frame);
      outages.push({at_ms: after_ms === null ? at_ms : after_ms + 1, until_ms: null, message});
    }
  }
  return outages;
}

export type SnapshotBufferOptions = {
  max_ms: number;
  /** Of encoded frames; the two groups read last are also kept decoded. */
  max_bytes: number;
  /** The file that `save` creates by default. */
  fileFor(target: string): string;
};

/** The latest snapshots, encoded in memory. Beyond its bounds the oldest groups are dropped, never the last. */
export function createSnapshotBuffer({max_ms, max_bytes, fileFor}: SnapshotBufferOptions): SnapshotBuffer {
  const recording = createFrameRecording();
  const encoder = createEncoder();
  let target: string | null = null;
  let hasFailed = false;
  let last: Promise<unknown> = Promise.resolve();
  return {
    times: recording.times,
    outages: recording.outages,
    read: recording.read,
    add(snapshot, severity) {
      target = snapshot.target.id;
      hasFailed = false;
      last = last
        .then(() => encoder.encode(snapshot, severity))
        .then(frame => {
          recording.add(frame);
          while (isBeyond(recording, {max_ms, max_bytes}) && recording.dropOldest());
        })
        // A snapshot that cannot be recorded is only missing from the history.
        .catch(() => encoder.restart());
    },
    addFailure(failure: ReadFailure) {
      if (hasFailed) return;
      hasFailed = true;
      last = last.then(() => recording.add(failureFrame(failure)));
    },
    flushed: () => last,
    async save(file) {
      await last;
      if (target === null) throw refused('there is no snapshot yet', 'Wait for the first one.');
      const path = file ?? fileFor(target);
      await writeNew(path, [writeHeader(target), ...recording.frames().map(writeFrame)]);
      return path;
    },
  };
}

function isBeyond(
  recording: FrameRecording,
  {max_ms, max_bytes}: {max_ms: number; max_bytes: number},
): boolean {
  return recording.bytes() > max_bytes || recording.spanned_ms() > max_ms;
}

/** Creates a file; never overwrites one. */
async function writeNew(path: string, pieces: readonly Buffer[]): Promise<void> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(Buffer.concat(pieces));
      await handle.sync();
    } catch (error) {
      await unlink(path).catch(() => {});
      throw error;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw refused(
      `cannot write ${path}: ${(error as Error).message.split(',')[0]}`,
      'use another name: :write FILE',
    );
  }
}

function refused(message: string, hint: string): AbortError {
  return new AbortError(message, {hint, exitCode: exitCodes.actFailed});
}

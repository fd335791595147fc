import {readFile} from 'node:fs/promises';
import {usageError} from '../core/errors.ts';
import type {RecordedAt, RecordedSnapshot, Recording} from '../model/recording.ts';
import {decodeGroup, readLoss} from './encoder.ts';
import {type Frame, readFrames, readHeader} from './frames.ts';

import {rotatedName} from './recording-file.ts';

export type OpenRecording = {
  recording: Recording;
  target: string;
  /** What could not be read of it; null where all of it could. */
  problem: string | null;
};

/**
 * A recording and, before it, what it was rotated to. Throws AbortError (exit 2) for a file that is none, cannot be
 * read, or has no reading in it.
 */
export async function openRecording(file: string): Promise<OpenRecording> {
  const rotated = await readPart(rotatedName(file)).catch(() => null);
  // A writer that died while it rotated leaves the rotated one alone.
  const last = await readPart(file).catch(error => rotated ?? Promise.reject(error));
  const first = rotated !== last && rotated?.target === last.target ? rotated : null;
  const recording = createFrameRecording();
  for (const frame of [...(first?.frames ?? []), ...last.frames]) recording.add(frame);
  if (recording.times().length === 0) {
    throw usageError(`${file} has no reading in it`, "'poolctl record' was ended before the first one.");
  }
  const lost = (first?.lost_bytes ?? 0) + last.lost_bytes;
  return {
    recording,
    target: last.target,
    problem: lost > 0 ? `${lost} bytes of it are damaged or cut off and were left out` : null,
  };
}

type Part = {target: string; frames: Frame[]; lost_bytes: number};

async function readPart(file: string): Promise<Part> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw usageError(
      `cannot read ${file}: ${error.message.split(',')[0]}`,
      'It is a file that poolctl record has written.',
      error,
    );
  });
  const {header, end: start} = readHeader(bytes, file);
  const {frames, end, damaged_bytes} = readFrames(bytes, start);
  return {target: header.target, frames, lost_bytes: damaged_bytes + bytes.length - end};
}

export type FrameRecording = Recording & {
  add(frame: Frame): void;
  /** Forgets the oldest group; false where it is the only one. */
  forgetOldest(): boolean;
  frames(): readonly Frame[];
  bytes(): number;
};

/** A moment, the group it is in and its place there. */
type Place = {moment: RecordedAt; group: Frame[]; index: number};

const keptGroups = 2;

/** Frames as a recording. Of two readings of the same moment the later one counts: its statements came with it. */
export function createFrameRecording(): FrameRecording {
  let all: Frame[] = [];
  let places: Place[] = [];
  let moments: RecordedAt[] | null = null;
  let bytes = 0;
  const decoded = new Map<Frame[], RecordedSnapshot[]>();

  function readingsOf(group: Frame[]): RecordedSnapshot[] {
    const known = decoded.get(group);
    if (known?.length === group.length) return known;
    const readings = decodeGroup(group);
    decoded.delete(group);
    decoded.set(group, readings);
    for (const other of decoded.keys()) if (decoded.size > keptGroups) decoded.delete(other);
    return readings;
  }

  return {
    add(frame) {
      if (frame.kind === 'lost') {
        all.push(frame);
        return;
      }
      const latest = places.at(-1);
      const group = frame.kind === 'key' ? [] : latest?.group;
      // The key it belongs to is missing: nothing can be made of it.
      if (group === undefined) return;
      all.push(frame);
      bytes += frame.payload.length;
      group.push(frame);
      const {at_ms, severity} = frame;
      if (latest?.moment.at_ms === at_ms) places.pop();
      places.push({moment: {at_ms, severity}, group, index: group.length - 1});
      moments = null;
    },
    forgetOldest() {
      const oldest = places[0]?.group;
      const next = places.find(({group}) => group !== oldest)?.group[0];
      if (oldest === undefined || next === undefined) return false;
      const from = all.indexOf(next);
      for (const {kind, payload} of all.slice(0, from)) if (kind !== 'lost') bytes -= payload.length;
      all = all.slice(from);
      places = places.filter(({group}) => group !== oldest);
      moments = null;
      return true;
    },
    frames: () => all,
    bytes: () => bytes,
    times() {
      moments ??= places.map(({moment}) => moment);
      return moments;
    },
    failures: () => all.filter(({kind}) => kind === 'lost').map(readLoss),
    async read(from, to) {
      return places.slice(from, to + 1).flatMap(({group, index}) => readingsOf(group)[index] ?? []);
    },
  };
}

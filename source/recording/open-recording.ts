import {readFile} from 'node:fs/promises';
import {usageError} from '../core/errors.ts';
import type {Tape} from '../model/recording.ts';
import {createFrameTape} from './frame-tape.ts';
import {type Frame, readFrames} from './frames.ts';
import {readHeader} from './header.ts';
import {rotatedName} from './recording-file.ts';

export type Recording = {
  tape: Tape;
  target: string;
  /** What could not be read of it; null where all of it could. */
  problem: string | null;
};

/**
 * A recording and, before it, what it was rotated to. Throws AbortError (exit 2) for a file that is none, cannot be
 * read, or has no reading in it.
 */
export async function openRecording(file: string): Promise<Recording> {
  const rotated = await readPart(rotatedName(file)).catch(() => null);
  // A writer that died while it rotated leaves the rotated one alone.
  const last = await readPart(file).catch(error => rotated ?? Promise.reject(error));
  const first = rotated !== last && rotated?.target === last.target ? rotated : null;
  const tape = createFrameTape();
  for (const frame of [...(first?.frames ?? []), ...last.frames]) tape.add(frame);
  if (tape.moments().length === 0) {
    throw usageError(`${file} has no reading in it`, "'poolctl record' was ended before the first one.");
  }
  const lost = (first?.lost_bytes ?? 0) + last.lost_bytes;
  return {
    tape,
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

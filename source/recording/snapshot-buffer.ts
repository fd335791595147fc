import {open, unlink} from 'node:fs/promises';
import {AbortError, exitCodes} from '../core/errors.ts';
import type {ReadFailure, SnapshotBuffer} from '../model/recording.ts';
import {createEncoder, failureFrame} from './encoder.ts';
import {writeFrame, writeHeader} from './frames.ts';
import {createFrameRecording, type FrameRecording} from './open-recording.ts';

export type SnapshotBufferOptions = {
  most_ms: number;
  /** Of encoded frames; the two groups read last are also kept decoded. */
  most_bytes: number;
  /** The file that `save` creates by default. */
  fileFor(target: string): string;
};

/** The latest snapshots, encoded in memory. Beyond its bounds the oldest groups are dropped, never the last. */
export function createSnapshotBuffer({most_ms, most_bytes, fileFor}: SnapshotBufferOptions): SnapshotBuffer {
  const tape = createFrameRecording();
  const encoder = createEncoder();
  let target: string | null = null;
  let isLost = false;
  let last: Promise<unknown> = Promise.resolve();
  return {
    times: tape.times,
    failures: tape.failures,
    read: tape.read,
    add(snapshot, severity) {
      target = snapshot.target.id;
      isLost = false;
      last = last
        .then(() => encoder.encode(snapshot, severity))
        .then(frame => {
          tape.add(frame);
          while (isBeyond(tape, {most_ms, most_bytes}) && tape.dropOldest());
        })
        // A snapshot that cannot be recorded is only missing from the history.
        .catch(() => encoder.restart());
    },
    addFailure(loss: ReadFailure) {
      if (isLost) return;
      isLost = true;
      last = last.then(() => tape.add(failureFrame(loss)));
    },
    flushed: () => last,
    async save(file) {
      await last;
      if (target === null) throw refused('there is no snapshot yet', 'Wait for the first one.');
      const path = file ?? fileFor(target);
      await writeNew(path, [writeHeader(target), ...tape.frames().map(writeFrame)]);
      return path;
    },
  };
}

function isBeyond(
  tape: FrameRecording,
  {most_ms, most_bytes}: {most_ms: number; most_bytes: number},
): boolean {
  const moments = tape.times();
  const spanned_ms = (moments.at(-1)?.at_ms ?? 0) - (moments[0]?.at_ms ?? 0);
  return tape.bytes() > most_bytes || spanned_ms > most_ms;
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

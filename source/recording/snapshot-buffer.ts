import {open, unlink} from 'node:fs/promises';
import {AbortError, exitCodes} from '../core/errors.ts';
import type {ReadFailure, SnapshotBuffer} from '../model/ports.ts';
import {createEncoder, failureFrame} from './encoder.ts';
import {writeFrame, writeHeader} from './frames.ts';
import {createFrameRecording, type FrameRecording} from './open-recording.ts';

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
    failures: recording.failures,
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
  const times = recording.times();
  const spanned_ms = (times.at(-1)?.at_ms ?? 0) - (times[0]?.at_ms ?? 0);
  return recording.bytes() > max_bytes || spanned_ms > max_ms;
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

import {constants, type FileHandle, open, readFile, rename} from 'node:fs/promises';
import {dirname} from 'node:path';
import {AbortError, exitCodes, usageError} from '../core/errors.ts';
import type {ReadFailure, RecordedSnapshot} from '../model/ports.ts';
import type {Severity} from '../model/recipe.ts';
import {createEncoder, type EncoderOptions, failureFrame} from './encoder.ts';
import {type Frame, readFrames, readHeader, writeFrame, writeHeader} from './frames.ts';

export type RecordingFile = {
  /** Resolves when written to the system, so it survives this process; it is on disk within `syncEveryMs`. */
  add(snapshot: RecordedSnapshot, severity: Severity | null): Promise<void>;
  /** Records a failed read; of consecutive failures only the first. */
  addFailure(failure: ReadFailure): Promise<void>;
  /** Resolves when everything is on disk. */
  close(): Promise<void>;
  written(): {snapshots: number; bytes: number};
};

/** Documented in `poolctl record --help`. */
const syncEveryMs = 10_000;

/** The name of the rotated file, which replaces an earlier rotated file. */
export function rotatedName(file: string): string {
  return `${file}.1`;
}

/**
 * Opens `file` for appending, or creates it, readable by its owner only. Together with its rotated file it stays below
 * `max_bytes`, give or take one snapshot. Removes a torn tail. Throws AbortError: exit 2 if the file is no recording or
 * of another target, 7 if the system refuses.
 */
export async function openRecordingFile(
  file: string,
  options: EncoderOptions & {max_bytes: number; now?: () => number},
): Promise<RecordingFile> {
  const now = options.now ?? (() => performance.now());
  const encoder = createEncoder(options);
  const written = {snapshots: 0, bytes: 0};
  let current = await guarded(file, () => openExisting(file));
  let lastSyncMs = now();
  let hasFailed = false;

  async function append(frame: Frame): Promise<void> {
    if (current === null) return;
    const bytes = writeFrame(frame);
    await writeAt(current, bytes, file);
    written.bytes += bytes.length;
    if (now() - lastSyncMs < syncEveryMs) return;
    await current.handle.datasync();
    lastSyncMs = now();
  }

  /** The file for the next snapshot, created or rotated if due. */
  async function fileFor(target: string): Promise<OpenFile> {
    if (current === null) return begin(file, target);
    if (current.target !== target) throw otherTarget(file, current.target, target);
    if (current.size < options.max_bytes / 2) return current;
    await current.handle.datasync();
    await current.handle.close();
    await rename(file, rotatedName(file));
    encoder.restart();
    return begin(file, target);
  }

  return {
    add: (snapshot, severity) =>
      guarded(file, async () => {
        current = await fileFor(snapshot.target.id);
        await append(await encoder.encode(snapshot, severity));
        written.snapshots++;
        hasFailed = false;
      }),
    addFailure: failure =>
      guarded(file, async () => {
        if (!hasFailed) await append(failureFrame(failure));
        hasFailed = true;
      }),
    close: () =>
      guarded(file, async () => {
        encoder.restart();
        await current?.handle.sync();
        await current?.handle.close();
        current = null;
      }),
    written: () => written,
  };
}

/** `size`: what this process has written or read. */
type OpenFile = {handle: FileHandle; target: string; size: number};

async function openExisting(file: string): Promise<OpenFile | null> {
  const handle = await openIfThere(file);
  if (handle === null) return null;
  try {
    const bytes = await readFile(handle);
    const {header, end: start} = readHeader(bytes, file);
    const {end} = readFrames(bytes, start);
    if (end < bytes.length) await handle.truncate(end);
    await handle.chmod(0o600);
    return {handle, target: header.target, size: end};
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openIfThere(file: string): Promise<FileHandle | null> {
  const {O_RDWR, O_APPEND} = constants;
  try {
    return await open(file, O_RDWR | O_APPEND);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Fail now rather than at the first snapshot if the file cannot be created.
    await (await open(`${file}.new`, 'w', 0o600)).close();
    return null;
  }
}

/** Creates a recording. The file is renamed into place after its header is written, so it never lacks one. */
async function begin(file: string, target: string): Promise<OpenFile> {
  const header = writeHeader(target);
  const fresh = await open(`${file}.new`, 'w', 0o600);
  try {
    await fresh.appendFile(header);
    await fresh.sync();
  } finally {
    await fresh.close();
  }
  await rename(`${file}.new`, file);
  const folder = await open(dirname(file), constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
  const handle = await open(file, constants.O_RDWR | constants.O_APPEND);
  return {handle, target, size: header.length};
}

/** Appends a frame and removes a partial one (disk full). Throws AbortError (exit 7) if another process writes the file. */
async function writeAt(to: OpenFile, bytes: Buffer, file: string): Promise<void> {
  if ((await to.handle.stat()).size !== to.size) {
    throw new AbortError(`another process is writing to ${file}`, {
      hint: 'Use a separate file for each recording.',
      exitCode: exitCodes.actFailed,
    });
  }
  try {
    await to.handle.appendFile(bytes);
    to.size += bytes.length;
  } catch (error) {
    await to.handle.truncate(to.size).catch(() => {});
    throw error;
  }
}

async function guarded<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AbortError || (error as NodeJS.ErrnoException).code === undefined) throw error;
    const reason = (error as Error).message.split(',')[0];
    throw new AbortError(`cannot write the recording ${file}: ${reason}`, {
      hint: 'What was recorded so far can be played.',
      exitCode: exitCodes.actFailed,
      cause: error,
    });
  }
}

function otherTarget(file: string, recorded: string, current: string): AbortError {
  return usageError(
    `${file} is a recording of ${recorded}, this is ${current}`,
    'Use a separate file for each target.',
  );
}

import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import {usageError} from '../../core/errors.ts';
import {
  type Baseline,
  baselineBetween,
  baselineOf,
  parseSnapshotDocument,
} from '../../core/health/baseline.ts';
import type {Recording} from '../../model/ports.ts';
import {type CliContext, printMessage} from '../context.ts';

/** Reads the JSON of `poolctl snapshot`, or a recording. Throws AbortError (exit 2) for any other file. */
export async function readBaseline(
  {cwd, output}: Pick<CliContext, 'cwd' | 'output'>,
  file: string,
): Promise<Baseline> {
  const path = resolve(cwd, file);
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`cannot read ${file}: ${error.code ?? 'unknown error'}`, baselineHint);
  });
  const {isRecording} = await import('../../recording/frames.ts');
  if (isRecording(bytes)) {
    const {openRecording} = await import('../../recording/recording.ts');
    const {recording, problem} = await openRecording(path);
    if (problem !== null) printMessage(output, `${file}: ${problem}`);
    return baselineOfRecording(recording);
  }
  const snapshot = parseSnapshotDocument(bytes.toString('utf8'));
  if (snapshot !== null) return baselineOf(snapshot);
  throw usageError(`${file} is neither a snapshot nor a recording`, baselineHint);
}

const baselineHint = "Make one with 'poolctl snapshot > before.json' or 'poolctl record before.poolctl'.";

/** Enough for an average of slots; decompressing all snapshots of a day takes minutes. */
const maxSnapshots = 200;

async function baselineOfRecording(recording: Recording): Promise<Baseline> {
  const last = recording.times().length - 1;
  const stride = Math.max(1, Math.ceil(last / maxSnapshots));
  const used: number[] = [];
  let first = null;
  let latest = null;
  for (let index = last % stride; index <= last; index += stride) {
    const [snapshot] = await recording.read(index, index);
    if (snapshot === undefined) continue;
    used.push(snapshot.budget.used);
    // The first snapshots of a recording can lack their statements.
    if (snapshot.statements.length > 0) first ??= snapshot;
    latest = snapshot;
  }
  if (latest === null) throw usageError('the recording has no snapshot', baselineHint);
  const average = used.reduce((sum, each) => sum + each, 0) / used.length;
  return baselineBetween(first ?? latest, latest, average);
}

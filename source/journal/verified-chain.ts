import type {FileHandle} from 'node:fs/promises';
import type {JournalEntry} from '../model/journal-entry.ts';
import {type ChainEnd, createChainReader, emptyChain} from './chain.ts';
import {type Lines, readLines} from './journal-lines.ts';
import {sha256} from './sha256.ts';

/** How far a process has verified a file: all of it, when it is first read; from then on what is new. */
export type Verified = ChainEnd & {
  /** Which file it was. */
  dev: number;
  ino: number;
  /** The last entry's line, and where it begins and ends; '' in an empty file. */
  line: string;
  start: number;
  end: number;
};

export type Verification = {
  verified: Verified;
  /** What follows the last line. */
  torn: Buffer;
  /** Why it does not verify; null where it does. */
  problem: string | null;
};

/**
 * Verifies what of the file is not verified yet, and that what was verified last still stands where it stood. `take`
 * gets each new entry. Every reader that acts on a journal reads it by this.
 */
export async function verifyChain(
  handle: FileHandle,
  from: Verified | null,
  take: (entry: JournalEntry) => void,
): Promise<Verification> {
  const {dev, ino, size} = await handle.stat();
  const known = from ?? {...emptyChain, dev, ino, line: '', start: 0, end: 0};
  const changed = changeOf(known, {dev, ino, size});
  if (changed !== null) return {verified: known, torn: Buffer.alloc(0), problem: changed};
  const reader = createChainReader(sha256, known);
  let line = known.line;
  let isMoved = false;
  const onLines = (lines: Lines) => {
    for (const each of lines) {
      const entry = reader.add(each);
      if (entry === null || each === null) continue;
      line = each;
      take(entry);
    }
  };
  // The line that was the last one is read again: it must be the same.
  let isFirst = known.seq > 0;
  const {end, torn} = await readLines(handle, known.start, lines => {
    if (isFirst) isMoved = lines.shift() !== known.line;
    isFirst = false;
    if (!isMoved) onLines(lines);
  });
  const problem =
    isMoved || isFirst ? `entry ${known.seq} was changed while this run used it` : reader.problem();
  const start = line === '' ? 0 : end - Buffer.byteLength(line) - 1;
  return {verified: {...reader.end(), dev, ino, line, start, end}, torn, problem};
}

function changeOf(
  known: Pick<Verified, 'dev' | 'ino' | 'end' | 'seq'>,
  now: {dev: number; ino: number; size: number},
): string | null {
  if (known.dev !== now.dev || known.ino !== now.ino) return 'it was replaced while this run used it';
  return now.size < known.end ? `it was cut while this run used it: entry ${known.seq} is gone` : null;
}

import {isUtf8} from 'node:buffer';
import type {FileHandle} from 'node:fs/promises';
import type {JournalEntry, ProcessIdentity, UnfinishedIntent} from '../model/journal-entry.ts';
import {type ChainEnd, createChainReader, emptyChain, parseEntry} from './chain.ts';
import {processLiveness} from './lock.ts';
import {openJournalFile} from './private-file.ts';

/** How far this process has verified a file. The first read verifies all of it, later ones what is new. */
export type Verified = ChainEnd & {
  dev: number;
  ino: number;
  /** The last entry's line and its byte offsets; '' in an empty file. */
  line: string;
  start: number;
  end: number;
};

export type Verification = {
  verified: Verified;
  /** Bytes after the last complete line. */
  torn: Buffer;
  /** Why the chain is invalid; null if it is valid. */
  problem: string | null;
};

/**
 * Verifies the part of the file after `from`, and that the last verified line is unchanged. Passes each new entry to
 * `take`. Every reader that acts on a journal uses this.
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
  const reader = createChainReader(known);
  let line = known.line;
  let isChanged = false;
  const onLines = (lines: Lines) => {
    for (const each of lines) {
      const entry = reader.add(each);
      if (entry === null || each === null) continue;
      line = each;
      take(entry);
    }
  };
  // The last verified line is read again and must be the same.
  let isFirst = known.seq > 0;
  const {end, torn} = await readLines(handle, known.start, lines => {
    if (isFirst) isChanged = lines.shift() !== known.line;
    isFirst = false;
    if (!isChanged) onLines(lines);
  });
  const problem = isChanged || isFirst ? `entry ${known.seq} was modified during this run` : reader.problem();
  const start = line === '' ? 0 : end - Buffer.byteLength(line) - 1;
  return {verified: {...reader.end(), dev, ino, line, start, end}, torn, problem};
}

function changeOf(
  known: Pick<Verified, 'dev' | 'ino' | 'end' | 'seq'>,
  now: {dev: number; ino: number; size: number},
): string | null {
  if (known.dev !== now.dev || known.ino !== now.ino) return 'it was replaced during this run';
  return now.size < known.end ? `it was truncated during this run: entry ${known.seq} is missing` : null;
}

/** Complete lines in order; null for one that is not UTF-8, since decoding would hide its content. */
export type Lines = (string | null)[];

export type LinesEnd = {
  /** Offset after the last complete line, newline included. */
  end: number;
  /** What follows it: a line whose writer died or is still writing. */
  torn: Buffer;
};

/** Longer than any entry: without a newline up to here the file is no journal. */
const maxLineBytes = 64 * 1024 * 1024;
const sliceBytes = 256 * 1024;
const newline = 0x0a;

/** Reads the lines of a file from offset `start` in slices, keeping none in memory. */
export async function readLines(
  handle: FileHandle,
  start: number,
  onLines: (lines: Lines) => void,
): Promise<LinesEnd> {
  const slice = Buffer.alloc(sliceBytes);
  let torn = Buffer.alloc(0);
  let end = start;
  for (;;) {
    const {bytesRead} = await handle.read(slice, 0, sliceBytes, end + torn.length);
    if (bytesRead === 0) return {end, torn};
    const bytes = Buffer.concat([torn, slice.subarray(0, bytesRead)]);
    const length = bytes.lastIndexOf(newline) + 1;
    if (length > 0) onLines(linesOf(bytes.subarray(0, length - 1)));
    torn = bytes.subarray(length);
    end += length;
    if (torn.length > maxLineBytes) {
      onLines([null]);
      return {end, torn: Buffer.alloc(0)};
    }
  }
}

function linesOf(bytes: Buffer): Lines {
  if (isUtf8(bytes)) return bytes.toString('utf8').split('\n');
  // No multi-byte UTF-8 sequence contains a newline byte, so each line can be checked alone.
  const lines: Lines = [];
  for (let at = 0; at <= bytes.length; ) {
    const next = bytes.indexOf(newline, at);
    const line = bytes.subarray(at, next === -1 ? bytes.length : next);
    lines.push(isUtf8(line) ? line.toString('utf8') : null);
    at += line.length + 1;
  }
  return lines;
}

/** Every entry of a file, without verifying the chain. */
export async function inspect(file: string): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  const found = await openJournalFile(file, 'inspect');
  if (found === null) return entries;
  try {
    await readLines(found.handle, 0, lines => {
      for (const line of lines) {
        const entry = line === null ? null : parseEntry(line);
        if (entry !== null) entries.push(entry);
      }
    });
    return entries;
  } finally {
    await found.handle.close();
  }
}

/** Intents without an outcome. */
export function unfinishedOf(entries: readonly JournalEntry[]): UnfinishedIntent[] {
  const open = createIntentTracker();
  for (const entry of entries) open.add(entry);
  return open.unfinished();
}

/** Runs that a process on this host is executing now, as run -> pid. */
export function underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number> {
  const runs = createRunTracker();
  for (const entry of entries) runs.add(entry);
  return runs.pids();
}

export type ChainVerdict = {
  ok: boolean;
  entries: number;
  /** Hash of the last valid entry. */
  head: string;
  /** The first invalid seq. */
  broken_at: number | null;
  reason: string | null;
  /** Bytes after the last line: a line whose writer was killed or is still writing. */
  torn_bytes: number;
  /** Intents without an outcome. Whether an intent without `acting_pid` was executed is unknown. */
  unfinished: UnfinishedIntent[];
};

/** Verifies the whole chain without locking the file. */
export async function verify(file: string): Promise<ChainVerdict> {
  const open = createIntentTracker();
  const found = await openJournalFile(file, 'inspect');
  try {
    const seen = found && (await verifyChain(found.handle, null, open.add));
    const {seq, hash} = seen?.verified ?? emptyChain;
    const reason = seen?.problem ?? null;
    return {
      ok: reason === null,
      entries: seq,
      head: hash,
      broken_at: reason === null ? null : seq + 1,
      reason,
      torn_bytes: seen?.torn.length ?? 0,
      unfinished: open.unfinished(),
    };
  } finally {
    await found?.handle.close();
  }
}

/** Collects intents without an outcome, ordered by seq. */
function createIntentTracker(): {
  add(entry: JournalEntry): void;
  unfinished(): UnfinishedIntent[];
} {
  const open = new Map<string, Omit<UnfinishedIntent, 'acting_pid'>>();
  const runs = createRunTracker();
  return {
    add(entry) {
      runs.add(entry);
      if (entry.event === 'intent') open.set(`${entry.run} ${entry.step}`, unfinishedFrom(entry));
      else if (entry.event === 'outcome') open.delete(`${entry.run} ${entry.step}`);
    },
    unfinished() {
      const pids = runs.pids();
      return [...open.values()].map(intent => ({...intent, acting_pid: pids.get(intent.run) ?? null}));
    },
  };
}

function unfinishedFrom(entry: JournalEntry & {event: 'intent'}): Omit<UnfinishedIntent, 'acting_pid'> {
  const {seq, at, target, run, step, content} = entry;
  return {seq, at, target, run, step, title: content.title, subject: content.subject};
}

/** Collects runs that have not ended and whose process is alive, as run -> pid. Add entries in journal order. */
function createRunTracker(): {
  add(entry: JournalEntry): void;
  pids(): ReadonlyMap<string, number>;
} {
  const open = new Map<string, {process: ProcessIdentity; since_ms: number}>();
  return {
    add(entry) {
      if (entry.event === 'run' && entry.process !== undefined)
        open.set(entry.run, {process: entry.process, since_ms: Date.parse(entry.at)});
      else if (entry.event === 'end') open.delete(entry.run);
    },
    pids: () =>
      new Map(
        [...open]
          .filter(([, {process, since_ms}]) => isAlive(process, since_ms))
          .map(([run, {process}]) => [run, process.pid]),
      ),
  };
}

/** Whether a process that ran at `since_ms` is known to be still running; false if unknown. */
function isAlive(process: ProcessIdentity, since_ms: number): boolean {
  return processLiveness(process, since_ms) === 'alive';
}

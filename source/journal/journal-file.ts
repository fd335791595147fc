import {createHash} from 'node:crypto';
import {type FileHandle, open} from 'node:fs/promises';
import {canonicalJson} from '../core/chain/canonical.ts';
import type {JournalDraft, JournalEntry} from '../core/chain/journal.ts';
import {
  type ChainEnd,
  type ChainVerdict,
  chainEntry,
  contentProblem,
  createChainReader,
  createIntentTracker,
  emptyChain,
  linkProblem,
  parseEntry,
  type UnfinishedIntent,
} from '../core/chain/journal-chain.ts';
import {journaled} from '../core/chain/journaled.ts';
import {createRunTracker, type IsThere} from '../core/chain/under-way.ts';
import {AbortError, exitCodes} from '../core/errors.ts';
import type {Journal} from '../core/ports.ts';
import {type Claim, claimEntry, removeOldClaims} from './claim.ts';
import {readLines, readTail, type Tail} from './journal-lines.ts';
import {fateOf} from './owner.ts';
import {openForAppend, remedy} from './private-file.ts';

export type JournalFile = Journal & {
  /** The whole chain from the first entry to the last. */
  verify(): Promise<ChainVerdict>;
  /** Intents without an outcome; told at the next start. Does not verify the chain. */
  unfinished(): Promise<UnfinishedIntent[]>;
  /** Of these entries' runs those that a process of this machine is at right now, with its pid. */
  underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
};

export type JournalOptions = {
  /** What the user should know, one line: that a torn last line was put aside. */
  onNotice?: (text: string) => void;
  now?: () => Date;
  /** How long to wait for another process that is writing. */
  lock_timeout_ms?: number;
};

/**
 * The journal in `file`, which need not exist. Nothing is read or made before the first call. What cannot be
 * read or written throws AbortError with exit code 8.
 */
export function openJournal(file: string, options: JournalOptions = {}): JournalFile {
  const context: Context = {
    file,
    known: null,
    onNotice: options.onNotice ?? (() => {}),
    now: options.now ?? (() => new Date()),
    lock_timeout_ms: options.lock_timeout_ms ?? 10_000,
  };
  // One at a time within this process; the claim is for the others.
  let last: Promise<unknown> = Promise.resolve();
  return {
    file,
    append(draft) {
      const next = last.then(() => guarded(context, 'write', () => append(context, draft)));
      last = next.catch(() => {});
      return next;
    },
    read: () => guarded(context, 'read', () => readEntries(file)),
    verify: () => guarded(context, 'read', () => verify(file)),
    unfinished: () => guarded(context, 'read', () => readUnfinished(file)),
    underWay,
  };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

type Context = {
  file: string;
  /** The end of the chain as this process last verified or wrote it. */
  known: ChainEnd | null;
  onNotice: (text: string) => void;
  now: () => Date;
  lock_timeout_ms: number;
};

async function append(context: Context, draft: JournalDraft): Promise<JournalEntry> {
  const handle = await openForAppend(context.file);
  try {
    const isFirst = context.known === null;
    for (;;) {
      const end = verifiedEnd(context, await readTail(handle));
      if (isFirst) await removeOldClaims(context.file, end.seq);
      const claim = await claimEntry(context.file, end.seq + 1, {
        timeout_ms: context.lock_timeout_ms,
        isWritten: async () => seqOf(await readTail(handle)) !== end.seq,
      });
      if (claim) return await appendClaimed(context, handle, claim, draft);
    }
  } finally {
    await handle.close();
  }
}

async function appendClaimed(
  context: Context,
  handle: FileHandle,
  claim: Claim,
  draft: JournalDraft,
): Promise<JournalEntry> {
  let isWritten = false;
  try {
    const tail = await readTail(handle);
    const end = verifiedEnd(context, tail);
    if (tail.torn.length > 0) await putAside(context, handle, tail);
    const entry = chainEntry(journaled(draft), end, context.now().toISOString(), sha256);
    await writeLine(handle, `${canonicalJson(entry)}\n`, tail.end);
    isWritten = true;
    await handle.sync();
    context.known = {seq: entry.seq, hash: entry.hash};
    return entry;
  } finally {
    await claim.release({isWritten});
  }
}

/** A line that is cut off (a full disk) is taken back: no other process has seen it, for it has no newline. */
async function writeLine(handle: FileHandle, line: string, end: number): Promise<void> {
  try {
    await handle.appendFile(line);
  } catch (error) {
    await handle.truncate(end).catch(() => {});
    throw error;
  }
}

/** Its writer died before `append` resolved, so nothing was done on the strength of it. */
async function putAside(context: Context, handle: FileHandle, tail: Tail): Promise<void> {
  const aside = `${context.file}.torn`;
  const kept = await open(aside, 'a', 0o600);
  try {
    await kept.appendFile(Buffer.concat([tail.torn, Buffer.from('\n')]));
    await kept.sync();
  } finally {
    await kept.close();
  }
  await handle.truncate(tail.end);
  await handle.sync();
  context.onNotice(
    `the journal ended in a half-written line (${tail.torn.length} bytes): it was moved to ${aside}`,
  );
}

/** Verifies what of the tail is new to this process; throws when it must not write after it. */
function verifiedEnd(context: Context, tail: Tail): ChainEnd {
  const isKnown = (entry: JournalEntry) =>
    entry.seq === context.known?.seq && entry.hash === context.known.hash;
  const fresh: JournalEntry[] = [];
  let end = tail.isWhole ? emptyChain : null;
  for (const line of tail.lines.toReversed()) {
    const entry = parseEntry(line);
    if (entry === null) throw brokenError(context.file, 'a line near its end is not one of its entries');
    if (isKnown(entry)) {
      end = context.known;
      break;
    }
    fresh.unshift(entry);
  }
  for (const entry of fresh) {
    const problem = end === null ? contentProblem(entry, sha256) : linkProblem(entry, end, sha256);
    if (problem !== null) throw brokenError(context.file, problem);
    end = {seq: entry.seq, hash: entry.hash};
  }
  context.known = end;
  return end ?? emptyChain;
}

function seqOf(tail: Tail): number {
  const line = tail.lines.at(-1);
  return line === undefined ? 0 : (parseEntry(line)?.seq ?? -1);
}

async function readEntries(file: string): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const lines of readLines(file)) {
    for (const line of lines) {
      const entry = parseEntry(line);
      if (entry) entries.push(entry);
    }
  }
  return entries;
}

const isThere: IsThere = (process, since_ms) => fateOf(process, since_ms) === 'there';

function underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number> {
  const runs = createRunTracker(isThere);
  for (const entry of entries) runs.add(entry);
  return runs.pids();
}

async function verify(file: string): Promise<ChainVerdict> {
  const reader = createChainReader(sha256, isThere);
  for await (const lines of readLines(file)) for (const line of lines) reader.add(line);
  return reader.verdict();
}

async function readUnfinished(file: string): Promise<UnfinishedIntent[]> {
  const tracker = createIntentTracker(isThere);
  for await (const lines of readLines(file)) {
    for (const line of lines) {
      const entry = parseEntry(line);
      if (entry) tracker.add(entry);
    }
  }
  return tracker.unfinished();
}

async function guarded<T>(context: Context, verb: 'read' | 'write', work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof AbortError || code === undefined) throw error;
    throw new AbortError(`cannot ${verb} the journal ${context.file}: ${reasonOf(error)}`, {
      hint: remedy,
      exitCode: exitCodes.journal,
      cause: error,
    });
  }
}

/** `ENOSPC: no space left on device`, without Node's repetition of the call. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split(',')[0] ?? error.message) : String(error);
}

function brokenError(file: string, problem: string): AbortError {
  return new AbortError(`the journal ${file} does not verify: ${problem}`, {
    hint: `look at it with 'poolctl journal verify', keep it aside, and ${remedy}`,
    exitCode: exitCodes.journal,
  });
}

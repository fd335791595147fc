import {constants} from 'node:fs';
import {type FileHandle, open} from 'node:fs/promises';
import {createOutcomeTracker} from '../core/engine/recover-runs.ts';
import {AbortError, exitCodes} from '../core/errors.ts';
import {canonicalJson, escapeJson} from '../core/text/json.ts';
import type {JournalDraft, JournalEntry, UnfinishedIntent} from '../model/journal-entry.ts';
import type {Journal} from '../model/ports.ts';
import {type ChainVerdict, chainEntry, journaled} from './chain.ts';
import {inspect, underWay, unfinishedOf, verify} from './inspect.ts';
import {readLines} from './journal-lines.ts';
import {type Claim, claimEntry, removeOldClaims} from './lock.ts';
import {isStillThere, makeJournalFile, type OpenFile, openJournalFile, remedy} from './private-file.ts';
import {sha256} from './sha256.ts';
import {type Verification, type Verified, verifyChain} from './verified-chain.ts';

export type JournalFile = Journal & {
  /** Appends the outcome of a step that an earlier run left open; null where it has one by now. */
  reconcile(draft: OutcomeDraft): Promise<JournalEntry | null>;
  /** What stands in the file, whether it verifies or not: for people to look at. Nothing may follow from it. */
  inspect(): Promise<JournalEntry[]>;
  /** The whole chain from the first entry to the last. */
  verify(): Promise<ChainVerdict>;
  /** Intents without an outcome, of a chain that verifies. */
  unfinished(): Promise<UnfinishedIntent[]>;
  /** The same of these entries. */
  unfinishedOf(entries: readonly JournalEntry[]): UnfinishedIntent[];
  /** Of these entries' runs those that a process of this machine is at right now, with its pid. */
  underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
};

type OutcomeDraft = JournalDraft & {event: 'outcome'};

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
    verified: null,
    isSwept: false,
    outcomes: createOutcomeTracker(),
    onNotice: options.onNotice ?? (() => {}),
    now: options.now ?? (() => new Date()),
    lock_timeout_ms: options.lock_timeout_ms ?? 10_000,
  };
  // One at a time within this process; the claim is for the others.
  let last: Promise<unknown> = Promise.resolve();
  const write = (draft: JournalDraft) => {
    const next = last.then(() => guarded(context, 'write', () => append(context, draft)));
    last = next.catch(() => {});
    return next;
  };
  const read = async () => {
    const entries: JournalEntry[] = [];
    await guarded(context, 'read', () => readVerified(context, entry => entries.push(entry)));
    return entries;
  };
  return {
    file,
    async append(draft) {
      const entry = await write(draft);
      if (entry === null) throw settledError(draft);
      return entry;
    },
    reconcile: write,
    read,
    inspect: () => guarded(context, 'read', () => inspect(file)),
    verify: () => guarded(context, 'read', () => verify(file)),
    unfinished: async () => unfinishedOf(await read()),
    unfinishedOf,
    underWay,
  };
}

type Context = {
  file: string;
  /** How far this process has verified the file; null before it first read it. */
  verified: Verified | null;
  /** Whether what crashed processes left of long written entries is removed. */
  isSwept: boolean;
  outcomes: ReturnType<typeof createOutcomeTracker>;
  onNotice: (text: string) => void;
  now: () => Date;
  lock_timeout_ms: number;
};

/** null: an outcome of a step that has one already. */
async function append(context: Context, draft: JournalDraft): Promise<JournalEntry | null> {
  const file = await openToAppend(context);
  try {
    for (;;) {
      const {verified} = await catchUp(context, file.handle);
      if (!context.isSwept) await removeOldClaims(file.path, verified.seq);
      context.isSwept = true;
      const claim = await claimEntry(file.path, verified.seq + 1, {
        timeout_ms: context.lock_timeout_ms,
        isWritten: () => hasMoved(file.handle, verified.end),
      });
      if (claim) return await appendClaimed(context, file, claim, draft);
    }
  } finally {
    await file.handle.close();
  }
}

/** A journal that was there once is not made anew: its absence is what has to be said. */
async function openToAppend({file, verified}: Context): Promise<OpenFile> {
  for (;;) {
    const found = await openJournalFile(file, 'append');
    if (found !== null) return found;
    if (verified !== null) throw brokenError(file, 'it was removed while this run used it');
    const made = await makeJournalFile(file);
    if (made !== null) return made;
  }
}

async function appendClaimed(
  context: Context,
  file: OpenFile,
  claim: Claim,
  draft: JournalDraft,
): Promise<JournalEntry | null> {
  const {handle} = file;
  let isWritten = false;
  try {
    const {verified, torn} = await catchUp(context, handle);
    if (draft.event === 'outcome' && context.outcomes.has(draft)) return null;
    if (torn.length > 0) await putAside(context, file, {torn, end: verified.end});
    const entry = chainEntry(journaled(draft), verified, context.now().toISOString(), sha256);
    const line = escapeJson(canonicalJson(entry));
    await writeLine(handle, `${line}\n`, verified.end);
    isWritten = true;
    await handle.sync();
    if (!(await isStillThere(file)))
      throw brokenError(context.file, 'it was replaced while this run used it');
    const {seq, hash} = entry;
    const end = verified.end + Buffer.byteLength(line) + 1;
    context.verified = {...verified, seq, hash, line, start: verified.end, end};
    context.outcomes.add(entry);
    return entry;
  } finally {
    await claim.release({isWritten});
  }
}

/** Verifies what this process has not: the whole file at first. Throws when nothing may follow from it. */
async function catchUp(context: Context, handle: FileHandle): Promise<Verification> {
  const {outcomes} = context;
  const seen = await verifyChain(handle, context.verified, outcomes.add);
  if (seen.problem !== null) throw brokenError(context.file, seen.problem);
  context.verified = seen.verified;
  return seen;
}

/** Another process wrote the next entry, or somebody cut the file. */
async function hasMoved(handle: FileHandle, end: number): Promise<boolean> {
  if ((await handle.stat()).size < end) return true;
  let isLonger = false;
  await readLines(handle, end, () => {
    isLonger = true;
  });
  return isLonger;
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
async function putAside(
  context: Context,
  {handle, path}: OpenFile,
  {torn, end}: {torn: Buffer; end: number},
): Promise<void> {
  const aside = `${path}.torn`;
  const {O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW = 0} = constants;
  const kept = await open(aside, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    await kept.appendFile(Buffer.concat([torn, Buffer.from('\n')]));
    await kept.sync();
  } finally {
    await kept.close();
  }
  await handle.truncate(end);
  await handle.sync();
  context.onNotice(
    `the journal ended in a half-written line (${torn.length} bytes): it was moved to ${aside}`,
  );
}

/** Every entry, once the whole chain verifies. */
async function readVerified(context: Context, take: (entry: JournalEntry) => unknown): Promise<void> {
  const found = await openJournalFile(context.file, 'read');
  if (found === null) return;
  try {
    const isFirst = context.verified === null;
    const outcomes = createOutcomeTracker();
    const {verified, problem} = await verifyChain(found.handle, null, entry => {
      outcomes.add(entry);
      take(entry);
    });
    if (problem !== null) throw brokenError(context.file, problem);
    if (isFirst) Object.assign(context, {verified, outcomes});
  } finally {
    await found.handle.close();
  }
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

function settledError({run, ...draft}: JournalDraft): AbortError {
  const step = draft.event === 'outcome' ? draft.step + 1 : 0;
  return new AbortError(
    `run ${run} step ${step} has an outcome in the journal: another poolctl recorded it`,
    {
      hint: `'poolctl journal show ${run}' shows it`,
      exitCode: exitCodes.journal,
    },
  );
}

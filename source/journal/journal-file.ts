import {constants} from 'node:fs';
import {type FileHandle, open} from 'node:fs/promises';
import {createOutcomeTracker} from '../core/engine/recover-runs.ts';
import {AbortError, exitCodes} from '../core/errors.ts';
import {canonicalJson, escapeJson} from '../core/text/json.ts';
import type {JournalDraft, JournalEntry, UnfinishedIntent} from '../model/journal-entry.ts';
import type {Journal} from '../model/ports.ts';
import {chainEntry, redactDraft} from './chain.ts';
import {type Lock, lockEntry, removeOldLocks} from './lock.ts';
import {
  isStillThere,
  makeJournalFile,
  type OpenFile,
  openJournalFile,
  useAnotherFile,
} from './private-file.ts';
import {
  type ChainVerdict,
  inspect,
  readLines,
  underWay,
  unfinishedOf,
  type Verification,
  type Verified,
  verify,
  verifyChain,
} from './read-journal.ts';

export type JournalFile = Journal & {
  /** Appends the outcome of a step that an earlier run left without one; null if another process has recorded it. */
  reconcile(draft: OutcomeDraft): Promise<JournalEntry | null>;
  /** Every entry, without verifying the chain: for display only, never to decide what is executed. */
  inspect(): Promise<JournalEntry[]>;
  /** Verifies the whole chain. */
  verify(): Promise<ChainVerdict>;
  /** Intents without an outcome. Throws AbortError (exit 8) unless the chain verifies. */
  unfinished(): Promise<UnfinishedIntent[]>;
  /** The same of these entries. */
  unfinishedOf(entries: readonly JournalEntry[]): UnfinishedIntent[];
  /** Runs that a process on this host is executing now, as run -> pid. */
  underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
};

type OutcomeDraft = JournalDraft & {event: 'outcome'};

export type JournalOptions = {
  /** Receives one line for the user when a torn last line was moved to another file. */
  onNotice?: (text: string) => void;
  now?: () => Date;
  /** How long to wait for another process that is writing; 10 s by default. */
  lock_timeout_ms?: number;
};

/**
 * Opens the journal in `file`, which need not exist; reads and creates nothing before the first call. Its methods throw
 * AbortError (exit 8) if the file cannot be read or written.
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
  // Serialises writes within this process; the lock file serialises them between processes.
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
      if (entry === null) throw outcomeExists(draft);
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
  /** How far this process has verified the file; null before its first read. */
  verified: Verified | null;
  /** Whether the lock files of crashed processes have been removed. */
  isSwept: boolean;
  outcomes: ReturnType<typeof createOutcomeTracker>;
  onNotice: (text: string) => void;
  now: () => Date;
  lock_timeout_ms: number;
};

/** Returns null if the draft is an outcome and its step has one already. */
async function append(context: Context, draft: JournalDraft): Promise<JournalEntry | null> {
  const file = await openToAppend(context);
  try {
    for (;;) {
      const {verified} = await verifyNew(context, file.handle);
      if (!context.isSwept) await removeOldLocks(file.path, verified.seq);
      context.isSwept = true;
      const lock = await lockEntry(file.path, verified.seq + 1, {
        timeout_ms: context.lock_timeout_ms,
        isWritten: () => hasNewEntry(file.handle, verified.end),
      });
      if (lock) return await appendLocked(context, file, lock, draft);
    }
  } finally {
    await file.handle.close();
  }
}

/** Creates the journal if it is missing, unless this process has read it before: then it was deleted, an error. */
async function openToAppend({file, verified}: Context): Promise<OpenFile> {
  for (;;) {
    const found = await openJournalFile(file, 'append');
    if (found !== null) return found;
    if (verified !== null) throw unverifiedError(file, 'it was deleted during this run');
    const made = await makeJournalFile(file);
    if (made !== null) return made;
  }
}

async function appendLocked(
  context: Context,
  file: OpenFile,
  lock: Lock,
  draft: JournalDraft,
): Promise<JournalEntry | null> {
  const {handle} = file;
  let isWritten = false;
  try {
    const {verified, torn} = await verifyNew(context, handle);
    if (draft.event === 'outcome' && context.outcomes.has(draft)) return null;
    if (torn.length > 0) await moveTornLine(context, file, {torn, end: verified.end});
    const entry = chainEntry(redactDraft(draft), verified, context.now().toISOString());
    const line = escapeJson(canonicalJson(entry));
    await writeLine(handle, `${line}\n`, verified.end);
    isWritten = true;
    await handle.sync();
    if (!(await isStillThere(file))) throw unverifiedError(context.file, 'it was replaced during this run');
    const {seq, hash} = entry;
    const end = verified.end + Buffer.byteLength(line) + 1;
    context.verified = {...verified, seq, hash, line, start: verified.end, end};
    context.outcomes.add(entry);
    return entry;
  } finally {
    await lock.release({isWritten});
  }
}

/** Verifies what this process has not yet verified: at first, the whole file. Throws AbortError (exit 8) if invalid. */
async function verifyNew(context: Context, handle: FileHandle): Promise<Verification> {
  const {outcomes} = context;
  const seen = await verifyChain(handle, context.verified, outcomes.add);
  if (seen.problem !== null) throw unverifiedError(context.file, seen.problem);
  context.verified = seen.verified;
  return seen;
}

/** Whether another process wrote the next entry, or truncated the file. */
async function hasNewEntry(handle: FileHandle, end: number): Promise<boolean> {
  if ((await handle.stat()).size < end) return true;
  let isLonger = false;
  await readLines(handle, end, () => {
    isLonger = true;
  });
  return isLonger;
}

/** Removes a partly written line (disk full) again: without its newline no other process has read it. */
async function writeLine(handle: FileHandle, line: string, end: number): Promise<void> {
  try {
    await handle.appendFile(line);
  } catch (error) {
    await handle.truncate(end).catch(() => {});
    throw error;
  }
}

/** Moves a torn last line to `<path>.torn`. Its writer died before `append` resolved, so nothing was executed. */
async function moveTornLine(
  context: Context,
  {handle, path}: OpenFile,
  {torn, end}: {torn: Buffer; end: number},
): Promise<void> {
  const aside = `${path}.torn`;
  const {O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW = 0} = constants;
  const tornFile = await open(aside, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
  try {
    await tornFile.appendFile(Buffer.concat([torn, Buffer.from('\n')]));
    await tornFile.sync();
  } finally {
    await tornFile.close();
  }
  await handle.truncate(end);
  await handle.sync();
  context.onNotice(
    `the journal ended in an incomplete line (${torn.length} bytes), which was moved to ${aside}`,
  );
}

/** Passes every entry to `take`. Throws AbortError (exit 8) unless the whole chain verifies. */
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
    if (problem !== null) throw unverifiedError(context.file, problem);
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
      hint: useAnotherFile,
      exitCode: exitCodes.journal,
      cause: error,
    });
  }
}

/** `ENOSPC: no space left on device`: Node's message without the name of the system call. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split(',')[0] ?? error.message) : String(error);
}

function unverifiedError(file: string, problem: string): AbortError {
  return new AbortError(`the journal ${file} does not verify: ${problem}`, {
    hint: `inspect it with 'poolctl journal verify', keep a copy, and ${useAnotherFile}`,
    exitCode: exitCodes.journal,
  });
}

function outcomeExists({run, ...draft}: JournalDraft): AbortError {
  const step = draft.event === 'outcome' ? draft.step + 1 : 0;
  return new AbortError(
    `run ${run} step ${step} already has an outcome in the journal, recorded by another poolctl`,
    {
      hint: `'poolctl journal show ${run}' shows it`,
      exitCode: exitCodes.journal,
    },
  );
}

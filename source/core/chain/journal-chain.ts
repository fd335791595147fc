import type {JournalDraft, JournalEntry} from '../../model/journal-entry.ts';
import {escapeJson} from '../json-text.ts';
import {canonicalJson, canonicalMembers, joinMembers} from './canonical.ts';
import {isEntry} from './entry-shape.ts';
import {createRunTracker, type IsThere} from './under-way.ts';

/** SHA-256 of the text's UTF-8 bytes, in hex. Injected: core imports nothing of Node. */
export type Sha256 = (text: string) => string;

/** What stands before the first entry. */
export const genesisHash = '0'.repeat(64);

export type ChainEnd = {seq: number; hash: string};

export const emptyChain: ChainEnd = {seq: 0, hash: genesisHash};

/** The entry that follows `end`: numbered, timed and linked to it. */
export function chainEntry(draft: JournalDraft, end: ChainEnd, at: string, sha256: Sha256): JournalEntry {
  const body = {...draft, schema_version: 1 as const, seq: end.seq + 1, at};
  return {...body, previous: end.hash, hash: sha256(`${end.hash}\n${canonicalJson(body)}`)};
}

/** One line of the journal as an entry; null when it is none. */
export function parseEntry(line: string): JournalEntry | null {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Why an entry cannot follow `end`, or null when it does. Its line must be the very text that poolctl writes of it:
 * a key given twice, or other white space, would say something else to the next reader.
 */
function linkProblem(line: string, entry: JournalEntry, end: ChainEnd, sha256: Sha256): string | null {
  const {seq, previous, hash} = entry;
  if (seq !== end.seq + 1) return `entry ${end.seq + 1} is missing: entry ${seq} stands in its place`;
  if (previous !== end.hash) return `entry ${seq} does not follow the one before it`;
  const members = canonicalMembers(entry);
  const text = joinMembers(members);
  // Older lines have as they are what a terminal might obey.
  if (line !== text && line !== escapeJson(text))
    return `entry ${seq} is not written as poolctl writes it (a key given twice, or other white space)`;
  const body = joinMembers(members.filter(([key]) => key !== 'hash' && key !== 'previous'));
  return sha256(`${previous}\n${body}`) === hash ? null : `entry ${seq} was changed after it was written`;
}

/** Verifies a chain line by line from `from` on; what comes after the first problem is not looked at. */
export type ChainReader = {
  /** The line's entry, where it follows the ones before; null for a line that is not UTF-8. */
  add(line: string | null): JournalEntry | null;
  /** The last entry that verifies. */
  end(): ChainEnd;
  /** Why the chain ends there; null while it is unbroken. */
  problem(): string | null;
};

export function createChainReader(sha256: Sha256, from: ChainEnd = emptyChain): ChainReader {
  let end = from;
  let problem: string | null = null;
  return {
    add(line) {
      if (problem !== null) return null;
      const entry = line === null ? null : parseEntry(line);
      problem =
        line === null || entry === null
          ? `line ${end.seq + 1} is not a journal entry`
          : linkProblem(line, entry, end, sha256);
      if (entry === null || problem !== null) return null;
      end = {seq: entry.seq, hash: entry.hash};
      return entry;
    },
    end: () => end,
    problem: () => problem,
  };
}

export type UnfinishedIntent = {
  seq: number;
  at: string;
  target: string;
  run: string;
  step: number;
  title: string;
  subject: string;
  /** The process of this machine that is at it right now; null where nobody is known to be: unknown, verify. */
  acting_pid: number | null;
};

export type ChainVerdict = {
  ok: boolean;
  entries: number;
  /** The last good entry's hash. */
  head: string;
  /** The first seq that does not verify. */
  broken_at: number | null;
  reason: string | null;
  /** Bytes after the last line: the beginning of one whose writer was killed, or is still writing. */
  torn_bytes: number;
  /** Intents without an outcome: of those nobody is at, nobody knows whether they happened. */
  unfinished: UnfinishedIntent[];
};

/** Which intents have no outcome yet, in the order of their seq. */
export function createIntentTracker(isThere: IsThere): {
  add(entry: JournalEntry): void;
  unfinished(): UnfinishedIntent[];
} {
  const open = new Map<string, Omit<UnfinishedIntent, 'acting_pid'>>();
  const runs = createRunTracker(isThere);
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

/** Which steps have an outcome that their latest intent has led to. */
export function createOutcomeTracker(): {
  add(entry: JournalEntry): void;
  has(step: {run: string; step: number}): boolean;
} {
  const settled = new Set<string>();
  return {
    add(entry) {
      if (entry.event === 'intent') settled.delete(`${entry.run} ${entry.step}`);
      else if (entry.event === 'outcome') settled.add(`${entry.run} ${entry.step}`);
    },
    has: ({run, step}) => settled.has(`${run} ${step}`),
  };
}

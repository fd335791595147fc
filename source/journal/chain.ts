import {withoutSecrets} from '../core/engine/step-secrets.ts';
import {canonicalJson, canonicalMembers, escapeJson, joinMembers} from '../core/text/json.ts';
import {redactDeep, redactSecrets} from '../core/text/redact.ts';
import type {JournalDraft, JournalEntry, ProcessIdentity, UnfinishedIntent} from '../model/journal-entry.ts';

import type {Sha256} from '../model/ports.ts';
import type {Step} from '../model/step.ts';

import {isEntry} from './entry-shape.ts';

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
export function createIntentTracker(isThere: IsAlive): {
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

/** Whether a process is known to be there still; `since_ms`: when it was seen. In doubt it is not. */
export type IsAlive = (process: ProcessIdentity, since_ms: number) => boolean;

/** Runs that have begun, not ended, and whose process is there: by run its pid. `add` the entries in their order. */
export function createRunTracker(isThere: IsAlive): {
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
          .filter(([, {process, since_ms}]) => isThere(process, since_ms))
          .map(([run, {process}]) => [run, process.pid]),
      ),
  };
}

/** What the journal keeps of a draft: no secret, and what is executed exactly as it was or not at all. */
export function journaled(draft: JournalDraft): JournalDraft {
  return draft.event === 'intent' ? {...draft, content: journaledStep(draft.content)} : redactDeep(draft);
}

function journaledStep(step: Step): Step {
  const kept = withoutSecrets(step);
  const title = redactSecrets(kept.title);
  if (kept.kind === 'advice') return {...kept, title, text: redactSecrets(kept.text)};
  return kept.kind === 'file' ? {...kept, title, diff: redactDeep(kept.diff)} : {...kept, title};
}

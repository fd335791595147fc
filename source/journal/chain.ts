import {createHash} from 'node:crypto';
import {withoutSecrets} from '../core/engine/step-secrets.ts';
import {canonicalJson, canonicalMembers, escapeJson, joinMembers} from '../core/text/json.ts';
import {redactDeep, redactSecrets} from '../core/text/redact.ts';
import type {JournalDraft, JournalEntry, ProcessIdentity, UnfinishedIntent} from '../model/journal-entry.ts';
import type {Step} from '../model/step.ts';
import {isEntry} from './entry-shape.ts';

/** The `previous` of the first entry. */
export const genesisHash = '0'.repeat(64);

export type ChainEnd = {seq: number; hash: string};

export const emptyChain: ChainEnd = {seq: 0, hash: genesisHash};

/** The entry after `end`: numbered, dated `at` and linked by hash. */
export function chainEntry(draft: JournalDraft, end: ChainEnd, at: string): JournalEntry {
  const body = {...draft, schema_version: 1 as const, seq: end.seq + 1, at};
  return {...body, previous: end.hash, hash: sha256(`${end.hash}\n${canonicalJson(body)}`)};
}

/** Parses one line of the journal; null if it is not an entry. */
export function parseEntry(line: string): JournalEntry | null {
  try {
    const value: unknown = JSON.parse(line);
    return isEntry(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Why an entry cannot follow `end`; null if it can. Its line must be byte for byte what poolctl writes: other readers
 * may resolve a duplicate key, or other white space, differently.
 */
function linkProblem(line: string, entry: JournalEntry, end: ChainEnd): string | null {
  const {seq, previous, hash} = entry;
  if (seq !== end.seq + 1) return `entry ${end.seq + 1} is missing: found entry ${seq} instead`;
  if (previous !== end.hash) return `entry ${seq} is not linked to the entry before it`;
  const members = canonicalMembers(entry);
  const text = joinMembers(members);
  // poolctl 0.1.0 wrote control characters unescaped.
  if (line !== text && line !== escapeJson(text))
    return `entry ${seq} was not written by poolctl (duplicate key or different white space)`;
  const body = joinMembers(members.filter(([key]) => key !== 'hash' && key !== 'previous'));
  return sha256(`${previous}\n${body}`) === hash ? null : `entry ${seq} was modified after it was written`;
}

/** Verifies a chain line by line, starting at `from`; stops at the first problem. */
export type ChainReader = {
  /** Returns the line's entry if the chain is valid up to and including it, else null. Pass null for invalid UTF-8. */
  add(line: string | null): JournalEntry | null;
  /** The last valid entry. */
  end(): ChainEnd;
  /** Why the chain is broken after `end`; null if it is valid. */
  problem(): string | null;
};

export function createChainReader(from: ChainEnd = emptyChain): ChainReader {
  let end = from;
  let problem: string | null = null;
  return {
    add(line) {
      if (problem !== null) return null;
      const entry = line === null ? null : parseEntry(line);
      problem =
        line === null || entry === null
          ? `line ${end.seq + 1} is not a journal entry`
          : linkProblem(line, entry, end);
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

/** Collects intents without an outcome, ordered by seq. */
export function createIntentTracker(isAlive: IsAlive): {
  add(entry: JournalEntry): void;
  unfinished(): UnfinishedIntent[];
} {
  const open = new Map<string, Omit<UnfinishedIntent, 'acting_pid'>>();
  const runs = createRunTracker(isAlive);
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

/** Whether a process that ran at `since_ms` is known to be still running; false if unknown. */
export type IsAlive = (process: ProcessIdentity, since_ms: number) => boolean;

/** Collects runs that have not ended and whose process is alive, as run -> pid. Add entries in journal order. */
export function createRunTracker(isAlive: IsAlive): {
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

/** A draft without secrets. Executable text is stored unchanged or, if it contains a secret, not at all. */
export function redactDraft(draft: JournalDraft): JournalDraft {
  return draft.event === 'intent' ? {...draft, content: redactStep(draft.content)} : redactDeep(draft);
}

function redactStep(step: Step): Step {
  const stored = withoutSecrets(step);
  const title = redactSecrets(stored.title);
  if (stored.kind === 'advice') return {...stored, title, text: redactSecrets(stored.text)};
  return stored.kind === 'file' ? {...stored, title, diff: redactDeep(stored.diff)} : {...stored, title};
}

/** SHA-256 of the text's UTF-8 bytes, in hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

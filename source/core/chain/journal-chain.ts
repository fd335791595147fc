import {canonicalJson} from './canonical.ts';
import type {JournalDraft, JournalEntry} from './journal.ts';
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
  return {...body, previous: end.hash, hash: entryHash(body, end.hash, sha256)};
}

/** Why an entry cannot follow `end`, or null when it does. */
export function linkProblem(entry: JournalEntry, end: ChainEnd, sha256: Sha256): string | null {
  if (entry.seq !== end.seq + 1)
    return `entry ${end.seq + 1} is missing: entry ${entry.seq} stands in its place`;
  if (entry.previous !== end.hash) return `entry ${entry.seq} does not follow the one before it`;
  return contentProblem(entry, sha256);
}

/** Whether an entry's content is the one its hash was made of. */
export function contentProblem(entry: JournalEntry, sha256: Sha256): string | null {
  const {hash, previous, ...body} = entry;
  return entryHash(body, previous, sha256) === hash
    ? null
    : `entry ${entry.seq} was changed after it was written`;
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
  /** Intents without an outcome: of those nobody is at, nobody knows whether they happened. */
  unfinished: UnfinishedIntent[];
};

/** Reads a chain line by line, as it is too long to be held: `add` each line, then ask for the verdict. */
export function createChainReader(
  sha256: Sha256,
  isThere: IsThere,
): {add(line: string): void; verdict(): ChainVerdict} {
  let end = emptyChain;
  let reason: string | null = null;
  const open = createIntentTracker(isThere);
  return {
    add(line) {
      if (reason !== null) return;
      const entry = parseEntry(line);
      reason = entry ? linkProblem(entry, end, sha256) : `line ${end.seq + 1} is not a journal entry`;
      if (entry === null || reason !== null) return;
      end = {seq: entry.seq, hash: entry.hash};
      open.add(entry);
    },
    verdict: () => ({
      ok: reason === null,
      entries: end.seq,
      head: end.hash,
      broken_at: reason === null ? null : end.seq + 1,
      reason,
      unfinished: open.unfinished(),
    }),
  };
}

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

function entryHash(body: object, previous: string, sha256: Sha256): string {
  return sha256(`${previous}\n${canonicalJson(body)}`);
}

const events: ReadonlySet<unknown> = new Set(['run', 'intent', 'outcome', 'end', 'rollout', 'stage']);

function isEntry(value: unknown): value is JournalEntry {
  if (typeof value !== 'object' || value === null) return false;
  const {seq, at, hash, previous, run, target, event, content} = value as Record<string, unknown>;
  const texts = [at, hash, previous, run, target];
  if (event === 'intent' && (typeof content !== 'object' || content === null)) return false;
  return Number.isSafeInteger(seq) && events.has(event) && texts.every(text => typeof text === 'string');
}

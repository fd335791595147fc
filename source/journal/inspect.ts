import type {JournalEntry, UnfinishedIntent} from '../model/journal-entry.ts';
import {
  type ChainVerdict,
  createIntentTracker,
  createRunTracker,
  emptyChain,
  type IsAlive,
  parseEntry,
} from './chain.ts';

import {readLines} from './journal-lines.ts';
import {openJournalFile} from './private-file.ts';
import {fateOf} from './process-liveness.ts';
import {verifyChain} from './verified-chain.ts';

/** What stands in a file, whether it verifies or not. */
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

export function unfinishedOf(entries: readonly JournalEntry[]): UnfinishedIntent[] {
  const open = createIntentTracker(isThere);
  for (const entry of entries) open.add(entry);
  return open.unfinished();
}

const isThere: IsAlive = (process, since_ms) => fateOf(process, since_ms) === 'there';

/** Of these entries' runs those that a process of this machine is at right now, with its pid. */
export function underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number> {
  const runs = createRunTracker(isThere);
  for (const entry of entries) runs.add(entry);
  return runs.pids();
}

/** The whole chain, read without being held. */
export async function verify(file: string): Promise<ChainVerdict> {
  const open = createIntentTracker(isThere);
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

import type {JournalEntry, ProcessIdentity} from '../../model/journal-entry.ts';

/** Whether a process is known to be there still; `since_ms`: when it was seen. In doubt it is not. */
export type IsThere = (process: ProcessIdentity, since_ms: number) => boolean;

/** Runs that have begun, not ended, and whose process is there: by run its pid. `add` the entries in their order. */
export function createRunTracker(isThere: IsThere): {
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

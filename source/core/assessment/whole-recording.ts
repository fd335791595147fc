import type {Sample} from '../../model/assessment.ts';
import type {ChangeLog, LoggedChange} from '../../model/change-log.ts';
import type {Recording} from '../../model/ports.ts';
import {addLoad, type LoadHistory, noLoad} from '../activity/session-load.ts';
import {addSample} from './samples.ts';

/** More snapshots would show waves of connects in smaller parts. */
const mostRead = 2000;
const pausedEvery = 20;

/** What a recording has of all its time: what changed, and what busy sessions did. */
export type WholeRecording = {changes: readonly LoggedChange[]; load: LoadHistory};

/** Of a recording however long. `pause` lets others go on in between. */
export async function readWhole(
  recording: Recording,
  pause: () => Promise<unknown>,
): Promise<WholeRecording> {
  const count = recording.times().length;
  const stride = Math.max(1, Math.ceil(count / mostRead));
  const collected = collectChanges();
  let samples: Sample[] = [];
  let load = noLoad;
  for (let index = 0; index < count; index += stride) {
    if (index % pausedEvery < stride) await pause();
    const [snapshot] = await recording.read(index, index);
    if (snapshot === undefined) continue;
    samples = addSample(samples, snapshot);
    collected.add(samples.at(-1)?.log);
    load = addLoad(load, snapshot, {isWhole: true});
  }
  return {changes: collected.all(), load};
}

/** The entries of a log that goes on, beyond the hour that it holds. */
export function collectChanges(): {add(log: ChangeLog | undefined): void; all(): LoggedChange[]} {
  const all = new Map<number, LoggedChange>();
  let last: readonly LoggedChange[] = [];
  return {
    add(log) {
      if (log === undefined || log.entries === last) return;
      last = log.entries;
      const first = last[0]?.id ?? Infinity;
      // What turned out to be no change once its text was read is not in the log any more.
      for (const id of all.keys()) if (id >= first) all.delete(id);
      for (const change of last) all.set(change.id, change);
    },
    all: () => [...all.values()],
  };
}

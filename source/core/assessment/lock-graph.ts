import type {Snapshot} from '../../model/snapshot.ts';

/** For each session that waits for a lock: the pids at the end of its waits, which wait for no lock themselves. */
export function rootsOf({
  backends,
  lock_waits,
}: Pick<Snapshot, 'backends' | 'lock_waits'>): Map<number, number[]> {
  const blockers = new Map<number, number[]>();
  for (const {pid, blocked_by} of [...backends, ...lock_waits]) {
    if (blocked_by.length > 0) blockers.set(pid, blocked_by);
  }
  const roots = new Map<number, number[]>();
  for (const pid of blockers.keys()) roots.set(pid, reach(pid, blockers));
  return roots;
}

/** Sessions of a deadlock have no root. */
function reach(from: number, blockers: ReadonlyMap<number, number[]>): number[] {
  const seen = new Set([from]);
  const found: number[] = [];
  const queue = [from];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    for (const blocker of blockers.get(pid) ?? []) {
      if (seen.has(blocker)) continue;
      seen.add(blocker);
      if (blockers.has(blocker)) queue.push(blocker);
      else found.push(blocker);
    }
  }
  return found.sort((a, b) => a - b);
}

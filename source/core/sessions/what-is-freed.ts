import type {Skipped} from '../../model/recipe.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {lockTree} from '../activity/lock-tree.ts';
import {freedBy, lockGraph} from '../assessment/lock-graph.ts';
import {counted} from '../text/format.ts';
import {describeBackend, protectionOf} from './protection.ts';
import {isWaitingForLock} from './session.ts';

/** What the plan frees, and who waits on: only those freed wait for nothing else. */
export function whatIsFreed(snapshot: Snapshot, chosen: readonly Backend[]): string[] {
  if (chosen.length === 0) return [];
  const pids = chosen.map(({pid}) => pid);
  const freed = freedBy(pids, lockGraph(snapshot)).size;
  const others = rootsOfOthers(snapshot, pids);
  const still = snapshot.lock_waits.filter(({pid}) => !pids.includes(pid)).length - freed;
  return [
    ...chosen
      .filter(isWaitingForLock)
      .map(
        ({pid, blocked_by}) =>
          `${pid} waits itself, for ${[...new Set(blocked_by)].map(nameOf).join(', ')}; that one is left alone.`,
      ),
    ...(still > 0
      ? [
          `This frees ${counted(freed, 'session')}. ${counted(still, 'session')} still ${still === 1 ? 'waits' : 'wait'}${others.length === 0 ? '' : ` for ${others.map(nameOf).join(', ')}`}.`,
        ]
      : []),
  ];
}

/**
 * What can be named where all blockers that are due are skipped: the waiting session whose cancel frees most, or a blocker that is
 * skipped unless it is named.
 */
export function otherWays(snapshot: Snapshot, skipped: readonly Skipped[]): string[] {
  if (skipped.length === 0) return [];
  const middle = middleOfQueue(snapshot, snapshot.backends);
  const pid = skipped.find(({is_final}) => !is_final)?.subject.replace('backend:', '');
  return [
    ...(middle === null
      ? []
      : [
          `${middle.backend.pid} (${describeBackend(middle.backend)}) waits itself and holds up the rest: to cancel its statement, which frees ${counted(middle.freed, 'session')}, set pid=${middle.backend.pid}.`,
        ]),
    ...(pid === undefined ? [] : [`To release ${pid} anyway, set pid=${pid}.`]),
  ];
}

/** Of `sessions`, the one that waits itself, may be cancelled and frees most; null if none frees any. */
export function middleOfQueue(
  snapshot: Snapshot,
  sessions: readonly Backend[],
): {backend: Backend; freed: number} | null {
  const graph = lockGraph(snapshot);
  const [middle] = sessions
    .filter(backend => graph.blockers.has(backend.pid) && protectionOf(backend, snapshot, true) === null)
    .map(backend => ({backend, freed: freedBy([backend.pid], graph).size}))
    .sort((a, b) => b.freed - a.freed);
  return middle === undefined || middle.freed === 0 ? null : middle;
}

const mostNamed = 3;

/** What sessions wait for in the end besides `pids`. */
function rootsOfOthers(snapshot: Snapshot, pids: readonly number[]): number[] {
  return lockTree(snapshot.backends, snapshot.lock_waits)
    .map(({pid}) => pid)
    .filter(pid => !pids.includes(pid))
    .slice(0, mostNamed);
}

function nameOf(pid: number): string {
  return pid === 0 ? 'a prepared transaction' : `session ${pid}`;
}

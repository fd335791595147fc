import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {lockTree} from '../activity/lock-tree.ts';
import {freedBy, lockGraph} from '../assessment/lock-graph.ts';
import {counted} from '../text/format.ts';
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

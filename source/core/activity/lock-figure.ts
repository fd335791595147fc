import type {Snapshot} from '../../model/snapshot.ts';
import {describeBackend} from '../sessions/protection.ts';
import {formatAge} from '../text/format.ts';
import type {LockNode} from './lock-tree.ts';

const maxWidth = 76;
const maxLines = 24;

/** The lock tree as lines for a preview; sessions that are `described` elsewhere show their pid only. */
export function lockFigure(
  roots: readonly LockNode[],
  snapshot: Snapshot,
  described: ReadonlySet<number>,
): string[] {
  const undescribed = {...snapshot, backends: snapshot.backends.filter(({pid}) => !described.has(pid))};
  const lines = roots.flatMap(root => [describe(root, undescribed), ...branches(root, undescribed, '')]);
  const shown = lines.length > maxLines ? lines.slice(0, maxLines - 1) : lines;
  const rest = lines.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].map(shorten);
}

function branches({children}: LockNode, snapshot: Snapshot, indent: string): string[] {
  return children.flatMap((child, index) => {
    const isLast = index === children.length - 1;
    return [
      `${indent}${isLast ? '└─ ' : '├─ '}${describe(child, snapshot)}`,
      ...branches(child, snapshot, `${indent}${isLast ? '   ' : '│  '}`),
    ];
  });
}

function describe({pid, waiters_total, is_in_cycle}: LockNode, snapshot: Snapshot): string {
  const backend = snapshot.backends.find(each => each.pid === pid);
  const wait = snapshot.lock_waits.find(each => each.pid === pid);
  return [
    pid === 0 ? 'prepared transaction' : String(pid),
    ...(backend ? [describeBackend(backend)] : []),
    ...(waiters_total > 0 ? [`blocks ${waiters_total}`] : []),
    ...(is_in_cycle ? ['deadlocked'] : []),
    ...(wait
      ? [`waits ${formatAge(wait.wait_age_ms)} for ${wait.mode} on ${wait.relation ?? wait.locktype}`]
      : []),
  ].join('  ');
}

function shorten(line: string): string {
  const characters = [...line];
  return characters.length <= maxWidth ? line : `${characters.slice(0, maxWidth - 1).join('')}…`;
}

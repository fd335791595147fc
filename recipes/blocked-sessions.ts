import {formatAge} from '../source/core/format.ts';
import {type LockNode, lockTree} from '../source/core/lock-tree.ts';
import {describeBackend, subjectOf} from '../source/core/protection.ts';
import type {Finding, Recipe} from '../source/core/recipe.ts';
import {counted} from '../source/core/session-plan.ts';
import type {Snapshot} from '../source/core/snapshot.ts';

/** Locks are waited for all the time; somebody notices after seconds. */
const warnAfterMs = 5000;
const criticalAfterMs = 60_000;
const criticalWaiters = 5;

const recipe: Recipe = {
  id: 'blocked-sessions',
  title: 'Sessions wait for a lock',
  summary: 'Names the root blockers and how many sessions each holds up; changes nothing',
  parameters: [],
  diagnose,
};
export default recipe;

function diagnose(snapshot: Snapshot): Finding[] {
  const waits = new Map(snapshot.lock_waits.map(({pid, wait_age_ms}) => [pid, wait_age_ms ?? 0]));
  return lockTree(snapshot.backends, snapshot.lock_waits)
    .map(root => ({...root, longest_ms: longestWait(root, waits)}))
    .filter(({waiters_total, longest_ms}) => waiters_total > 0 && longest_ms >= warnAfterMs)
    .map(({pid, waiters_direct, waiters_total, longest_ms}) => {
      const backend = snapshot.backends.find(each => each.pid === pid);
      const who = backend ? `${pid} (${describeBackend(backend)})` : nameOfUnknown(pid);
      return {
        recipe: recipe.id,
        severity: longest_ms >= criticalAfterMs || waiters_total >= criticalWaiters ? 'critical' : 'warning',
        subject: pid === 0 ? 'prepared transaction' : subjectOf(pid),
        summary: `${who} holds up ${counted(waiters_total, 'session')}; the longest wait is ${formatAge(longest_ms)}`,
        evidence: {
          pid,
          waiters_direct,
          waiters_total,
          longest_wait_ms: longest_ms,
          state: backend?.state ?? null,
          advice: adviceFor(pid, backend?.state ?? null),
        },
      };
    });
}

/** Of those it holds up, directly and through others. */
function longestWait({children}: LockNode, waits: ReadonlyMap<number, number>): number {
  return Math.max(
    0,
    ...children.map(child => Math.max(waits.get(child.pid) ?? 0, longestWait(child, waits))),
  );
}

/** pg_blocking_pids() says 0 for a prepared transaction. */
function nameOfUnknown(pid: number): string {
  return pid === 0 ? 'a prepared transaction' : `${pid} (no client session)`;
}

function adviceFor(pid: number, state: string | null): string {
  if (pid === 0) return 'pg_prepared_xacts names it; COMMIT PREPARED or ROLLBACK PREPARED ends it';
  return state === 'active'
    ? 'cancel-statements ends its statement'
    : 'terminate-sessions ends it and frees its locks';
}

import type {Act} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {writeText} from '../../recipe/parameters.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {isIdleInTransaction} from '../../sessions/session.ts';
import {changesSchema} from '../../sql/statement-name.ts';
import {formatAge} from '../../text/format.ts';
import {type Context, poolName, shareOf} from '../context.ts';
import {changedTable, rowLocks} from '../locked-object.ts';
import {poolKey} from '../sample.ts';
import {
  advice,
  describeRoot,
  type Explain,
  isLeak,
  lockOf,
  releaseAct,
  waitForIt,
} from './waiting-finding.ts';
import type {Jam} from './waiting-jams.ts';

/** A session that runs nothing and holds what others wait for. */
export const explainIdle: Explain = (jam, context) => {
  const root = jam.roots.find(({backend}) => backend?.state?.startsWith('idle'));
  if (!root?.backend) return null;
  const {backend} = root;
  const sharing = sharersOf(backend, jam, context);
  const shared = sharing.length === 0 ? '' : `; ${sharing.map(poolName).join(', ')} may hold them, too`;
  return {
    cause: 'idle-blocker',
    subject: subjectOf(backend.pid),
    summary: `${describeRoot(root)}, holds ${lockOf(jam)}; ${waitForIt(jam)}${shared}`,
    acts: isHabit(backend, context)
      ? [
          advice(
            `let ${poolName(backend)} wait for other things outside its transactions`,
            'Most of its sessions are idle in transaction at any time: ending this one helps until the next.',
          ),
        ]
      : isBrief(backend)
        ? [
            advice(
              `wait: ${poolName(backend)} has been idle for ${formatAge(backend.state_age_ms)} only`,
              `An application that works goes on by itself; after ${formatAge(thresholds.lock_wait_ms.warning)} its session can be ended.`,
            ),
          ]
        : [releaseAct(backend, jam, context), idleTimeout(backend)],
    confidence: 'certain',
    reasons: [
      `Its transaction has been open for ${formatAge(backend.xact_age_ms)}; it ${isAtWork(backend) ? 'pauses between its statements' : 'runs nothing'}, and keeps its locks until it commits, rolls back or ends.`,
      ...(changesSchema(backend.query)
        ? ['Its last statement changes the schema: readers wait for that lock, too.']
        : []),
      ...sharing.map(
        each =>
          `${poolName(each)} (${each.pid}) is idle in transaction after the same kind of statement. Several transactions can lock a row in share mode (a multixact); the server shows only the one that is waited for now.`,
      ),
    ],
  };
};

/** Other sessions left in a transaction after locking rows of the same table in share mode. */
function sharersOf({pid, query}: Backend, {waits}: Jam, {snapshot}: Context): Backend[] {
  const isSharing = /\bfor\s+(?:key\s+)?share\b/i;
  if (!isSharing.test(query ?? '') || !waits.some(({locktype}) => rowLocks.includes(locktype))) return [];
  const table = changedTable(query ?? '');
  return snapshot.backends.filter(
    each =>
      each.pid !== pid &&
      isIdleInTransaction(each) &&
      isSharing.test(each.query ?? '') &&
      changedTable(each.query ?? '') === table,
  );
}

/** Its last statement ended just now, in a transaction that has been open for longer. */
function isAtWork({state_age_ms, xact_age_ms}: Backend): boolean {
  return (state_age_ms ?? 0) < 1000 && (xact_age_ms ?? 0) >= 1000;
}

/** An application that works goes on by itself: ending its session would not help. */
function isBrief({state_age_ms}: Backend): boolean {
  return (state_age_ms ?? 0) < thresholds.lock_wait_ms.warning;
}

/** In more than half of the samples, most sessions of its pool are idle in transaction: the pool is examined, not the session. */
function isHabit(backend: Backend, {samples}: Context): boolean {
  if (isLeak(backend)) return false;
  return (
    shareOf(samples, ({pools}) =>
      pools.some(
        pool =>
          poolKey(pool) === poolKey(backend) &&
          pool.sessions >= 3 &&
          pool.idle_in_transaction * 2 > pool.sessions,
      ),
    ) > 0.5
  );
}

function idleTimeout({usename, is_superuser}: Backend): Act {
  const costs =
    'Applies to new sessions: the server ends one that is idle in transaction for longer (25P03).';
  if (usename === null || is_superuser)
    return advice(
      'let clients of this kind run in autocommit, or set idle_in_transaction_session_timeout',
      costs,
    );
  return {
    recipe: 'set-timeouts',
    params: {role: writeText(usename), idle_in_transaction_session_timeout: '1min'},
    title: `set idle_in_transaction_session_timeout for role ${usename}`,
    frees: null,
    costs,
  };
}

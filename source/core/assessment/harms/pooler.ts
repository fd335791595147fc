import type {Act, Finding} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {type PoolerQueue, type PoolerVerdict, poolerPoolName, poolerQueues} from '../../pool/pooler.ts';
import {isIdleInTransaction} from '../../sessions/session.ts';
import {counted, formatMs} from '../../text/format.ts';
import type {Context} from '../context.ts';
import {poolKey} from '../sample.ts';
import {advice, endAct, longestMs} from './slots-acts.ts';

/** Clients that wait for long in the PgBouncer in front of the server, and why. */
export function examinePooler({snapshot, facts: {pooler}}: Context): Finding[] {
  if (pooler === undefined) return [];
  return poolerQueues(pooler, snapshot.backends)
    .filter(({is_harmful}) => is_harmful)
    .map(queue => {
      const {pool, database, verdict, reason, sessions} = queue;
      const cause = `pooler-${verdict.replace(' ', '-')}`;
      const acts = actsOf(queue);
      return {
        recipe: acts[0]?.recipe ?? cause,
        severity: pool.maxwait_ms >= (thresholds.pooler_max_wait_ms.critical ?? 0) ? 'critical' : 'warning',
        subject: `pooler:${poolerPoolName(pool)}`,
        summary: `PgBouncer, pool ${poolerPoolName(pool)}: ${reason}`,
        evidence: {
          pooler: pooler.address,
          database: pool.database,
          user: pool.user,
          pool_mode: pool.pool_mode,
          cl_waiting: pool.cl_waiting,
          maxwait_ms: pool.maxwait_ms,
          sv_active: pool.sv_active,
          sv_login: pool.sv_login,
          pool_size: database?.pool_size ?? null,
        },
        cause,
        harm: {
          kind: 'pool',
          sessions: pool.cl_waiting,
          share: 1,
          // At least: it is the wait of the first in the queue.
          since: new Date(Date.parse(snapshot.at) - pool.maxwait_ms).toISOString(),
        },
        confidence: 'certain',
        reasons: reasonsOf(verdict, sessions, pooler.settings.query_wait_timeout_ms),
        acts,
        ...(acts[0]?.recipe && {params: acts[0].params}),
      };
    });
}

function reasonsOf(
  verdict: PoolerVerdict,
  sessions: readonly Backend[],
  query_wait_timeout_ms: number | null,
): string[] {
  const idle = sessions.filter(isIdleInTransaction);
  return [
    ...(query_wait_timeout_ms
      ? [
          `PgBouncer disconnects a client that has waited for ${formatMs(query_wait_timeout_ms)} (query_wait_timeout).`,
        ]
      : []),
    ...(verdict === 'full' && idle.length > 0
      ? [
          `${counted(idle.length, 'session')} of its server connections ${idle.length === 1 ? 'is' : 'are'} idle in transaction, for up to ${formatMs(longestMs(idle))}: they serve no other client until the transaction ends.`,
        ]
      : []),
  ];
}

function actsOf(queue: PoolerQueue): Act[] {
  if (queue.verdict === 'no server' || queue.verdict === 'logging in')
    return [
      advice(
        "read why in PgBouncer's log: a wrong password, pg_hba.conf, no free slot, or an address that does not answer",
        'PgBouncer tries again after server_login_retry',
      ),
    ];
  return queue.verdict === 'full' ? endIdleActs(queue.sessions) : [];
}

/** Of the application with most sessions idle in transaction. */
function endIdleActs(sessions: readonly Backend[]): Act[] {
  const idle = sessions.filter(isIdleInTransaction);
  const [most] = [...groupBy(idle, poolKey).values()].sort((a, b) => b.length - a.length);
  if (most === undefined) return [];
  return [
    endAct(most, {
      older_than_ms: thresholds.pooler_max_wait_ms.warning,
      title: `end the ${counted(most.length, 'session')} idle in transaction`,
      costs: 'their transactions are rolled back; their clients get an error',
    }),
  ];
}

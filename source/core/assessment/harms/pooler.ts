import type {Sample} from '../../../model/assessment.ts';
import type {Pooler, PoolerPool} from '../../../model/pooler.ts';
import type {Act, Finding, Harm} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {type PoolerQueue, type PoolerVerdict, poolerPoolName, poolerQueues} from '../../pool/pooler.ts';
import {writeText} from '../../recipe/parameters.ts';
import {isIdleInTransaction} from '../../sessions/session.ts';
import {counted, formatMs} from '../../text/format.ts';
import {averageOf, type Context, heldSince, shareOf} from '../context.ts';
import {poolKey} from '../sample.ts';
import {advice, endAct, longestMs} from './slots-acts.ts';

/** Clients that wait for long in the PgBouncer in front of the server, and why. */
export function examinePooler({snapshot, samples, facts: {pooler}}: Context): Finding[] {
  if (pooler === undefined) return [];
  return poolerQueues(pooler, snapshot.backends)
    .filter(({is_harmful}) => is_harmful)
    .map(queue => {
      const {pool, database, verdict, reason, sessions} = queue;
      const cause = `pooler-${verdict.replace(' ', '-')}`;
      const acts = actsOf(queue, pooler, snapshot.budget.headroom);
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
        harm: harmOf(pool, samples, snapshot.at),
        confidence: 'certain',
        reasons: reasonsOf(verdict, sessions, pooler.settings.query_wait_timeout_ms),
        acts,
        ...(acts[0]?.recipe && {params: acts[0].params}),
      };
    });
}

/** Over the readings that know the queue; in the first one it is as old as the wait of the first client. */
function harmOf(pool: PoolerPool, samples: readonly Sample[], at: string): Harm {
  const name = poolerPoolName(pool);
  const known = samples.filter(({pooler_waits}) => pooler_waits !== undefined);
  const isSeen = ({pooler_waits}: Sample) =>
    (pooler_waits?.[name]?.maxwait_ms ?? 0) >= thresholds.pooler_max_wait_ms.warning;
  const since = heldSince(known, isSeen);
  if (since === undefined)
    return {kind: 'pool', sessions: pool.cl_waiting, share: 1, since: waitingSince(pool, at)};
  return {
    kind: 'pool',
    sessions: averageOf(known.filter(isSeen), ({pooler_waits}) => pooler_waits?.[name]?.waiting ?? 0),
    share: shareOf(known, isSeen),
    since: since ?? waitingSince(pool, at),
  };
}

/** At least: others may have waited before. */
function waitingSince({maxwait_ms}: PoolerPool, at: string): string {
  return new Date(Date.parse(at) - maxwait_ms).toISOString();
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

function actsOf(queue: PoolerQueue, pooler: Pooler, headroom: number): Act[] {
  switch (queue.verdict) {
    case 'paused':
      return [
        {
          recipe: 'control-pgbouncer',
          params: {action: 'resume', database: writeText(queue.pool.database)},
          title: `resume ${queue.pool.database} in PgBouncer`,
          frees: `serves ${counted(queue.pool.cl_waiting, 'waiting client')}`,
          costs: 'what it was paused for may not be done yet',
        },
      ];
    case 'no server':
    case 'logging in':
      return [
        advice(
          "read why in PgBouncer's log: a wrong password, pg_hba.conf, no free slot, or an address that does not answer",
          'PgBouncer tries again after server_login_retry',
        ),
      ];
    case 'full':
      return [...endIdleActs(queue.sessions), ...enlargeActs(queue, pooler, headroom)];
    default:
      return [];
  }
}

/** Where the pool has the size of all, which can be changed immediately, and leads to this server, which has slots for it. */
function enlargeActs(
  {pool, database, sessions}: PoolerQueue,
  {settings, pools}: Pooler,
  headroom: number,
): Act[] {
  const before = settings.default_pool_size;
  if (sessions.length === 0 || database?.pool_size !== before || pool.sv_active < before) return [];
  const size = before + Math.min(before, Math.floor(headroom / Math.max(1, pools.length)));
  if (size === before) return [];
  return [
    {
      recipe: 'control-pgbouncer',
      params: {action: 'pool_size', pool_size: String(size)},
      title: `raise default_pool_size from ${before} to ${size}`,
      frees: `serves ${counted(Math.min(pool.cl_waiting, size - before), 'waiting client')}`,
      costs: 'more statements at the same time: where CPU or disk is the limit, each takes longer',
    },
  ];
}

/** Of the application with most sessions idle in transaction. */
function endIdleActs(sessions: readonly Backend[]): Act[] {
  const idle = sessions.filter(isIdleInTransaction);
  const [most] = [...groupBy(idle, poolKey).values()].sort((a, b) => b.length - a.length);
  if (most === undefined) return [];
  return [
    endAct(most, {
      older_than_ms: thresholds.pooler_max_wait_ms.warning,
      title: `terminate the ${counted(most.length, 'session')} idle in transaction`,
      costs: 'their transactions are rolled back; their clients get an error',
    }),
  ];
}

import {
  type PoolerLink,
  type PoolerQueue,
  type PoolerVerdict,
  poolerLinks,
  poolerPoolName,
  poolerQueues,
} from '../../core/pool/pooler.ts';
import {poolerEveryMs} from '../../core/recipe/diagnose.ts';
import {writeText} from '../../core/recipe/parameters.ts';
import {formatAge} from '../../core/text/format.ts';
import type {Pooler} from '../../model/pooler.ts';
import type {ParameterValues} from '../../model/recipe.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {type Column, freezeOrder} from './arrange.ts';

const prefix = 'pooler:';

/** Ids of PgBouncer's pools among those of applications. */
export function poolerId({pool}: PoolerQueue): string {
  return prefix + poolerPoolName(pool);
}

export function isPoolerId(id: string): boolean {
  return id.startsWith(prefix);
}

/** The PgBouncer of the snapshot on the screen, or in one line why there is none, and what to do. */
export function shownPooler({
  assessment,
  diagnosisData,
  past,
}: Pick<ConsoleState, 'assessment' | 'diagnosisData' | 'past'>): {
  pooler: Pooler | null;
  problem: string | null;
} {
  const pooler = assessment?.pooler ?? null;
  if (pooler !== null) return {pooler, problem: null};
  if (past !== null) return {pooler, problem: 'PgBouncer: not recorded here'};
  const problem = diagnosisData.facts.pooler?.problem;
  return {pooler, problem: problem ? `${problem.reason}; ${problem.remedy}` : null};
}

/** Those with the longest wait first. */
export function poolerRows(state: Pick<ConsoleState, 'assessment' | 'snapshot' | 'tables'>): PoolerQueue[] {
  const {assessment, snapshot} = state;
  if (!assessment?.pooler || snapshot === null) return [];
  const rows = poolerQueues(assessment.pooler, snapshot.backends);
  return freezeOrder(rows, tableOf(state, 'pools').frozenOrder, poolerId);
}

/** The PgBouncer pool whose row or page is meant. */
export function poolerOf(
  {assessment, snapshot}: Pick<ConsoleState, 'assessment' | 'snapshot'>,
  id: string,
): PoolerQueue | undefined {
  if (!assessment?.pooler || snapshot === null) return undefined;
  return poolerQueues(assessment.pooler, snapshot.backends).find(queue => poolerId(queue) === id);
}

/** Its server connections among the sessions on the screen, each with the client that has it; null where no PgBouncer is known. */
export function shownLinks({
  assessment,
  snapshot,
  past,
  pooler_of_ms,
}: Partial<Pick<ConsoleState, 'assessment' | 'past' | 'pooler_of_ms'>> &
  Pick<ConsoleState, 'snapshot'>): ReadonlyMap<number, PoolerLink> | null {
  if (!assessment?.pooler || snapshot === null) return null;
  // What is recorded with a snapshot may be that old.
  const read_ms = past ? Date.parse(snapshot.at) - poolerEveryMs : (pooler_of_ms ?? null);
  return poolerLinks(assessment.pooler, snapshot.backends, read_ms);
}

/** What `control-pgbouncer` takes to mean the database of this pool. */
export function paramsOfPooler({pool, verdict}: PoolerQueue): ParameterValues {
  return {database: writeText(pool.database), ...(verdict === 'paused' && {action: 'resume'})};
}

const verdictRoles: Record<PoolerVerdict, Role> = {
  paused: 'danger',
  disabled: 'danger',
  'no server': 'danger',
  'logging in': 'danger',
  full: 'danger',
  waiting: 'danger',
  fine: 'good',
};

export function poolerRole({verdict, is_harmful}: PoolerQueue): Role {
  const role = verdictRoles[verdict];
  // Without clients that have waited for more than a moment nothing is hurt yet.
  return role === 'danger' && !is_harmful ? 'warning' : role;
}

const count = (
  id: string,
  {title, help, width, priority}: Pick<Column<PoolerQueue>, 'title' | 'help' | 'width' | 'priority'>,
  read: (queue: PoolerQueue) => number | null,
): Column<PoolerQueue> => ({
  id,
  title,
  help,
  width,
  priority,
  align: 'right',
  text: queue => String(read(queue) ?? '-'),
  sortValue: read,
});

export const poolerColumns: Column<PoolerQueue>[] = [
  {
    id: 'pool',
    isText: true,
    title: 'PGBOUNCER POOL',
    help: 'database and user of a pool of PgBouncer',
    width: 14,
    widest: 40,
    priority: 1,
    text: ({pool}) => poolerPoolName(pool),
    sortValue: ({pool}) => poolerPoolName(pool),
  },
  {
    id: 'verdict',
    isText: true,
    title: 'VERDICT',
    help: 'full: all its server connections are busy; paused; logging in, no server: the server does not accept them',
    width: 10,
    priority: 2,
    text: ({verdict}) => verdict,
    role: poolerRole,
    sortValue: ({verdict}) => verdict,
  },
  count(
    'waiting',
    {title: 'WAIT', help: 'clients that wait for a server connection (cl_waiting)', width: 4, priority: 3},
    ({pool}) => pool.cl_waiting,
  ),
  {
    id: 'maxwait',
    title: 'MAXWAIT',
    help: 'how long the first of them has waited',
    width: 7,
    priority: 4,
    align: 'right',
    text: ({pool}) => (pool.cl_waiting === 0 ? '-' : formatAge(pool.maxwait_ms)),
    role: ({is_harmful}) => (is_harmful ? 'danger' : 'plain'),
    sortValue: ({pool}) => pool.maxwait_ms,
  },
  count(
    'clients',
    {
      title: 'CLIENTS',
      help: 'other clients: with a server connection, or idle (cl_active)',
      width: 7,
      priority: 9,
    },
    ({pool}) => pool.cl_active,
  ),
  count(
    'sv_active',
    {title: 'BUSY', help: 'server connections that a client has (sv_active)', width: 4, priority: 5},
    ({pool}) => pool.sv_active,
  ),
  count(
    'sv_idle',
    {title: 'IDLE', help: 'server connections that are free (sv_idle)', width: 4, priority: 8},
    ({pool}) => pool.sv_idle,
  ),
  count(
    'sv_used',
    {
      title: 'USED',
      help: 'free for longer, checked before their next use (sv_used, sv_tested)',
      width: 4,
      priority: 11,
    },
    ({pool}) => pool.sv_used + pool.sv_tested,
  ),
  count(
    'sv_login',
    {title: 'LOGIN', help: 'server connections that are logging in (sv_login)', width: 5, priority: 10},
    ({pool}) => pool.sv_login,
  ),
  count(
    'size',
    {title: 'SIZE', help: 'the most server connections that it opens (pool_size)', width: 4, priority: 6},
    ({database}) => database?.pool_size ?? null,
  ),
  {
    id: 'mode',
    isText: true,
    title: 'MODE',
    help: 'for how long a client keeps a server connection (pool_mode)',
    width: 11,
    priority: 12,
    text: ({pool}) => pool.pool_mode,
    sortValue: ({pool}) => pool.pool_mode,
  },
  {
    id: 'why',
    title: 'WHY',
    help: 'what the verdict rests on; Enter shows all of it',
    width: 18,
    grows: true,
    priority: 7,
    text: ({why}) => why,
    sortValue: ({why}) => why,
  },
];

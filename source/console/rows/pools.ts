import {deadSocketsOf} from '../../core/assessment/applications.ts';
import {sessionsByPool} from '../../core/assessment/context.ts';
import {poolKey} from '../../core/assessment/sample.ts';
import {thresholds} from '../../core/health/thresholds.ts';
import {seenOfPool} from '../../core/pool/seen.ts';
import {writeText} from '../../core/recipe/parameters.ts';
import {sessionId} from '../../core/sessions/session.ts';
import {formatCount, formatMs, formatRatio} from '../../core/text/format.ts';
import {writeDuration} from '../../core/text/time.ts';
import type {ApplicationPool, PoolVerdict} from '../../model/application-pool.ts';
import type {ParameterValues} from '../../model/recipe.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';

const verdictRoles: Record<PoolVerdict, Role> = {
  saturated: 'danger',
  leaking: 'danger',
  parked: 'warning',
  dead_sockets: 'warning',
  oversized: 'warning',
  fine: 'good',
};

/** `saturated?`: it may be. */
export function verdictText({verdict, may_be}: ApplicationPool): string {
  if (verdict === null && may_be !== null) return `${wordOf(may_be)}?`;
  return verdict === null ? '-' : wordOf(verdict);
}

function wordOf(verdict: PoolVerdict): string {
  return verdict.replace('_', ' ');
}

export function verdictRole({verdict, may_be}: ApplicationPool): Role {
  if (verdict === null) return may_be === null ? 'muted' : 'warning';
  return verdictRoles[verdict];
}

export const poolColumns: Column<ApplicationPool>[] = [
  {
    id: 'application',
    isText: true,
    title: 'APPLICATION',
    help: 'application_name, without what its pool reports in it',
    width: 12,
    widest: 40,
    priority: 1,
    text: ({application_name}) => application_name || '(no name)',
    aliases: ({application_name}) => [application_name],
    sortValue: ({application_name}) => application_name,
  },
  {
    id: 'role',
    isText: true,
    title: 'ROLE',
    help: 'role that it logs in as',
    width: 10,
    widest: 30,
    priority: 6,
    text: ({usename}) => usename || '-',
    sortValue: ({usename}) => usename,
  },
  {
    id: 'database',
    isText: true,
    title: 'DATABASE',
    help: 'database that it is connected to',
    width: 11,
    priority: 9,
    text: ({datname}) => datname || '-',
    sortValue: ({datname}) => datname,
  },
  {
    id: 'verdict',
    isText: true,
    title: 'VERDICT',
    help: 'saturated: requests wait; leaking: left in transaction; parked: idle inside transactions; dead sockets; oversized; ?: may be',
    width: 12,
    priority: 2,
    text: verdictText,
    role: verdictRole,
    sortValue: ({verdict}) => verdict,
  },
  {
    id: 'sessions',
    title: 'SESS',
    help: 'its sessions now',
    width: 5,
    priority: 3,
    align: 'right',
    text: ({sessions}) => String(sessions),
    sortValue: ({sessions}) => sessions,
  },
  {
    id: 'busy',
    title: 'BUSY',
    help: 'sessions active or in transaction, on average over the last five minutes',
    width: 5,
    priority: 4,
    align: 'right',
    text: ({average_busy}) => (average_busy === null ? '-' : average_busy.toFixed(1)),
    sortValue: ({average_busy}) => average_busy,
  },
  {
    id: 'full',
    title: 'ALL BUSY',
    help: 'share of the snapshots of the last five minutes in which all its sessions were busy',
    width: 8,
    priority: 5,
    align: 'right',
    text: ({all_busy_ratio}) => formatRatio(all_busy_ratio, 0),
    sortValue: ({all_busy_ratio}) => all_busy_ratio,
  },
  {
    id: 'queue',
    title: 'QUEUE',
    help: 'requests that wait for a connection, and how long (95th percentile), as poolctl/kit reports them',
    width: 10,
    priority: 7,
    align: 'right',
    text: ({reported}) =>
      reported === null
        ? '-'
        : `${formatCount(reported.waiting)}${reported.wait_p95_ms ? ` ${formatMs(reported.wait_p95_ms)}` : ''}`,
    role: ({verdict, reported}) => (verdict === 'saturated' && reported?.waiting ? 'danger' : 'plain'),
    sortValue: ({reported}) => reported?.waiting ?? null,
  },
  {
    id: 'instances',
    title: 'INST',
    help: 'processes: pools that report, else client addresses; ?: may be more',
    width: 4,
    priority: 10,
    align: 'right',
    text: ({instances, clients}) =>
      instances === null ? '-' : `${instances}${clients.some(each => each.may_be_instances) ? '?' : ''}`,
    sortValue: ({instances}) => instances,
  },
  {
    id: 'why',
    title: 'WHY',
    help: 'what the verdict rests on; Enter shows all of it',
    width: 20,
    grows: true,
    priority: 8,
    text: ({reason}) => reason,
    sortValue: ({reason}) => reason,
  },
];

/** The one with the most sessions first. */
export function poolRows({
  assessment,
  tables,
}: Pick<ConsoleState, 'assessment' | 'tables'>): ApplicationPool[] {
  return arrangeRows([...(assessment?.applications ?? [])], tableOf({tables}, 'pools'), poolColumns, poolKey);
}

/** The recipe that answers the verdict, set to this pool. */
export function recipeOfPool(
  pool: ApplicationPool,
  snapshot: Snapshot,
): {recipe: string; params: ParameterValues} {
  const {verdict, application_name, usename, datname} = pool;
  const role = writeText(usename);
  const sessions = sessionsByPool(snapshot).get(poolKey(pool)) ?? [];
  const own = {application: writeText(application_name), role, database: writeText(datname)};
  if (verdict === 'leaking') {
    const older_than = writeDuration(thresholds.longest_idle_in_transaction_ms.warning);
    return {recipe: 'kill-idle-sessions', params: {...own, older_than}};
  }
  if (verdict === 'dead_sockets') {
    const dead = deadSocketsOf(sessions);
    const older_than = writeDuration(thresholds.dead_socket_ms.warning);
    const pid = dead.map(sessionId).join(',');
    return {recipe: 'kill-idle-sessions', params: {...own, states: 'idle', older_than, pid}};
  }
  if (verdict === 'parked') return {recipe: 'set-timeouts', params: {role}};
  return {recipe: 'tune-connection-limit', params: {role, ...seenOfPool(pool, sessions)}};
}

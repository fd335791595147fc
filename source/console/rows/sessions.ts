import {tagOf} from '../../core/activity/session-load.ts';
import {thresholds} from '../../core/health/thresholds.ts';
import type {PoolerLink} from '../../core/pool/pooler.ts';
import {isWaitingForLock, sessionId} from '../../core/sessions/session.ts';
import {formatAge} from '../../core/text/format.ts';
import type {PoolerClient} from '../../model/pooler.ts';
import type {Backend} from '../../model/snapshot.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column, freezeOrder} from './arrange.ts';
import {oneLine} from './one-line.ts';
import {shownLinks} from './poolers.ts';
import {type TagGroup, tagGroupId, tagGroups} from './tag-groups.ts';

/** `behind`: the session is a server connection of PgBouncer, and this client has it now. */
export type SessionRow = Backend & {behind?: PoolerLink};

/** On a narrow terminal who (application, role) outlasts what (statement): `K` ends the session, not the statement. */
export const sessionColumns: Column<SessionRow>[] = [
  {
    id: 'pid',
    title: 'PID',
    help: 'process id of the backend',
    width: 7,
    priority: 1,
    align: 'right',
    text: b => String(b.pid),
    sortValue: b => b.pid,
  },
  {
    id: 'state',
    isText: true,
    title: 'STATE',
    help: 'its state; aborted tx accepts ROLLBACK only, waits 4711 waits for that pid, hidden needs a privilege',
    width: 10,
    widest: 13,
    priority: 2,
    text: shortState,
    aliases: b => [b.state ?? '', isWaitingForLock(b) ? 'waiting' : ''],
    role: stateRole,
    sortValue: b => b.state,
  },
  {
    id: 'age',
    title: 'FOR',
    help: 'how long in this state, or how long its statement runs',
    width: 6,
    priority: 5,
    align: 'right',
    text: b => formatAge(b.state === 'active' ? b.query_age_ms : b.state_age_ms),
    role: b =>
      isInTransaction(b) && (b.state_age_ms ?? 0) > thresholds.longest_idle_in_transaction_ms.warning
        ? 'warning'
        : 'plain',
    sortValue: b => (b.state === 'active' ? b.query_age_ms : b.state_age_ms),
  },
  {
    id: 'xact',
    title: 'XACT',
    help: 'age of its transaction',
    width: 6,
    priority: 7,
    align: 'right',
    text: b => formatAge(b.xact_age_ms),
    role: b => ((b.xact_age_ms ?? 0) > thresholds.open_transaction_ms.warning ? 'warning' : 'plain'),
    sortValue: transactionAge,
  },
  {
    id: 'application',
    isText: true,
    title: 'APPLICATION',
    help: 'application_name',
    width: 12,
    widest: 40,
    priority: 3,
    text: applicationOf,
    aliases: b => [clientBehind(b)?.application_name].filter(name => typeof name === 'string'),
    sortValue: applicationOf,
  },
  {
    id: 'role',
    isText: true,
    title: 'ROLE',
    help: 'role that it logged in as',
    width: 13,
    widest: 30,
    priority: 4,
    text: b => b.usename ?? '-',
    sortValue: b => b.usename,
  },
  {
    id: 'database',
    isText: true,
    title: 'DATABASE',
    help: 'database that it is connected to',
    width: 11,
    priority: 11,
    text: b => b.datname ?? '-',
    sortValue: b => b.datname,
  },
  {
    id: 'client',
    isText: true,
    title: 'CLIENT',
    help: 'its address; of a server connection of PgBouncer the client that has it now, or (pooler): none, or not read',
    width: 15,
    priority: 10,
    text: clientOf,
    aliases: b => (b.behind === undefined ? [] : [b.client_addr ?? 'local', 'pgbouncer']),
    sortValue: b => (b.behind === undefined ? b.client_addr : clientOf(b)),
  },
  {
    id: 'wait',
    isText: true,
    title: 'WAIT',
    help: 'wait event, unless it waits for its client',
    width: 14,
    widest: 30,
    priority: 9,
    text: waitText,
    role: b => (b.wait_event_type === 'Lock' ? 'danger' : 'muted'),
    sortValue: b => b.wait_event,
  },
  {
    id: 'blocked',
    title: 'BLOCKED BY',
    help: 'pids that hold the lock, or are ahead in its queue',
    width: 10,
    priority: 8,
    text: b => [...new Set(b.blocked_by)].join(','),
    role: () => 'danger',
    sortValue: b => (b.blocked_by.length > 0 ? (b.blocked_by[0] ?? null) : null),
  },
  ...(['route', 'operation'] as const).map(
    (id): Column<SessionRow> => ({
      ...{id, isText: true, isRare: true, title: id.toUpperCase(), width: 14, widest: 30, priority: 12},
      help:
        id === 'route'
          ? 'endpoint, from the tags of its statement'
          : "Prisma's operation, from the same tags",
      text: b => tagOf(b.tags, id),
      sortValue: b => tagOf(b.tags, id) || null,
    }),
  ),
  {
    id: 'query',
    isText: true,
    title: 'STATEMENT (last if idle)',
    help: 'current or last statement; / searches its full text',
    width: 20,
    grows: true,
    priority: 6,
    text: b => oneLine(b.query ?? ''),
    whole: b => b.query ?? '',
    aliases: b => (b.query === null ? [] : [b.query]),
    role: b => (b.state === 'active' ? 'plain' : 'muted'),
    sortValue: b => b.query,
  },
];

export function sessionRows(
  state: Pick<ConsoleState, 'tables'> & Parameters<typeof shownLinks>[0],
): SessionRow[] {
  const backends = state.snapshot?.backends ?? [];
  const links = shownLinks(state);
  const rows =
    links === null
      ? backends
      : backends.map(backend => {
          const behind = links.get(backend.pid);
          return behind === undefined ? backend : {...backend, behind};
        });
  return arrangeRows(rows, tableOf(state, 'sessions'), sessionColumns, sessionId);
}

/** The groups of the sessions that the filter shows; [] where they are shown one by one. */
export function sessionGroups(state: Parameters<typeof sessionRows>[0]): TagGroup[] {
  const {groupBy: tag, frozenOrder} = tableOf(state, 'sessions');
  if (tag === null || state.snapshot === null) return [];
  return freezeOrder(tagGroups(sessionRows(state), tag, state.snapshot), frozenOrder, tagGroupId);
}

/** PgBouncer passes its client's name on, and the session is the newer reading. */
function applicationOf(row: SessionRow): string {
  return row.application_name || (clientBehind(row)?.application_name ?? '');
}

function clientBehind({behind}: SessionRow): PoolerClient | null {
  return behind === undefined || behind === 'unread' ? null : behind;
}

function clientOf(row: SessionRow): string {
  const {client_addr, state, behind} = row;
  if (behind === undefined) return client_addr ?? (state === null ? '-' : 'local');
  return clientBehind(row)?.client_addr ?? '(pooler)';
}

/** An aborted transaction has no xact_start: it is at least as old as its state. */
function transactionAge({xact_age_ms, state, state_age_ms}: Backend): number | null {
  return xact_age_ms ?? (state === 'idle in transaction (aborted)' ? state_age_ms : null);
}

function isInTransaction(backend: Backend): boolean {
  return backend.state?.startsWith('idle in transaction') ?? false;
}

/** PostgreSQL's words, shortened where a column is narrow: `idle in transaction (aborted)` is `aborted tx`. */
function shortState(backend: Backend): string {
  if (backend.state === 'idle in transaction') return 'idle in tx';
  if (backend.state === 'idle in transaction (aborted)') return 'aborted tx';
  if (!isWaitingForLock(backend)) return backend.state ?? 'hidden';
  const [blocker] = backend.blocked_by;
  return blocker === undefined ? 'waiting' : `waits ${blocker}`;
}

function stateRole(backend: Backend): Role {
  if (isWaitingForLock(backend)) return 'danger';
  if (backend.state === 'active') return 'good';
  if (backend.state === 'idle' || backend.state === null) return 'muted';
  return 'warning';
}

function waitText(backend: Backend): string {
  if (backend.wait_event === null || backend.wait_event === 'ClientRead') return '';
  return `${backend.wait_event_type}:${backend.wait_event}`;
}

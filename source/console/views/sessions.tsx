import {thresholds} from '../../core/health/thresholds.ts';
import {sessionId} from '../../core/sessions/session.ts';
import {formatAge} from '../../core/text/format.ts';
import type {Backend} from '../../model/snapshot.ts';
import {arrangeRows, type Column, drawTable} from '../components/table.ts';
import type {Role} from '../screen/line.ts';
import type {ConsoleState} from '../state/state.ts';
import {drawn} from './drawn.tsx';
import type {View} from './view.ts';

const sessionColumns: Column<Backend>[] = [
  {
    id: 'pid',
    title: 'PID',
    width: 7,
    priority: 1,
    align: 'right',
    text: b => String(b.pid),
    sortValue: b => b.pid,
  },
  {
    id: 'state',
    title: 'STATE',
    width: 10,
    priority: 2,
    text: shortState,
    aliases: b => (b.state === null ? [] : [b.state]),
    role: stateRole,
    sortValue: b => b.state,
  },
  {
    id: 'age',
    title: 'FOR',
    width: 6,
    priority: 3,
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
    width: 6,
    priority: 5,
    align: 'right',
    text: b => formatAge(b.xact_age_ms),
    role: b => ((b.xact_age_ms ?? 0) > thresholds.open_transaction_ms.warning ? 'warning' : 'plain'),
    sortValue: b => b.xact_age_ms,
  },
  {
    id: 'application',
    title: 'APPLICATION',
    width: 15,
    widest: 40,
    priority: 4,
    text: b => b.application_name,
    sortValue: b => b.application_name,
  },
  {
    id: 'role',
    title: 'ROLE',
    width: 13,
    widest: 30,
    priority: 8,
    text: b => b.usename ?? '-',
    sortValue: b => b.usename,
  },
  {
    id: 'database',
    title: 'DATABASE',
    width: 11,
    priority: 10,
    text: b => b.datname ?? '-',
    sortValue: b => b.datname,
  },
  {
    id: 'client',
    title: 'CLIENT',
    width: 15,
    priority: 9,
    text: b => b.client_addr ?? (b.state === null ? '-' : 'local'),
    sortValue: b => b.client_addr,
  },
  {
    id: 'wait',
    title: 'WAIT',
    width: 14,
    priority: 7,
    text: waitText,
    role: b => (b.wait_event_type === 'Lock' ? 'danger' : 'muted'),
    sortValue: b => b.wait_event,
  },
  {
    id: 'blocked',
    title: 'BLOCKED BY',
    width: 10,
    priority: 6,
    text: b => [...new Set(b.blocked_by)].join(','),
    role: () => 'danger',
    sortValue: b => (b.blocked_by.length > 0 ? (b.blocked_by[0] ?? null) : null),
  },
  {
    id: 'query',
    title: 'STATEMENT (last if idle)',
    width: 20,
    grows: true,
    priority: 2,
    text: b => oneLine(b.query ?? ''),
    aliases: b => (b.query === null ? [] : [b.query]),
    role: b => (b.state === 'active' ? 'plain' : 'muted'),
    sortValue: b => b.query,
  },
];

export function sessionRows(state: ConsoleState): Backend[] {
  return arrangeRows(state.snapshot?.backends ?? [], state.tables.sessions, sessionColumns, sessionId);
}

const view: View = {
  id: 'sessions',
  title: 'Sessions',
  key: '2',
  sortColumns: sessionColumns.map(({id, title}) => ({id, title})),
  badge: state => (state.snapshot ? {text: String(state.snapshot.backends.length), isBad: false} : null),
  ids: state => sessionRows(state).map(sessionId),
  Component: drawn({
    select: state => ({
      rows: sessionRows(state),
      table: state.tables.sessions,
      columns: sessionColumns,
      idOf: sessionId,
      emptyText: state.tables.sessions.filter
        ? 'no session matches the filter'
        : 'no client session but poolctl',
    }),
    drawSlice: (slice, area, theme) => drawTable(slice, area.width, area.height, theme),
  }),
};

export default view;

function isInTransaction(backend: Backend): boolean {
  return backend.state?.startsWith('idle in transaction') ?? false;
}

/** PostgreSQL's words, shortened where a column is narrow: `idle in transaction (aborted)` is `aborted tx`. */
function shortState(backend: Backend): string {
  if (backend.state === null) return 'hidden';
  if (backend.state === 'idle in transaction') return 'idle in tx';
  if (backend.state === 'idle in transaction (aborted)') return 'aborted tx';
  return backend.state;
}

function stateRole(backend: Backend): Role {
  if (backend.state === 'active') return backend.wait_event_type === 'Lock' ? 'danger' : 'good';
  if (backend.state === 'idle' || backend.state === null) return 'muted';
  return 'warning';
}

function waitText(backend: Backend): string {
  if (backend.wait_event === null || backend.wait_event === 'ClientRead') return '';
  return `${backend.wait_event_type}:${backend.wait_event}`;
}

/**
 * A statement for a list, where its first words must tell it from its neighbours: Prisma quotes and qualifies every
 * name and lists every column, which would leave room for little else. The detail shows it as it is.
 */
export function oneLine(text: string): string {
  return (
    text
      .slice(0, 1000)
      .replace(/\s+/g, ' ')
      .trim()
      .replace(/"public"\./g, '')
      .replace(/"([a-z_][a-z0-9_]*)"/g, '$1')
      // What Prisma counts stands in a subquery of its own.
      .replace(/ AS "_count\$_all" FROM \(SELECT [\w."]+ FROM /g, ' AS "_count$_all" FROM ')
      .replace(/SELECT ((?:(?! FROM |SELECT ).)+) FROM /g, (whole, list: string) => {
        const [first = ''] = list.split(/, | AS /);
        const isFolded = list.length > longestList && isBalanced(first) && isBalanced(list);
        return isFolded && first !== list ? `SELECT ${first}… FROM ` : whole;
      })
  );
}

/** Longest column list shown in full, in characters. */
const longestList = 20;

/** Not the middle of a call: `extract(year FROM due)` holds no table. */
function isBalanced(text: string): boolean {
  return text.split('(').length === text.split(')').length;
}

import {groupLoad, type LoadGroup, type LoadRow, loadOver} from '../../core/activity/load-over.ts';
import {tagOf} from '../../core/activity/session-load.ts';
import {groupBy} from '../../core/group-by.ts';
import {isActive, isWaitingForLock} from '../../core/sessions/session.ts';
import {formatAge} from '../../core/text/format.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {type StatementTag, type TableState, tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {type Column, createFilter, freezeOrder} from './arrange.ts';
import {cellFilter} from './groups.ts';
import {loadColumns, groupColumns as loadGroupColumns, loadRange, loadText} from './waits.ts';

/** Sessions whose statements have the same tag. */
export type TagGroup = {
  /** '' without the tag. */
  value: string;
  sessions: number;
  active: number;
  idle_in_transaction: number;
  waiting: number;
  /** Sessions that wait for one of them. */
  blocked: number;
  oldest_xact_ms: number | null;
};

/** The group with most sessions in a transaction first: those are what keeps connections. */
export function tagGroups(sessions: readonly Backend[], tag: StatementTag, {backends}: Snapshot): TagGroup[] {
  const waits = backends.filter(({blocked_by}) => blocked_by.length > 0);
  const held = ({active, idle_in_transaction}: TagGroup) => active + idle_in_transaction;
  return [...groupBy(sessions, ({tags}) => tagOf(tags, tag))]
    .map(([value, own]): TagGroup => {
      const pids = new Set(own.map(({pid}) => pid));
      const ages_ms = own.flatMap(({xact_age_ms}) => xact_age_ms ?? []);
      return {
        value,
        sessions: own.length,
        active: own.filter(isActive).length,
        idle_in_transaction: own.filter(({state}) => state?.startsWith('idle in transaction')).length,
        waiting: own.filter(isWaitingForLock).length,
        blocked: waits.filter(({blocked_by}) => blocked_by.some(pid => pids.has(pid))).length,
        oldest_xact_ms: ages_ms.length === 0 ? null : Math.max(...ages_ms),
      };
    })
    .sort((a, b) => held(b) - held(a) || b.sessions - a.sessions || (a.value < b.value ? -1 : 1));
}

/** Groups have an order of their own, whatever the rows are sorted by. */
export function unsorted(table: TableState): TableState {
  return {...table, sort: {column: '', isDescending: true}};
}

export function tagGroupId({value}: TagGroup): string {
  return `tag:${value}`;
}

/** Whether a row is the group of what has no tag: of sessions, or of their load. */
export function isWithoutTag(id: string): boolean {
  return id === 'tag:' || id === '(no tag)';
}

/** The filter of the rows of a group. */
export function tagFilter(tag: StatementTag, id: string): string {
  return cellFilter(tag, id.replace(/^tag:/, ''));
}

function figure(
  id: keyof Omit<TagGroup, 'value' | 'oldest_xact_ms'>,
  title: string,
  help: string,
): Column<TagGroup> {
  return {
    ...{id, title, help, width: title.length + 1, priority: 3, align: 'right' as const},
    text: group => (group[id] === 0 ? '' : String(group[id])),
    role: group => (group[id] > 0 && (id === 'waiting' || id === 'blocked') ? 'danger' : 'plain'),
    sortValue: group => group[id],
  };
}

const tagGroupColumns: Column<TagGroup>[] = [
  {...figure('sessions', 'SESSIONS', 'sessions whose statement, or last one, has the tag'), priority: 1},
  figure('active', 'ACTIVE', 'of them, those that run a statement'),
  figure('idle_in_transaction', 'IDLE TX', 'of them, those idle in transaction'),
  figure('waiting', 'WAITING', 'of them, those that wait for a lock'),
  figure('blocked', 'BLOCKS', 'sessions that wait for a lock of one of them'),
  {
    ...{id: 'xact', title: 'XACT', help: 'age of their oldest transaction', width: 6, priority: 4},
    align: 'right',
    text: ({oldest_xact_ms}) => formatAge(oldest_xact_ms),
    sortValue: ({oldest_xact_ms}) => oldest_xact_ms,
  },
  {
    ...{id: 'value', title: 'VALUE', help: 'the route or operation in the statement, from its tags'},
    ...{width: 20, grows: true as const, priority: 2},
    text: ({value}) => value || '(no tag)',
    role: ({value}) => (value === '' ? 'muted' : 'plain'),
    sortValue: ({value}) => value,
  },
];

export function tagGroupColumnsOf(tag: StatementTag): Column<TagGroup>[] {
  return tagGroupColumns.map(column =>
    column.id === 'value' ? {...column, title: tag.toUpperCase()} : column,
  );
}

/**
 * What statements cost by tag: of the sessions seen in them that the filter shows, as in Waits. pg_stat_statements keeps the tags of
 * the first call only, and no figure of one tag.
 */
export function statementGroups(state: Pick<ConsoleState, 'load' | 'window' | 'past' | 'tables'>): {
  groups: LoadGroup[];
  text: string;
} {
  const {groupBy: tag, frozenOrder, filter} = tableOf(state, 'statements');
  const {load, window_ms, until_ms} = loadRange(state);
  const over = tag === null ? null : loadOver(load, window_ms, until_ms);
  if (tag === null || over === null) return {groups: [], text: ''};
  const rows = over.rows.filter(createFilter(filter, loadColumns));
  const groups = freezeOrder(groupLoad(rows, tag), frozenOrder, ({key}) => key);
  return {groups, text: loadText({over, sessions: sum(rows)})};
}

function sum(rows: readonly LoadRow[]): number {
  return rows.reduce((all, {sessions}) => all + sessions, 0);
}

export function statementGroupColumns(tag: StatementTag): Column<LoadGroup>[] {
  return loadGroupColumns.map(column =>
    column.id === 'value' ? {...column, title: tag.toUpperCase()} : column,
  );
}

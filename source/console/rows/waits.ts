import type {LoadClass} from '../../core/activity/busy-sessions.ts';
import {
  groupLoad,
  type LoadDimension,
  type LoadGroup,
  type LoadOver,
  type LoadRow,
  type LoadTime,
  loadDimensions,
  loadOver,
  loadValue,
} from '../../core/activity/load-over.ts';
import {type LoadHistory, longestStatement} from '../../core/activity/session-load.ts';
import {windowMs} from '../../core/activity/statement-window.ts';
import {counted, formatAge, formatRatio} from '../../core/text/format.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {type Column, createFilter, freezeOrder} from './arrange.ts';
import {cellFilter} from './groups.ts';

/** How a class is drawn: by its letter, because not every terminal has eight colours. */
export const classSigns: Record<LoadClass, {sign: string; role: Role; name: string}> = {
  CPU: {sign: 'C', role: 'good', name: 'CPU'},
  IO: {sign: 'D', role: 'accent', name: 'disk'},
  Lock: {sign: 'L', role: 'danger', name: 'lock'},
  LWLock: {sign: 'W', role: 'reserved', name: 'LWLock'},
  IPC: {sign: 'P', role: 'warning', name: 'IPC'},
  Client: {sign: 'N', role: 'plain', name: 'client'},
  blocker: {sign: 'B', role: 'danger', name: 'blocker'},
  other: {sign: 'o', role: 'muted', name: 'other'},
};

const dimensionHelp: Record<LoadDimension | 'class', string> = {
  event: 'wait event as in pg_stat_activity; CPU: none, it runs or waits for a CPU',
  statement: 'as it was first seen; a filter names it by its text or query id',
  operation: "Prisma's operation, where statements are tagged",
  route: 'the endpoint, where statements are tagged',
  application: 'application_name',
  role: 'role of the session',
  database: 'database of the session',
  client: 'address of the client',
  object: 'what it waits for a lock on',
  class: Object.values(classSigns)
    .map(({sign, name}) => `${sign} ${name}`)
    .join(', '),
};

/** What the filter of the view can name: one column for each dimension, and the class. */
export const loadColumns: (Column<LoadRow> & {help: string})[] = [
  ...loadDimensions.map(id => ({
    ...dimensionColumn(id, row => loadValue(row, id)),
    ...(id === 'statement' && {aliases: ({query_id}: LoadRow) => (query_id === null ? [] : [query_id])}),
  })),
  dimensionColumn('class', row => row.class),
];

function dimensionColumn(id: LoadDimension | 'class', text: (row: LoadRow) => string): Column<LoadRow> {
  return {
    id,
    title: id.toUpperCase(),
    help: dimensionHelp[id],
    width: 12,
    priority: 1,
    text,
    sortValue: text,
  };
}

export const groupColumns: Column<LoadGroup>[] = [
  {
    id: 'sessions',
    title: 'BUSY',
    help: 'sessions on average of the snapshots',
    width: 6,
    priority: 1,
    align: 'right',
    text: ({sessions}) => sessions.toFixed(sessions < 10 ? 2 : 1),
    role: () => 'strong',
    sortValue: ({sessions}) => sessions,
  },
  {
    id: 'share',
    title: 'SHARE',
    help: 'of the busy sessions that the filter shows',
    width: 6,
    priority: 2,
    align: 'right',
    text: ({share_ratio}) => formatRatio(share_ratio),
    sortValue: ({share_ratio}) => share_ratio,
  },
  {
    id: 'value',
    title: 'VALUE',
    help: 'by what `s` has chosen',
    width: 16,
    grows: true,
    priority: 3,
    text: ({value}) => value,
    sortValue: ({value}) => value,
  },
  {
    id: 'classes',
    title: 'CLASSES',
    help: 'what they do: CPU, disk (IO), lock, LWLock, IPC, client; blocker: idle in transaction, and others wait for it',
    width: 14,
    widest: 44,
    priority: 4,
    text: classesText,
    role: ({classes: [first]}) => (first === undefined ? 'plain' : classSigns[first.class].role),
    sortValue: ({classes: [first]}) => first?.sessions ?? 0,
  },
];

/** `Lock 88 %, CPU 12 %`. */
function classesText({classes, sessions}: LoadGroup): string {
  return classes.map(each => `${each.class} ${formatRatio(each.sessions / sessions, 0)}`).join(', ');
}

type Shown = Pick<ConsoleState, 'load' | 'window' | 'past' | 'tables'>;

export function groupId({key}: LoadGroup): string {
  return key;
}

/**
 * The last minute where the statements' window is that of two readings; all that is kept where it is since the reset: the last hour,
 * or the whole recording. Of the past, up to the snapshot shown.
 */
export function loadRange({load, window, past}: Omit<Shown, 'tables'>): LoadTime & {load: LoadHistory} {
  const whole = past === null ? load : (past.now?.load ?? past.whole?.load ?? load);
  const [first, last] = [whole.buckets[0], whole.buckets.at(-1)];
  const all_ms = Math.max(leastMs, (last?.to_ms ?? 0) - (first?.from_ms ?? 0));
  if (window === 'reset' && past?.whole) return {load: whole, window_ms: all_ms, isFixed: true};
  // The chart begins at a multiple of a quarter: three of them hold what there is.
  if (window === 'reset')
    return {load: whole, window_ms: (all_ms * 4) / 3, ...(past !== null && {until_ms: past.at_ms})};
  const window_ms = windowMs[window] ?? leastMs;
  if (past === null) return {load, window_ms};
  const near = load.buckets[0]?.from_ms ?? Infinity;
  return {load: near <= past.at_ms - window_ms ? load : whole, window_ms, until_ms: past.at_ms};
}

const leastMs = 60_000;

export type ShownLoad = {
  over: LoadOver;
  dimension: LoadDimension;
  /** Busy sessions on average, of those that the filter shows. */
  sessions: number;
  groups: LoadGroup[];
};

/** `14.2 busy sessions on average of 58 readings in 1min`. */
export function loadText({over, sessions}: Pick<ShownLoad, 'over' | 'sessions'>): string {
  const {from_ms, to_ms, readings} = over;
  return `${sessions.toFixed(1)} busy sessions on average of ${counted(readings, nounOf(over))} in ${formatAge(to_ms - from_ms)}`;
}

function nounOf({sources}: LoadOver): string {
  return sources.every(({by}) => by === 'poolctl') ? 'snapshot' : 'sample';
}

/** null without a reading. */
export function shownLoad({tables, ...shown}: Shown): ShownLoad | null {
  const {load, window_ms, until_ms} = loadRange(shown);
  const over = loadOver(load, window_ms, until_ms);
  if (over === null) return null;
  const table = tableOf({tables}, 'waits');
  const dimension = loadDimensions.find(each => each === table.sort.column) ?? 'event';
  const rows = over.rows.filter(createFilter(table.filter, loadColumns));
  const groups = groupLoad(rows, dimension);
  return {
    over,
    dimension,
    sessions: rows.reduce((sum, {sessions}) => sum + sessions, 0),
    groups: freezeOrder(table.sort.isDescending ? groups : groups.toReversed(), table.frozenOrder, groupId),
  };
}

/** All of a statement of which the load keeps the beginning, from what is read now; that beginning and `…` where it is no more. */
export function wholeValue({snapshot}: Pick<ConsoleState, 'snapshot'>, {value, query_id}: LoadGroup): string {
  if (value.length < longestStatement || snapshot === null) return value;
  const texts = [
    ...snapshot.backends.map(({query_id, query}) => ({id: query_id, query})),
    ...snapshot.statements.map(({queryid, query}) => ({id: queryid, query})),
  ];
  const found = texts.find(({id, query}) =>
    query_id === null
      ? query?.replace(/\s+/g, ' ').trim().startsWith(value)
      : query !== null && id === query_id,
  );
  return found?.query ?? `${value}…`;
}

/** The filter for a row's sessions, and the next dimension in which they differ; null where they differ in none. */
export function drillInto(
  {over: {rows}, dimension: here}: ShownLoad,
  {filter, key}: {filter: string; key: string},
): {filter: string; dimension: LoadDimension} | null {
  const inner = `${filter} ${cellFilter(here, key)}`.trim();
  const own = rows.filter(createFilter(inner, loadColumns));
  const later = loadDimensions.slice(loadDimensions.indexOf(here) + 1);
  const dimension = [...later, ...loadDimensions].find(
    each => new Set(own.map(row => loadValue(row, each))).size > 1,
  );
  return dimension === undefined ? null : {filter: inner, dimension};
}

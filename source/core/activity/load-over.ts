import {formatAge} from '../text/format.ts';
import {type LoadClass, loadClasses} from './busy-sessions.ts';
import {distinctSources, heldMs, type LoadHistory, type LoadOf, type LoadSource} from './session-load.ts';

export type LoadRow = LoadOf & {
  /** Average over the time. */
  sessions: number;
};

export type LoadOver = {
  from_ms: number;
  to_ms: number;
  /** Samples of all sessions. */
  readings: number;
  /** Who took them: more than one where that changed. */
  sources: LoadSource[];
  /** Average of sessions whose state is hidden. */
  hidden: number;
  rows: LoadRow[];
  /** Of the server; null where they are not known. */
  cores: number | null;
};

/** The load of `window_ms` before the last reading, or before `until_ms`; null without a reading in it. */
export function loadOver(
  {buckets, cores = null}: LoadHistory,
  window_ms: number,
  until_ms: number = buckets.at(-1)?.to_ms ?? 0,
): LoadOver | null {
  const within = buckets.filter(({from_ms, to_ms}) => to_ms <= until_ms && until_ms - from_ms <= window_ms);
  const [first] = within;
  if (first === undefined) return null;
  let readings = 0;
  let held_ms = 0;
  let hidden_ms = 0;
  const busy = new Map<LoadOf, number>();
  for (const bucket of within) {
    readings += bucket.readings;
    held_ms += bucket.held_ms;
    hidden_ms += bucket.hidden_ms;
    for (const [of, ms] of bucket.busy_ms) busy.set(of, (busy.get(of) ?? 0) + ms);
  }
  const rows = [...busy].map(([of, ms]) => ({...of, sessions: ms / held_ms}));
  const to_ms = within.at(-1)?.to_ms ?? until_ms;
  return {
    ...{from_ms: first.from_ms, to_ms, readings, rows, cores},
    sources: distinctSources(within.flatMap(bucket => bucket.sources)),
    hidden: hidden_ms / held_ms,
  };
}

/** `samples of poolctl, every 1s`, `pg_wait_sampling, every 10ms`. */
export function loadSourceText({
  sources,
  from_ms,
  to_ms,
  readings,
}: Pick<LoadOver, 'sources' | 'from_ms' | 'to_ms' | 'readings'>): string {
  return sources
    .map(source => {
      if (source.by === 'pg_wait_sampling') {
        const cpu = source.has_cpu ? '' : ', CPU by poolctl';
        return `pg_wait_sampling, every ${intervalText(source.every_ms)}${cpu}`;
      }
      const isOnlyOne = sources.length === 1 && readings > 1;
      return `samples of poolctl${isOnlyOne ? `, every ${intervalText((to_ms - from_ms) / (readings - 1))}` : ''}`;
    })
    .join('; ');
}

function intervalText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : formatAge(ms);
}

export const loadDimensions = [
  'event',
  'statement',
  'operation',
  'route',
  'application',
  'role',
  'database',
  'client',
  'object',
] as const;

export type LoadDimension = (typeof loadDimensions)[number];

const fields = {
  event: 'event',
  statement: 'statement',
  operation: 'operation',
  route: 'route',
  application: 'application_name',
  role: 'usename',
  database: 'datname',
  client: 'client_addr',
  object: 'object',
} as const satisfies Record<LoadDimension, keyof LoadOf>;

/** Where there is none. */
const withoutValue: Partial<Record<LoadDimension, string>> = {
  operation: '(no tag)',
  route: '(no tag)',
  application: '(no name)',
  client: 'local',
  object: '(waits for no lock)',
};

/** What a row is in one dimension, for people. */
export function loadValue(of: LoadOf, dimension: LoadDimension): string {
  const value = of[fields[dimension]];
  if (value) return value;
  if (dimension === 'statement') return `(unknown) ${of.query_id ?? ''}`.trim();
  return (value === null ? null : withoutValue[dimension]) ?? '(unknown)';
}

/** null where there is none, or none is known. */
function knownValue(of: LoadOf, dimension: LoadDimension): string | null {
  return of[fields[dimension]] || null;
}

/** What groups rows: statements by their query id. */
function loadKey(of: LoadOf, dimension: LoadDimension): string {
  return (dimension === 'statement' && of.query_id) || loadValue(of, dimension);
}

export type LoadGroup = {
  /** The value, and of a statement its query id. */
  key: string;
  value: string;
  /** `value` without words for people: null where there is none. */
  known: string | null;
  /** Of a statement, where it is known. */
  query_id: string | null;
  /** Average busy sessions. */
  sessions: number;
  /** Of the sessions of all groups, 0 to 1. */
  share_ratio: number;
  /** The largest first. */
  classes: {class: LoadClass; sessions: number}[];
};

/** The rows by one dimension, the largest first. */
export function groupLoad(rows: readonly LoadRow[], dimension: LoadDimension): LoadGroup[] {
  const groups = new Map<string, {of: LoadOf; classes: Map<LoadClass, number>}>();
  let all = 0;
  for (const row of rows) {
    const key = loadKey(row, dimension);
    const group = groups.get(key) ?? {of: row, classes: new Map()};
    // A statement's text may become known after its first samples.
    if (group.of.statement === '') group.of = row;
    groups.set(key, group);
    group.classes.set(row.class, (group.classes.get(row.class) ?? 0) + row.sessions);
    all += row.sessions;
  }
  return [...groups]
    .map(([key, {of, classes}]): LoadGroup => {
      const sessions = [...classes.values()].reduce((sum, each) => sum + each, 0);
      return {
        ...{key, sessions, value: loadValue(of, dimension), known: knownValue(of, dimension)},
        query_id: dimension === 'statement' ? of.query_id : null,
        share_ratio: sessions / all,
        classes: [...classes]
          .map(([name, count]) => ({class: name, sessions: count}))
          .sort((a, b) => b.sessions - a.sessions),
      };
    })
    .sort((a, b) => b.sessions - a.sessions || (a.value < b.value ? -1 : 1));
}

/** The average of busy sessions by class, in the order of `loadClasses`; null where there was no reading. */
export type LoadColumn = {at_ms: number; sessions: number[] | null};

/** `until_ms`: the last reading's time where it is absent. */
export type LoadTime = {window_ms: number; until_ms?: number; isFixed?: boolean};

/**
 * The last `window_ms` as `count` columns of equal time, of the rows that `matches` takes. It begins and ends at a multiple
 * of a quarter of the window, with room for what follows: over a slow connection a chart that moves is most of what is written.
 * One that `isFixed` ends with its last reading.
 */
export function loadColumns(
  {buckets}: LoadHistory,
  {window_ms, count, until_ms, isFixed = false}: LoadTime & {count: number},
  matches: (of: LoadOf) => boolean,
): LoadColumn[] {
  const quarter_ms = window_ms / 4;
  const end_ms = until_ms ?? buckets.at(-1)?.to_ms ?? 0;
  const begin_ms = (isFixed ? end_ms : Math.ceil(end_ms / quarter_ms) * quarter_ms) - window_ms;
  const width_ms = window_ms / count;
  const sums = Array.from({length: count}, () => ({held_ms: 0, busy_ms: loadClasses.map(() => 0)}));
  for (const {to_ms, held_ms, busy_ms} of buckets) {
    const sum = sums[Math.min(count - 1, Math.floor((to_ms - begin_ms) / width_ms))];
    if (sum === undefined || to_ms > end_ms) continue;
    sum.held_ms += held_ms;
    for (const [of, ms] of busy_ms) {
      if (!matches(of)) continue;
      const at = loadClasses.indexOf(of.class);
      sum.busy_ms[at] = (sum.busy_ms[at] ?? 0) + ms;
    }
  }
  const columns: LoadColumn[] = [];
  let last: {until_ms: number; sessions: number[]} | null = null;
  for (const [index, {held_ms, busy_ms}] of sums.entries()) {
    const at_ms = begin_ms + index * width_ms;
    if (held_ms > 0) last = {until_ms: at_ms + width_ms + heldMs, sessions: busy_ms.map(ms => ms / held_ms)};
    const isHeld = last !== null && at_ms <= Math.min(last.until_ms, end_ms);
    columns.push({at_ms, sessions: isHeld ? (last?.sessions ?? null) : null});
  }
  return columns;
}

import {memoize} from '../core/text/memoize.ts';
import type {RecordedSnapshot} from '../model/ports.ts';
import type {BackgroundWorker, Statement, StatementRates} from '../model/snapshot.ts';

export type Row = Record<string, unknown>;

/** A snapshot as tables of rows with an identity that is stable between snapshots. */
export type Packed = {
  at: string;
  rest: Row;
  tables: Record<TableName, Map<string, Row>>;
};

const tableNames = [
  'budget',
  'groups',
  'backends',
  'background_workers',
  'statements',
  'lock_waits',
  'databases',
  'server',
] as const;
export type TableName = (typeof tableNames)[number];

export const emptyPacked: Packed = {
  at: '',
  rest: {},
  tables: Object.fromEntries(tableNames.map(name => [name, new Map<string, Row>()])) as Packed['tables'],
};

export function unpack({at, rest, tables}: Packed): RecordedSnapshot {
  const rowsOf = (name: TableName) => [...tables[name].values()];
  const at_ms = Date.parse(at);
  const server = [...tables.server].map(([part, {items, ...row}]) => [part, items ?? row]);
  return {
    ...rest,
    ...(server.length > 0 && {server: Object.fromEntries(server)}),
    at,
    budget: {...rowsOf('budget')[0], groups: rowsOf('groups')},
    backends: rowsOf('backends').map(row => withDerived(row, at_ms)),
    background_workers: rowsOf('background_workers').map(row => ({...olderWorker, ...row})),
    statements: rowsOf('statements').map(withMean),
    lock_waits: rowsOf('lock_waits'),
    databases: rowsOf('databases'),
  } as unknown as RecordedSnapshot;
}

/** What older recordings lack of a worker. */
const olderWorker = {
  datname: null,
  usename: null,
  xact_age_ms: null,
  xmin_age: null,
  blocked_by: [],
  leader_pid: null,
} satisfies Partial<BackgroundWorker>;

/**
 * The timestamps from which each age is derived, in order of preference. Older recordings lack `query_start` and
 * `xact_start`; an active session's state changed when its statement, and usually its transaction, started.
 */
const derived: [age: string, since: string[]][] = [
  ['state_age_ms', ['state_change']],
  ['query_age_ms', ['query_start', 'state_change']],
  ['xact_age_ms', ['xact_start', 'state_change']],
  ['backend_age_ms', ['backend_start']],
];

const derivedSince = new Map(derived);

/** Whether a backend's age follows from its timestamps, and so need not be recorded. */
export function isDerived(backend: Row, name: string, age: number, at_ms: number): boolean {
  const since = derivedSince.get(name);
  if (since === undefined) return false;
  const expected = ageSince(backend, since, at_ms);
  return expected !== null && Math.abs(age - expected) <= 1;
}

function withDerived(row: Row, at_ms: number): Row {
  const whole: Row = {...row};
  for (const [age, since] of derived) if (!(age in row)) whole[age] = ageSince(row, since, at_ms);
  return whole;
}

function ageSince(row: Row, since: readonly string[], at_ms: number): number | null {
  for (const name of since) {
    const time = row[name];
    if (typeof time === 'string') return Math.max(0, at_ms - parseTime(time));
  }
  return null;
}

/** Most sessions' times are the same as in the previous snapshot. */
const parseTime = memoize(Date.parse, 10_000);

function withMean(row: Row): Row {
  const {calls, total_exec_time_ms} = row as Statement;
  return {...row, mean_exec_time_ms: calls === 0 ? 0 : total_exec_time_ms / calls};
}

/** The difference between two packed snapshots, as JSON. Relative to the empty one it is the whole snapshot. */
export type Patch = {
  at: string;
  /** By how many transactions most sessions' `xmin_age` has grown. */
  xids?: number;
  rest?: Row;
  /** Members of `rest` that this snapshot has not, as of a view that was closed. */
  rest_removed?: string[];
  tables?: Partial<Record<TableName, TablePatch>>;
  /** This snapshot's statements are included. */
  has_statements?: true;
  /** At the start of a group: when statements were recorded last, and their rates. */
  statements_at_ms?: number;
  rates?: (StatementRates | null)[];
};

export type TablePatch = {
  /** Row identities in order; absent if unchanged. */
  ids?: string[];
  /** Changed members of a row by its index, and removed members. */
  rows?: [index: number, changed: Row, removed?: string[]][];
};

/** Time and transactions between two snapshots, by which ages grow. */
export type Elapsed = {ms: number; xids: number};

const ages = ['xact_age_ms', 'query_age_ms', 'state_age_ms', 'backend_age_ms', 'wait_age_ms'];
/** Counters are stored as increments. */
const counters = new Set([
  'calls',
  'total_exec_time_ms',
  'total_plan_time_ms',
  'rows',
  'shared_blks_hit',
  'shared_blks_read',
  'shared_blks_dirtied',
  'temp_blks_read',
  'temp_blks_written',
  'wal_bytes',
  'xact_commit',
  'blks_hit',
  'blks_read',
]);
export function apply(before: Packed, patch: Patch): Packed {
  const elapsed = {ms: elapsedMs(before.at, patch.at), xids: patch.xids ?? 0};
  const tables = Object.fromEntries(
    tableNames.map(name => [name, applyTable(before.tables[name], patch.tables?.[name] ?? {}, elapsed)]),
  ) as Packed['tables'];
  const rest = {...before.rest, ...patch.rest};
  for (const name of patch.rest_removed ?? []) delete rest[name];
  return {at: patch.at, rest, tables};
}

/** Milliseconds between two snapshots; 0 from the empty one. */
export function elapsedMs(before_at: string, at: string): number {
  return before_at === '' ? 0 : Date.parse(at) - Date.parse(before_at);
}

/** Whether a number is an age in milliseconds, which grows with the time between snapshots. */
export function isAge(name: string): boolean {
  return ages.includes(name);
}

export function isCounter(name: string): boolean {
  return counters.has(name);
}

function applyTable(before: Map<string, Row>, patch: TablePatch, elapsed: Elapsed): Map<string, Row> {
  const ids = patch.ids ?? [...before.keys()];
  const changes = new Map(patch.rows?.map(([index, changed, removed = []]) => [index, {changed, removed}]));
  return new Map(
    ids.map((id, index) => {
      const row = aged(before.get(id) ?? {}, elapsed);
      const change = changes.get(index);
      return [id, change === undefined ? row : changedRow(row, change.changed, change.removed)];
    }),
  );
}

/** The row with its ages grown; the same object if it has none. */
function aged(row: Row, {ms, xids}: Elapsed): Row {
  let older = row;
  const grow = (age: string, by: number) => {
    const value = row[age];
    if (typeof value !== 'number' || by === 0) return;
    if (older === row) older = {...row};
    older[age] = value + by;
  };
  for (const age of ages) grow(age, ms);
  grow('xmin_age', xids);
  return older;
}

/** Applies changes to a row: counters grow, other members are replaced, `removed` ones are removed. */
function changedRow(row: Row, changed: Row, removed: readonly string[]): Row {
  const next: Row = {...row};
  for (const [name, value] of Object.entries(changed)) next[name] = changedValue(name, row[name], value);
  for (const name of removed) delete next[name];
  return next;
}

/** A member after a change, as it is in a patch. */
export function changedValue(name: string, before: unknown, change: unknown): unknown {
  const isGrowth = counters.has(name) && typeof before === 'number' && typeof change === 'number';
  return isGrowth ? Number((before + change).toFixed(3)) : change;
}

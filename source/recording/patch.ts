import type {StatementRates} from '../model/snapshot.ts';
import {emptyPacked, type Packed, type Row, type TableName, tableNames} from './packed.ts';

/** The difference between two packed snapshots, as JSON. Relative to the empty one it is the whole snapshot. */
export type Patch = {
  at: string;
  /** By how many transactions most sessions' `xmin_age` has grown. */
  xids?: number;
  rest?: Row;
  tables?: Partial<Record<TableName, TablePatch>>;
  /** This snapshot's statements are included. */
  has_statements?: true;
  /** At the start of a group: when statements were recorded last, and their rates. */
  statements_at_ms?: number;
  rates?: (StatementRates | null)[];
};

type TablePatch = {
  /** Row identities in order; absent if unchanged. */
  ids?: string[];
  /** Changed members of a row by its index, and removed members. */
  rows?: [index: number, changed: Row, removed?: string[]][];
};

/** Time and transactions between two snapshots, by which ages grow. */
type Elapsed = {ms: number; xids: number};

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
/** The server rounds ages and its clock to milliseconds. */
const ageToleranceMs = 1;

export function diff(before: Packed, after: Packed): Patch {
  const xids = commonGrowth(before.tables.backends, after.tables.backends);
  const elapsed = {ms: elapsedMs(before, after.at), xids};
  const [rest] = changes(before.rest, after.rest);
  const tables: Patch['tables'] = {};
  for (const name of tableNames) {
    const patch = diffTable(before.tables[name], after.tables[name], elapsed);
    if (patch !== null) tables[name] = patch;
  }
  return {
    at: after.at,
    ...(xids !== 0 && {xids}),
    ...(rest !== null && {rest}),
    ...(Object.keys(tables).length > 0 && {tables}),
  };
}

export function apply(before: Packed, patch: Patch): Packed {
  const elapsed = {ms: elapsedMs(before, patch.at), xids: patch.xids ?? 0};
  const tables = Object.fromEntries(
    tableNames.map(name => [name, applyTable(before.tables[name], patch.tables?.[name] ?? {}, elapsed)]),
  ) as Packed['tables'];
  return {at: patch.at, rest: {...before.rest, ...patch.rest}, tables};
}

/** Milliseconds between two snapshots; 0 from the empty one. */
function elapsedMs(before: Packed, at: string): number {
  return before === emptyPacked ? 0 : Date.parse(at) - Date.parse(before.at);
}

function diffTable(before: Map<string, Row>, after: Map<string, Row>, elapsed: Elapsed): TablePatch | null {
  const ids = [...after.keys()];
  const isSameOrder = ids.length === before.size && [...before.keys()].every((id, at) => id === ids[at]);
  const rows: NonNullable<TablePatch['rows']> = [];
  for (const [index, id] of ids.entries()) {
    const row = after.get(id) ?? {};
    const [changed, removed] = changes(aged(before.get(id) ?? {}, elapsed), row);
    if (changed !== null || removed.length > 0) {
      rows.push(removed.length > 0 ? [index, changed ?? {}, removed] : [index, changed ?? {}]);
    }
  }
  if (isSameOrder && rows.length === 0) return null;
  return {...(!isSameOrder && {ids}), ...(rows.length > 0 && {rows})};
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

/** The most frequent growth of `xmin_age` among sessions in both snapshots. */
function commonGrowth(before: Map<string, Row>, after: Map<string, Row>): number {
  const counts = new Map<number, number>();
  for (const [id, {xmin_age}] of after) {
    const earlier = before.get(id)?.xmin_age;
    if (typeof earlier !== 'number' || typeof xmin_age !== 'number') continue;
    counts.set(xmin_age - earlier, (counts.get(xmin_age - earlier) ?? 0) + 1);
  }
  return [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [0, 0])[0];
}

/** The members that changed (null if none) and those that were removed. */
function changes(before: Row, after: Row): [changed: Row | null, removed: string[]] {
  let changed: Row | null = null;
  for (const name of Object.keys(after)) {
    const value = after[name];
    if (isSame(name, before[name], value)) continue;
    changed ??= {};
    changed[name] = counters.has(name) ? growth(before[name], value) : value;
  }
  return [changed, Object.keys(before).filter(name => !(name in after))];
}

/** The increment, rounded to microseconds to drop floating-point noise. */
function growth(before: unknown, after: unknown): unknown {
  if (typeof before !== 'number' || typeof after !== 'number') return after;
  return Number((after - before).toFixed(3));
}

/** Applies changes to a row: counters grow, other members are replaced, `removed` ones are removed. */
function changedRow(row: Row, changed: Row, removed: readonly string[]): Row {
  const next: Row = {...row};
  for (const [name, value] of Object.entries(changed)) {
    const earlier = row[name];
    const isGrowth = counters.has(name) && typeof earlier === 'number' && typeof value === 'number';
    next[name] = isGrowth ? Number((earlier + value).toFixed(3)) : value;
  }
  for (const name of removed) delete next[name];
  return next;
}

function isSame(name: string, before: unknown, after: unknown): boolean {
  if (before === after) return true;
  if (typeof before === 'number' && typeof after === 'number')
    return ages.includes(name) && Math.abs(after - before) <= ageToleranceMs;
  return (
    typeof before === 'object' &&
    typeof after === 'object' &&
    before !== null &&
    after !== null &&
    JSON.stringify(before) === JSON.stringify(after)
  );
}

import type {StatementRates} from '../model/snapshot.ts';
import {emptyPacked, type Packed, type Row, type TableName, tableNames} from './packed.ts';

/** What makes one packed snapshot of another; of the empty one it is the whole. Plain JSON. */
export type Patch = {
  at: string;
  /** By how many transactions the ages of most snapshots have grown. */
  xids?: number;
  rest?: Row;
  tables?: Partial<Record<TableName, TablePatch>>;
  /** Its statements were written down anew. */
  has_statements?: true;
  /** Where a group begins: when that was done last, and their rates. */
  statements_at_ms?: number;
  rates?: (StatementRates | null)[];
};

type TablePatch = {
  /** Who is there, in their order; absent where that is as it was. */
  ids?: string[];
  /** What changed of a row by its place, and which members it lost. */
  rows?: [place: number, changed: Row, lost?: string[]][];
};

/** How much has gone by between two readings: ages grow by themselves. */
type Elapsed = {ms: number; xids: number};

const ages = ['xact_age_ms', 'query_age_ms', 'state_age_ms', 'backend_age_ms', 'wait_age_ms'];
/** Counters are written down as what they have grown by. */
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
/** The server rounds each age and the time itself to a millisecond. */
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

/** Milliseconds from one reading to another; 0 from nothing. */
function elapsedMs(before: Packed, at: string): number {
  return before === emptyPacked ? 0 : Date.parse(at) - Date.parse(before.at);
}

function diffTable(before: Map<string, Row>, after: Map<string, Row>, elapsed: Elapsed): TablePatch | null {
  const ids = [...after.keys()];
  const isSameOrder = ids.length === before.size && [...before.keys()].every((id, at) => id === ids[at]);
  const rows: NonNullable<TablePatch['rows']> = [];
  for (const [place, id] of ids.entries()) {
    const row = after.get(id) ?? {};
    const [changed, lost] = changes(aged(before.get(id) ?? {}, elapsed), row);
    if (changed !== null || lost.length > 0) {
      rows.push(lost.length > 0 ? [place, changed ?? {}, lost] : [place, changed ?? {}]);
    }
  }
  if (isSameOrder && rows.length === 0) return null;
  return {...(!isSameOrder && {ids}), ...(rows.length > 0 && {rows})};
}

function applyTable(before: Map<string, Row>, patch: TablePatch, elapsed: Elapsed): Map<string, Row> {
  const ids = patch.ids ?? [...before.keys()];
  const changes = new Map(patch.rows?.map(([place, changed, lost = []]) => [place, {changed, lost}]));
  return new Map(
    ids.map((id, place) => {
      const row = aged(before.get(id) ?? {}, elapsed);
      const change = changes.get(place);
      return [id, change === undefined ? row : changedRow(row, change.changed, change.lost)];
    }),
  );
}

/** The row itself where it has no age. */
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

/** By how much most of those have aged, in transactions, that were there before. */
function commonGrowth(before: Map<string, Row>, after: Map<string, Row>): number {
  const counts = new Map<number, number>();
  for (const [id, {xmin_age}] of after) {
    const earlier = before.get(id)?.xmin_age;
    if (typeof earlier !== 'number' || typeof xmin_age !== 'number') continue;
    counts.set(xmin_age - earlier, (counts.get(xmin_age - earlier) ?? 0) + 1);
  }
  return [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [0, 0])[0];
}

/** What of `after` is not as it was; null where nothing is. */
function changes(before: Row, after: Row): [changed: Row | null, lost: string[]] {
  let changed: Row | null = null;
  for (const name of Object.keys(after)) {
    const value = after[name];
    if (isSame(name, before[name], value)) continue;
    changed ??= {};
    changed[name] = counters.has(name) ? growth(before[name], value) : value;
  }
  return [changed, Object.keys(before).filter(name => !(name in after))];
}

/** A total of milliseconds to the microsecond: the rest is what adding up floating point numbers leaves. */
function growth(before: unknown, after: unknown): unknown {
  if (typeof before !== 'number' || typeof after !== 'number') return after;
  return Number((after - before).toFixed(3));
}

/** `changed` over `row`: counters grow, everything else is replaced; what it lost is gone. */
function changedRow(row: Row, changed: Row, lost: readonly string[]): Row {
  const next: Row = {...row};
  for (const [name, value] of Object.entries(changed)) {
    const earlier = row[name];
    const isGrowth = counters.has(name) && typeof earlier === 'number' && typeof value === 'number';
    next[name] = isGrowth ? Number((earlier + value).toFixed(3)) : value;
  }
  for (const name of lost) delete next[name];
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

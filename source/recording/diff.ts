import type {RecordedSnapshot} from '../model/ports.ts';
import type {ServerState} from '../model/server-state.ts';
import type {Statement} from '../model/snapshot.ts';
import {
  changedValue,
  type Elapsed,
  elapsedMs,
  isAge,
  isCounter,
  isDerived,
  type Patch,
  type Row,
  type TableName,
  type TablePatch,
} from './packed.ts';

export type Diff = {
  /** The time of the last snapshot; '' before the first one. */
  at(): string;
  /**
   * The difference to the last snapshot; of the first one, the whole snapshot. `statements` are recorded instead of the
   * snapshot's; null where they have not changed.
   */
  next(snapshot: RecordedSnapshot, statements: readonly Statement[] | null): Patch;
};

/** A table's rows in a snapshot, and what identifies a row. */
type Source = {
  rows: readonly Row[];
  idOf(row: Row): string;
  /** Whether a member is not recorded, as it follows from others. */
  isLeftOut?: (name: string, value: unknown, row: Row) => boolean;
};

/** What a reader of the patches has of a table, in order. A row is empty until the patch that brings it. */
type Table = {ids: readonly string[]; rows: readonly Row[]};

const noRows: Table = {ids: [], rows: []};

/**
 * Keeps what a reader of the patches has so far, in rows that are changed in place: few sessions change between two
 * snapshots, and copies of all of them would be most of what the console allocates.
 *
 * Measured numbers keep four significant digits, totals ten. Derived values are left out: ages that follow from a
 * timestamp, means that follow from totals, and statements' rates (activity/rates.ts).
 */
export function createDiff(): Diff {
  const tables = new Map<TableName, Table>();
  const keptRest: Row = {};
  let kept_at = '';
  return {
    at: () => kept_at,
    next(snapshot, statements) {
      const {sources, rest} = sourcesOf(snapshot, statements);
      const aligned = sources.map(([name, source]) => ({
        name,
        source,
        table: align(tables.get(name) ?? noRows, source),
      }));
      const sessions = aligned.find(({name}) => name === 'backends');
      const xids = sessions === undefined ? 0 : commonGrowth(sessions.table.rows, sessions.source.rows);
      const elapsed = {ms: elapsedMs(kept_at, snapshot.at), xids};
      const patches: Patch['tables'] = {};
      for (const {name, source, table} of aligned) {
        const patch = patchOf(table, source, {isSameOrder: table === (tables.get(name) ?? noRows), elapsed});
        if (patch !== null) patches[name] = patch;
        tables.set(name, table);
      }
      const change = changeRow(keptRest, rest, elapsed, undefined);
      kept_at = snapshot.at;
      return {
        at: snapshot.at,
        ...(xids !== 0 && {xids}),
        ...(change !== null && {rest: change.changed}),
        ...(change !== null && change.removed.length > 0 && {rest_removed: change.removed}),
        ...(Object.keys(patches).length > 0 && {tables: patches}),
      };
    },
  };
}

function sourcesOf(
  {
    at,
    budget,
    backends,
    background_workers,
    lock_waits,
    databases,
    server = {},
    statements: _,
    ...rest
  }: RecordedSnapshot,
  statements: readonly Statement[] | null,
): {sources: [TableName, Source][]; rest: Row} {
  const {groups, ...own} = budget;
  const at_ms = Date.parse(at);
  const sources: [TableName, Source][] = [
    ['budget', {rows: [own], idOf: () => ''}],
    [
      'groups',
      {
        rows: groups,
        idOf: ({application_name, usename, client_addr}) => `${application_name}\0${usename}\0${client_addr}`,
      },
    ],
    [
      'backends',
      {
        rows: backends,
        idOf: ({pid, backend_start}) => `${pid} ${backend_start}`,
        isLeftOut: (name, value, row) => typeof value === 'number' && isDerived(row, name, value, at_ms),
      },
    ],
    ['background_workers', {rows: background_workers, idOf: ({pid}) => String(pid)}],
    ['lock_waits', {rows: lock_waits, idOf: ({pid}) => String(pid)}],
    ['databases', {rows: databases, idOf: ({datname}) => String(datname)}],
    // Each part on its own: one of them is read at a time.
    ['server', partsOf(server)],
  ];
  if (statements !== null) {
    sources.push([
      'statements',
      {
        rows: statements,
        idOf: ({queryid, dbid, userid, toplevel}) => `${queryid} ${dbid} ${userid} ${toplevel}`,
        isLeftOut: name => name === 'mean_exec_time_ms' || name === 'rates',
      },
    ]);
  }
  return {sources, rest};
}

function partsOf(server: ServerState): Source {
  const names = Object.keys(server) as (keyof ServerState)[];
  const rows = names.map(name => (Array.isArray(server[name]) ? {items: server[name]} : {...server[name]}));
  const nameOf = new Map<Row, string>(rows.map((row, index) => [row, names[index] ?? '']));
  return {rows, idOf: row => nameOf.get(row) ?? ''};
}

/** The table in the order of `source`; the same one if that has not changed. Identities that repeat get a number. */
function align(before: Table, {rows, idOf}: Source): Table {
  const ids = rows.map(idOf);
  if (before.ids.length === ids.length && ids.every((id, index) => id === before.ids[index])) return before;
  const known = new Map(before.ids.map((id, index) => [id, before.rows[index]]));
  const used = new Set<string>();
  for (const [index, id] of ids.entries()) {
    const unique = used.has(id) ? `${id}#${index}` : id;
    used.add(unique);
    ids[index] = unique;
  }
  return {ids, rows: ids.map((id, index) => known.get(id) ?? blankLike(rows[index]))};
}

/** A row without values in the shape of another: built up member by member it would be a slower and larger hash table. */
function blankLike(row: Row | undefined): Row {
  const blank = {...row};
  for (const name in blank) blank[name] = undefined;
  return blank;
}

/** Takes over a snapshot's rows; null if nothing has changed. */
function patchOf(
  {ids, rows}: Table,
  source: Source,
  {isSameOrder, elapsed}: {isSameOrder: boolean; elapsed: Elapsed},
): TablePatch | null {
  const changes: NonNullable<TablePatch['rows']> = [];
  for (const [index, row] of rows.entries()) {
    const change = changeRow(row, source.rows[index] ?? {}, elapsed, source.isLeftOut);
    if (change === null) continue;
    const {changed, removed} = change;
    changes.push(removed.length > 0 ? [index, changed, removed] : [index, changed]);
  }
  if (isSameOrder && changes.length === 0) return null;
  return {...(!isSameOrder && {ids: [...ids]}), ...(changes.length > 0 && {rows: changes})};
}

/** Makes a row what the snapshot's is, ages grown; null if nothing else has changed. Removed members become undefined. */
function changeRow(
  row: Row,
  source: Row,
  elapsed: Elapsed,
  isLeftOut: Source['isLeftOut'],
): {changed: Row; removed: string[]} | null {
  let changed: Row | null = null;
  let removed: string[] | null = null;
  for (const name in source) {
    const raw = source[name];
    if (raw === row[name] && (typeof raw !== 'number' || !isGrowing(name))) continue;
    const value = isLeftOut?.(name, raw, source) ? undefined : shortened(name, raw);
    const before = typeof row[name] === 'number' ? grown(row, name, elapsed) : row[name];
    if (before === value || isSame(name, before, value)) continue;
    if (value === undefined) {
      row[name] = undefined;
      removed ??= [];
      removed.push(name);
      continue;
    }
    changed ??= {};
    changed[name] = isCounter(name) ? growth(before, value) : value;
    row[name] = changedValue(name, before, changed[name]);
  }
  for (const name in row) {
    if (row[name] === undefined || name in source) continue;
    row[name] = undefined;
    removed ??= [];
    removed.push(name);
  }
  return changed === null && removed === null ? null : {changed: changed ?? {}, removed: removed ?? []};
}

function isGrowing(name: string): boolean {
  return name === 'xmin_age' || isAge(name);
}

/** A number after the time between two snapshots: ages grow. */
function grown(row: Row, name: string, {ms, xids}: Elapsed): unknown {
  const by = name === 'xmin_age' ? xids : isAge(name) ? ms : 0;
  if (by !== 0) row[name] = Number(row[name]) + by;
  return row[name];
}

/** The server rounds ages and its clock to milliseconds. */
const ageTolerance_ms = 1;

function isSame(name: string, before: unknown, after: unknown): boolean {
  if (typeof before === 'number' && typeof after === 'number')
    return isAge(name) && Math.abs(after - before) <= ageTolerance_ms;
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null)
    return false;
  if (isEmpty(before) && isEmpty(after)) return Array.isArray(before) === Array.isArray(after);
  return JSON.stringify(before) === JSON.stringify(after);
}

/** Most sessions have no tags and no blockers. */
function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** The increment of a counter, rounded to microseconds to drop floating-point noise. */
function growth(before: unknown, after: unknown): unknown {
  if (typeof before !== 'number' || typeof after !== 'number') return after;
  return Number((after - before).toFixed(3));
}

function shortened(name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isInteger(value))
    return Number(value.toPrecision(name.startsWith('total_') ? 10 : 4));
  return (name === 'rates' || name === 'cost') && value ? rounded(value as Row) : value;
}

function rounded(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shortened(name, value)]));
}

/** The most frequent growth of `xmin_age` among sessions in both snapshots. */
function commonGrowth(before: readonly Row[], after: readonly Row[]): number {
  const counts = new Map<number, number>();
  for (const [index, {xmin_age}] of after.entries()) {
    const earlier = before[index]?.xmin_age;
    if (typeof earlier !== 'number' || typeof xmin_age !== 'number') continue;
    counts.set(xmin_age - earlier, (counts.get(xmin_age - earlier) ?? 0) + 1);
  }
  return [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [0, 0])[0];
}

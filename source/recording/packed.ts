import {memoize} from '../core/text/memoize.ts';
import type {RecordedSnapshot} from '../model/ports.ts';
import type {Statement} from '../model/snapshot.ts';

export type Row = Record<string, unknown>;

/** A snapshot as tables of rows with an identity that is stable between snapshots. */
export type Packed = {
  at: string;
  rest: Row;
  tables: Record<TableName, Map<string, Row>>;
};

export const tableNames = [
  'budget',
  'groups',
  'backends',
  'background_workers',
  'statements',
  'lock_waits',
  'databases',
] as const;
export type TableName = (typeof tableNames)[number];

export const emptyPacked: Packed = {
  at: '',
  rest: {},
  tables: Object.fromEntries(tableNames.map(name => [name, new Map<string, Row>()])) as Packed['tables'],
};

/**
 * The recorded part of a snapshot. Measured numbers keep four significant digits, totals ten. Derived values are left
 * out: ages that follow from a timestamp, means that follow from totals, and statements' rates (activity/rates.ts).
 */
export function pack(snapshot: RecordedSnapshot): Packed {
  const {at, budget, backends, background_workers, statements, lock_waits, databases, ...rest} = snapshot;
  const {groups, ...own} = budget;
  const at_ms = Date.parse(at);
  return {
    at,
    rest: {...rest, cost: rounded(rest.cost)},
    tables: {
      budget: new Map([['', rounded(own)]]),
      groups: toTable(groups, ({application_name, usename, client_addr}) =>
        JSON.stringify([application_name, usename, client_addr]),
      ),
      backends: toTable(
        backends,
        ({pid, backend_start}) => `${pid} ${backend_start}`,
        backend => withoutDerived(backend, at_ms),
      ),
      background_workers: toTable(background_workers, ({pid}) => String(pid)),
      statements: toTable(statements.map(withoutMean), ({queryid, dbid, userid, toplevel}) =>
        [queryid, dbid, userid, toplevel].join(' '),
      ),
      lock_waits: toTable(lock_waits, ({pid}) => String(pid)),
      databases: toTable(databases, ({datname}) => datname),
    },
  };
}

export function unpack({at, rest, tables}: Packed): RecordedSnapshot {
  const rowsOf = (name: TableName) => [...tables[name].values()];
  const at_ms = Date.parse(at);
  return {
    ...rest,
    at,
    budget: {...rowsOf('budget')[0], groups: rowsOf('groups')},
    backends: rowsOf('backends').map(row => withDerived(row, at_ms)),
    background_workers: rowsOf('background_workers'),
    statements: rowsOf('statements').map(withMean),
    lock_waits: rowsOf('lock_waits'),
    databases: rowsOf('databases'),
  } as unknown as RecordedSnapshot;
}

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

/** A rounded copy; `delete` would make the objects slow (dictionary mode). */
function withoutDerived(backend: Row, at_ms: number): Row {
  const rest: Row = {};
  for (const name of Object.keys(backend)) {
    const since = derivedSince.get(name);
    if (since === undefined || !isAbout(backend[name], ageSince(backend, since, at_ms)))
      rest[name] = shortened(name, backend[name]);
  }
  return rest;
}

function isAbout(age: unknown, expected: number | null): boolean {
  return typeof age === 'number' && expected !== null && Math.abs(age - expected) <= 1;
}

function withDerived(row: Row, at_ms: number): Row {
  const whole: Row = {...row};
  for (const [age, since] of derived) if (!(age in row)) whole[age] = ageSince(row, since, at_ms);
  return whole;
}

function ageSince(row: Row, since: readonly string[], at_ms: number): number | null {
  const name = since.find(each => typeof row[each] === 'string');
  return name === undefined ? null : Math.max(0, at_ms - parseTime(String(row[name])));
}

/** Most sessions' times are the same as in the previous snapshot. */
const parseTime = memoize(Date.parse, 10_000);

function withoutMean({mean_exec_time_ms: _, rates: __, ...statement}: Statement): Row {
  return statement;
}

function withMean(row: Row): Row {
  const {calls, total_exec_time_ms} = row as Statement;
  return {...row, mean_exec_time_ms: calls === 0 ? 0 : total_exec_time_ms / calls};
}

/** Rows by identity; duplicates get a number appended. */
function toTable<Of extends object>(
  rows: readonly Of[],
  idOf: (row: Of & Row) => unknown,
  toRow: (row: Row) => Row = rounded,
): Map<string, Row> {
  const table = new Map<string, Row>();
  for (const row of rows) {
    const id = String(idOf(row as Of & Row));
    table.set(table.has(id) ? `${id}#${table.size}` : id, toRow(row as Row));
  }
  return table;
}

/** Rounds a row's numbers; returns the same object if nothing changes. */
function rounded(row: Row): Row {
  let copy = row;
  for (const name of Object.keys(row)) {
    const value = row[name];
    const short = shortened(name, value);
    if (short === value) continue;
    if (copy === row) copy = {...row};
    copy[name] = short;
  }
  return copy;
}

function shortened(name: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isInteger(value))
    return Number(value.toPrecision(name.startsWith('total_') ? 10 : 4));
  return name === 'rates' && value ? rounded(value as Row) : value;
}

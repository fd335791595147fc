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

import type {Backend, Snapshot, Statement} from '../core/snapshot.ts';

export type Row = Record<string, unknown>;

/** A snapshot as tables of rows that keep their identity from one reading to the next. */
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
 * What of a snapshot is written down. Measured numbers keep four significant digits, totals ten; what follows from
 * something beside it is left out: ages from the time they are counted from, means from totals, and the rates of
 * statements, which `rates.ts` makes of two readings.
 */
export function pack(snapshot: Snapshot): Packed {
  const {at, budget, backends, background_workers, statements, lock_waits, databases, ...rest} = snapshot;
  const {groups, ...own} = budget;
  const at_ms = Date.parse(at);
  return {
    at,
    rest: {...rest, cost: rounded({...rest.cost})},
    tables: {
      budget: new Map([['', rounded({...own})]]),
      groups: toTable(groups, ({application_name, usename, client_addr}) =>
        JSON.stringify([application_name, usename, client_addr]),
      ),
      backends: toTable(
        backends.map(backend => withoutDerived(backend, at_ms)),
        ({pid, backend_start}) => `${pid} ${backend_start}`,
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

export function unpack({at, rest, tables}: Packed): Snapshot {
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
  } as unknown as Snapshot;
}

/** Ages of a session, and the times they are counted from. */
const derived = [
  ['state_age_ms', 'state_change'],
  // A session at work changed its state when it began its statement, and mostly its transaction.
  ['query_age_ms', 'state_change'],
  ['xact_age_ms', 'state_change'],
  ['backend_age_ms', 'backend_start'],
] as const;

function withoutDerived(backend: Backend, at_ms: number): Backend {
  const packed: Row = {...backend};
  for (const [age, since] of derived) {
    const expected = ageSince(backend[since], at_ms);
    const given = backend[age];
    if (expected !== null && given !== null && Math.abs(given - expected) <= 1) delete packed[age];
  }
  return packed as Backend;
}

function withDerived(row: Row, at_ms: number): Row {
  const missing = derived.filter(([age]) => !(age in row));
  if (missing.length === 0) return row;
  return {...row, ...Object.fromEntries(missing.map(([age, since]) => [age, ageSince(row[since], at_ms)]))};
}

function ageSince(since: unknown, at_ms: number): number | null {
  return typeof since === 'string' ? Math.max(0, at_ms - Date.parse(since)) : null;
}

function withoutMean({mean_exec_time_ms: _, rates: __, ...statement}: Statement): Row {
  return statement;
}

function withMean(row: Row): Row {
  const {calls, total_exec_time_ms} = row as Statement;
  return {...row, mean_exec_time_ms: calls === 0 ? 0 : total_exec_time_ms / calls};
}

/** Rows by their identity; a second one of the same gets a number of its own. */
function toTable<Of extends object>(rows: readonly Of[], idOf: (row: Of & Row) => unknown): Map<string, Row> {
  const table = new Map<string, Row>();
  for (const row of rows) {
    const id = String(idOf(row as Of & Row));
    table.set(table.has(id) ? `${id}#${table.size}` : id, rounded({...(row as Row)}));
  }
  return table;
}

function rounded(row: Row): Row {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === 'number' && !Number.isInteger(value))
      row[name] = Number(value.toPrecision(name.startsWith('total_') ? 10 : 4));
    else if (name === 'rates' && value) row[name] = rounded({...(value as Row)});
  }
  return row;
}

import {mostDue} from '../../core/server/maintenance.ts';
import type {AutovacuumState, DueTable} from '../../model/server-state.ts';
import type {BackgroundWorker} from '../../model/snapshot.ts';
import {isoTime} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, type ServerVersion, serverQuery, userSchema} from '../queries/query.ts';
import {isEnabledSql, thresholdSql} from './maintenance.ts';

export type AutovacuumReader = {
  /**
   * What autovacuum does, and which tables it is behind on; since when is known from `before`. In one round trip. Throws the
   * server's errors.
   */
  read(connection: ReadConnection, before: AutovacuumState | undefined): Promise<AutovacuumState>;
  /** With the workers of a later reading of the sessions: each is seen that leaves a table. */
  withWorkers(state: AutovacuumState, background: readonly BackgroundWorker[]): AutovacuumState;
};

type ReadConnection = Pick<Connection, 'client'> & ServerVersion;
type Workers = NonNullable<AutovacuumState['workers']>;

/** A reader that remembers which tables workers have left since they were read. */
export function createAutovacuumReader(): AutovacuumReader {
  let left: string[] = [];
  let workers: Workers = [];
  return {
    async read(connection, before) {
      const now = await readAutovacuum(connection);
      const due = now.due.map(table => sinceDue(table, {now, before, left}));
      left = [];
      return {...now, due};
    },
    withWorkers(state, background) {
      // Hidden from this role.
      if (state.workers === null) return state;
      const seen = background.filter(({backend_type}) => backend_type === 'autovacuum worker').map(toWorker);
      const gone = workers.filter(({table}) => !seen.some(worker => worker.table === table));
      left.push(...gone.flatMap(({table}) => table ?? []));
      workers = seen;
      return {...state, workers};
    },
  };
}

async function readAutovacuum({
  client,
  ...version
}: ReadConnection): Promise<Omit<AutovacuumState, 'due'> & {due: DueRow[]}> {
  const pick = (query: typeof autovacuumQuery) => pickVariant(query, version).text;
  const [states, databases, tables, due] = await Promise.all([
    client.query<StateRow>({text: pick(autovacuumQuery)}),
    client.query<AutovacuumState['databases'][number]>({text: pick(databaseAgesQuery)}),
    client.query<AutovacuumState['oldest_tables'][number]>({text: pick(oldestTablesQuery)}),
    client.query<ScoredRow>({text: pick(dueTablesQuery)}),
  ]);
  const [row] = states.rows;
  if (row === undefined) throw new Error('the server returned no row');
  const {at, sees_workers, ...state} = row;
  return {
    ...state,
    at: isoTime(at) ?? '',
    workers: sees_workers ? [] : null,
    databases: databases.rows,
    oldest_tables: tables.rows,
    due: due.rows.map(withScore),
  };
}

function withScore({score, is_for_wraparound, ...table}: ScoredRow): DueRow {
  return {...table, ...(score !== null && {score}), ...(is_for_wraparound !== null && {is_for_wraparound})};
}

/** `autovacuum: VACUUM ANALYZE public.orders (to prevent wraparound)`: autovac_report_activity in autovacuum.c. */
function toWorker({datname, query, xact_age_ms}: BackgroundWorker): Workers[number] {
  const [, table = null, wraparound] =
    /^autovacuum: (?:VACUUM ANALYZE|VACUUM|ANALYZE|BRIN summarize) (.*?)( \(to prevent wraparound\))?$/.exec(
      query ?? '',
    ) ?? [];
  return {
    database: datname,
    table,
    age_ms: xact_age_ms,
    is_to_prevent_wraparound: wraparound !== undefined,
  };
}

/** How long a table has been due: from the first reading in a row in which it was and no autovacuum finished it; `left`: the tables that workers left since. */
function sinceDue(
  table: DueRow,
  {now, before, left}: {now: {at: string}; before: AutovacuumState | undefined; left: readonly string[]},
): DueTable {
  const last = before?.due.find(
    ({oid, autovacuum_count}) => oid === table.oid && autovacuum_count === table.autovacuum_count,
  );
  if (before === undefined || last === undefined) return {...table, due_ms: 0, unfinished_workers: 0};
  return {
    ...table,
    due_ms: last.due_ms + Date.parse(now.at) - Date.parse(before.at),
    unfinished_workers:
      last.unfinished_workers + left.filter(name => name === `${table.schema}.${table.name}`).length,
  };
}

type StateRow = Omit<AutovacuumState, 'workers' | 'databases' | 'oldest_tables' | 'due'> & {
  sees_workers: boolean;
};

/** A worker has no role: without pg_read_all_stats its type and statement are hidden. */
export const autovacuumQuery = serverQuery(
  'poolctl_autovacuum',
  `
SELECT /* poolctl */ clock_timestamp()::text AS at,
  current_setting('autovacuum')::bool AND current_setting('track_counts')::bool AS is_on,
  current_setting('autovacuum_max_workers')::int4 AS max_workers,
  (extract(epoch FROM current_setting('autovacuum_naptime')::interval) * 1000)::int8 AS naptime_ms,
  current_setting('autovacuum_freeze_max_age')::int8 AS freeze_max_age,
  current_setting('autovacuum_multixact_freeze_max_age')::int8 AS multixact_freeze_max_age,
  pg_has_role('pg_read_all_stats', 'USAGE') AS sees_workers`,
);

export const databaseAgesQuery = serverQuery(
  'poolctl_database_ages',
  `
SELECT /* poolctl */ d.datname::text AS name, age(d.datfrozenxid) AS xid_age, mxid_age(d.datminmxid) AS multixact_age
FROM pg_database d
ORDER BY xid_age DESC, d.datname
LIMIT 20`,
);

export const oldestTablesQuery = serverQuery(
  'poolctl_oldest_tables',
  `
SELECT /* poolctl */ n.nspname::text AS schema, c.relname::text AS name, age(c.relfrozenxid) AS xid_age,
  mxid_age(c.relminmxid) AS multixact_age,
  greatest(c.relpages, 0)::int8 * current_setting('block_size')::int8 AS size_bytes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 't')
ORDER BY xid_age DESC, c.relpages DESC, c.oid
LIMIT 5`,
);

type DueRow = Omit<DueTable, 'due_ms' | 'unfinished_workers'>;
type ScoredRow = Omit<DueRow, 'score' | 'is_for_wraparound'> & {
  score: number | null;
  is_for_wraparound: boolean | null;
};

type Due = {score: string; is_for_wraparound: string; from: string; where: string; most: string};

const dueTables = ({score, is_for_wraparound, from, where, most}: Due) => `
SELECT /* poolctl */ c.oid::text, n.nspname::text AS schema, c.relname::text AS name, s.n_dead_tup AS dead_rows,
  ${thresholdSql('vacuum')} AS vacuum_threshold, s.autovacuum_count,
  (extract(epoch FROM now() - greatest(s.last_vacuum, s.last_autovacuum)) * 1000)::float8 AS vacuum_age_ms,
  ${score} AS score, ${is_for_wraparound} AS is_for_wraparound
FROM pg_stat_all_tables s
JOIN pg_class c ON c.oid = s.relid
JOIN pg_namespace n ON n.oid = c.relnamespace${from}
WHERE ${where}
ORDER BY ${most} DESC, c.oid
LIMIT ${mostDue + 1}`;

const isOfUser = `c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND ${userSchema('n.nspname')}`;

/** By the server's own word from 19 on: also for rows that were inserted, and for the oldest transaction ids, of any table. */
export const dueTablesQuery = serverQuery('poolctl_due_tables', {
  13: dueTables({
    ...{score: 'NULL::float8', is_for_wraparound: 'NULL::bool', from: '', most: 's.n_dead_tup'},
    where: `${isOfUser} AND ${isEnabledSql} AND s.n_dead_tup > ${thresholdSql('vacuum')}`,
  }),
  pg_stat_autovacuum_scores: dueTables({
    ...{score: 'a.score', is_for_wraparound: 'a.for_wraparound', most: 'a.score'},
    from: '\nJOIN pg_stat_autovacuum_scores a ON a.relid = c.oid',
    where: `a.do_vacuum AND (a.for_wraparound OR ${isOfUser})`,
  }),
});

import {computeBudget} from '../../source/core/activity/budget.ts';
import type {Backend, BackgroundWorker, Database, Snapshot, Statement} from '../../source/model/snapshot.ts';
import {exampleServer} from './identity.ts';

export function createWorker(overrides: Partial<BackgroundWorker> = {}): BackgroundWorker {
  return {
    pid: 9,
    backend_type: 'autovacuum worker',
    application_name: '',
    datname: 'shop',
    usename: null,
    state: null,
    wait_event_type: null,
    wait_event: null,
    xact_age_ms: null,
    query_age_ms: null,
    xmin_age: null,
    blocked_by: [],
    leader_pid: null,
    query: null,
    ...overrides,
  };
}

/** A healthy client session. */
export function createBackend(overrides: Partial<Backend> = {}): Backend {
  const pid = overrides.pid ?? 4711;
  return {
    pid,
    backend_start: '2026-01-01T00:00:00.123456Z',
    datid: '16384',
    usesysid: '16385',
    datname: 'shop',
    usename: 'shop_app',
    is_superuser: false,
    application_name: 'shop',
    client_addr: '10.0.0.7',
    client_port: 50_000 + (pid % 10_000),
    backend_type: 'client backend',
    state: 'idle',
    wait_event_type: 'Client',
    wait_event: 'ClientRead',
    xact_age_ms: null,
    query_age_ms: 1200,
    state_age_ms: 1200,
    state_change: '2026-01-01T00:00:58.800000Z',
    xact_start: null,
    query_start: '2026-01-01T00:00:58.790000Z',
    backend_xid: null,
    backend_age_ms: 60_000,
    xmin_age: null,
    blocked_by: [],
    query_id: null,
    query: 'SELECT id FROM orders WHERE id = $1',
    tags: {},
    ...overrides,
  };
}

export function createStatement(overrides: Partial<Statement> = {}): Statement {
  return {
    queryid: '1234567890123456789',
    dbid: '5',
    userid: '10',
    toplevel: true,
    datname: 'shop',
    usename: 'shop_app',
    query: 'SELECT id FROM orders WHERE id = $1',
    calls: 1000,
    total_exec_time_ms: 500,
    mean_exec_time_ms: 0.5,
    stddev_exec_time_ms: 0.1,
    min_exec_time_ms: 0.1,
    max_exec_time_ms: 3,
    total_plan_time_ms: 0,
    rows: 1000,
    shared_blks_hit: 4000,
    shared_blks_read: 1,
    shared_blks_dirtied: 0,
    temp_blks_read: 0,
    temp_blks_written: 0,
    wal_bytes: 0,
    blk_read_time_ms: 0,
    blk_write_time_ms: 0,
    stats_since: null,
    ...overrides,
  };
}

const database: Database = {
  datname: 'shop',
  numbackends: 1,
  xact_commit: 1000,
  xact_rollback: 0,
  blks_hit: 100_000,
  blks_read: 10,
  cache_hit_ratio: 0.9999,
  index_hit_ratio: 0.9999,
  deadlocks: 0,
  temp_bytes: 0,
  stats_reset: null,
};

/** A healthy server with 100 slots; its budget is computed from the backends. */
export function createSnapshot(overrides: Partial<Snapshot> & {max_connections?: number} = {}): Snapshot {
  const {max_connections = 100, ...rest} = overrides;
  const backends = overrides.backends ?? [createBackend()];
  return {
    schema_version: 1,
    at: '2026-01-01T00:01:00.000000Z',
    target: {
      id: 'db.example:5432/shop',
      host: 'db.example',
      port: 5432,
      database: 'shop',
      user: 'oncall',
      server_version_num: 160_004,
      statements_version: '1.10',
      is_in_recovery: false,
      server: exampleServer,
      is_production: false,
      managed_service: null,
      privileges: {is_superuser: false, read_all_stats: true, signal_backend: true, reserved_slots: false},
      prisma: null,
    },
    budget: computeBudget(
      {
        max_connections,
        superuser_reserved_connections: 3,
        reserved_connections: 0,
        role_and_database_limits: [],
      },
      backends,
      () => false,
    ),
    backends,
    background_workers: [],
    statements: [createStatement()],
    statements_info: {dealloc: 0, stats_reset: null, entries: 1, max_entries: 5000, is_evicting: false},
    index_builds: [],
    lock_waits: [],
    databases: [database],
    unavailable: [],
    cost: {round_trip_ms: 1.2, response_bytes: 4096},
    ...rest,
  };
}

/** The same snapshot as read by a role without pg_read_all_stats, from which one session is hidden. */
export function seenByRole(overrides: Parameters<typeof createSnapshot>[0]): Snapshot {
  const snapshot = createSnapshot(overrides);
  const read_all_stats = snapshot.backends.every(({state}) => state !== null);
  const privileges = {...snapshot.target.privileges, read_all_stats};
  return {...snapshot, target: {...snapshot.target, privileges}};
}

/** A statement's rates over a second in which it was not called. */
export const noRates = {
  interval_ms: 1000,
  calls_per_second: 0,
  exec_ms_per_second: 0,
  exec_share_ratio: 0,
  rows_per_second: 0,
  shared_blks_hit_per_second: 0,
  shared_blks_read_per_second: 0,
  temp_blks_per_second: 0,
  wal_bytes_per_second: 0,
  mean_exec_time_ms: 0,
  stddev_exec_time_ms: 0,
};

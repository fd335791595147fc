import {expect, it} from 'vitest';
import {serverRows} from '../../../source/core/server/topics/index.ts';
import type {Verdict} from '../../../source/core/server/topics/topic.ts';
import type {DueTable, ReplayPosition, ServerState, WalState} from '../../../source/model/server-state.ts';
import type {
  CommandProgress,
  HostReading,
  IoRates,
  LockRates,
  ProcessIo,
  ProgressRate,
} from '../../../source/model/server-work.ts';
import type {Backend, Statement} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../../helpers/snapshot.ts';

const mega = 1024 * 1024;
const at = '2026-11-28T13:05:00.000Z';

const process = (parts: Partial<ProcessIo>): ProcessIo => ({
  ...{
    backend_type: 'client backend',
    read_bytes_per_second: 0,
    write_bytes_per_second: 0,
    extend_bytes_per_second: 0,
  },
  ...{read_ms: null, evictions_per_second: 0, fsyncs_per_second: 0},
  ...parts,
});
const io = (rates: Partial<IoRates> | null): ServerState => ({
  io: {
    ...{
      at,
      counters: [],
      wal: null,
      deadlocks: 7,
      temp_bytes: 0,
      shared_buffers_bytes: 128 * mega,
      is_timed: true,
    },
    ...(rates !== null && {
      rates: {
        ...{
          interval_ms: 30_000,
          processes: [],
          wal: null,
          relations: [],
          deadlocks_per_minute: 0,
          temp_bytes_per_second: 0,
        },
        ...rates,
      },
    }),
  },
});
const locks = (rates: Partial<LockRates> | null): ServerState => {
  const {io: read} = io(rates === null ? {} : {locks: {wait_share: 0.1, types: [], ...rates}});
  const counters = {stats_reset: null, deadlock_timeout_ms: 1000, max_locks_per_transaction: 128};
  return read === undefined ? {} : {io: {...read, locks: {...counters, active_time_ms: 0, types: []}}};
};
const waits = {
  ...{locktype: 'transactionid', waits_per_second: 0.5, wait_ms: 4000},
  ...{average_waiting: 2, fastpath_exceeded_per_second: 0},
};
const fewWaits = {...waits, locktype: 'tuple', waits_per_second: 0.1, wait_ms: 2000, average_waiting: 0.2};
const weakLocks = (per_second: number) => ({
  ...{locktype: 'relation', waits_per_second: 0, wait_ms: null, average_waiting: 0},
  fastpath_exceeded_per_second: per_second,
});
const lockManager = Array.from({length: 4}, (_, pid) =>
  createBackend({pid, state: 'active', wait_event_type: 'LWLock', wait_event: 'LockManager'}),
);
const standby = (
  replay: Partial<ReplayPosition> | null | undefined,
  is_paused = false,
  status: string | null = 'streaming',
): ServerState => ({
  replication: {slots: [], standbys: []},
  wal: {
    ...{
      at,
      directory: null,
      archive: null,
      settings: {},
      checkpoints: {timed: 0, requested: 0, stats_reset: at},
    },
    recovery: {
      ...{is_paused, replay_lag_bytes: mega, last_replayed_age_ms: 60_000, conflicts: {}},
      receiver: {status, sender: status && 'db1', slot: null},
      ...(replay !== undefined && {
        replay: replay && {
          ...{promote_triggered: false, pause_state: 'not paused', last_replayed_tli: 2},
          ...{last_replayed_end_lsn: '0/5', replay_end_lsn: '0/7', last_xact_at: at, chunk_started_at: at},
          ...replay,
        },
      }),
    },
  } as unknown as WalState,
});
const due = (parts: Partial<DueTable>, workers: string[] = []): ServerState => ({
  maintenance: {tables: [], xmin_holders: []},
  autovacuum: {
    ...{at, is_on: true, max_workers: 3, naptime_ms: 60_000, freeze_max_age: 0, multixact_freeze_max_age: 0},
    ...{oldest_tables: [], databases: []},
    workers: workers.map(table => ({
      ...{database: 'shop', table, age_ms: 1000, is_to_prevent_wraparound: true},
    })),
    due: [
      {
        ...{oid: '1', schema: 'public', name: 'orders', dead_rows: 0, vacuum_threshold: 50},
        ...{autovacuum_count: 0, vacuum_age_ms: null, due_ms: 600_000, unfinished_workers: 0},
        ...parts,
      },
    ],
  },
});
const manyDue = (count: number): ServerState => {
  const state = due({due_ms: 0});
  const [table] = state.autovacuum?.due ?? [];
  if (state.autovacuum === undefined || table === undefined) throw new RangeError('no table');
  return {...state, autovacuum: {...state.autovacuum, due: Array.from({length: count}, () => table)}};
};
const reading = (parts: Partial<ProcessIo>): ServerState =>
  io({
    processes: [
      process({read_bytes_per_second: 310 * mega, ...parts}),
      process({backend_type: 'checkpointer'}),
    ],
    relations: [{name: 'public.orders', read_bytes_per_second: 285.2 * mega, share: 1, hit_ratio: 0.2}],
  });
type Here = Extract<HostReading, {kind: 'here'}>;
const host = ({
  shares,
  ...parts
}: Partial<Omit<Here, 'shares'>> & {shares?: Here['shares'] | undefined}): ServerState => ({
  host: {
    ...{kind: 'here', at_ms: 0, cores: 4, cpu: {total: 0, idle: 0, iowait: 0, steal: 0}, load: [1.5, 1, 1]},
    ...{
      memory: {total_bytes: 16_000 * mega, available_bytes: 4000 * mega, swap_used_bytes: 0},
      disks: [],
      disks_unknown: null,
    },
    ...parts,
    ...(shares !== undefined && {shares}),
  },
});
const quiet = {busy: 0.4, iowait: 0.01, steal: 0, interval_ms: 30_000};
const disk = (free: number): ServerState =>
  host({disks: [{what: 'data directory', path: '/data', size_bytes: 100 * mega, free_bytes: free * mega}]});
const running = (parts: Partial<CommandProgress & ProgressRate>): ServerState => ({
  progress: [
    {
      ...{
        pid: 7,
        started_at: null,
        at,
        command: 'vacuum',
        relation: 'public.orders',
        application_name: 'psql',
      },
      ...{
        usename: 'app',
        datname: 'shop',
        age_ms: 60_000,
        phase: 'scanning heap',
        done: 340,
        total: 1000,
        unit: 'blocks',
      },
      ...{wait: null, waits_for: null, done_ratio: 0.34, per_second: 1200, left_ms: 180_000},
      ...parts,
    },
  ],
});
const spill = createStatement({
  query: 'SELECT * FROM orders ORDER BY note',
  rates: {
    ...{
      interval_ms: 1000,
      calls_per_second: 1,
      exec_ms_per_second: 1,
      exec_share_ratio: 1,
      rows_per_second: 1,
    },
    ...{shared_blks_hit_per_second: 1, shared_blks_read_per_second: 1, wal_bytes_per_second: 0},
    ...{mean_exec_time_ms: 1, stddev_exec_time_ms: null, temp_blks_per_second: 5000},
  },
});
const waiting = Array.from({length: 4}, (_, pid) =>
  createBackend({pid, state: 'active', wait_event_type: 'IO', wait_event: 'DataFileRead'}),
);

type Seen = {backends?: Backend[]; statements?: Statement[]};
const states: [
  state: string,
  of: ServerState,
  topic: string,
  verdict: Verdict,
  text: string | RegExp,
  seen?: Seen,
][] = [
  [
    'one reading of I/O',
    io(null),
    'I/O',
    'unknown',
    'rates of reads and writes are available after the next refresh',
  ],
  [
    'nothing read',
    io({processes: []}),
    'I/O',
    'ok',
    'client backends read nothing from outside shared buffers',
  ],
  [
    'much read, fast',
    reading({read_ms: 0.02}),
    'I/O',
    'ok',
    'client backends read 310M/s from outside shared buffers, 92% of all reads for public.orders, 0.02ms per read',
  ],
  ['slow reads', reading({read_ms: 6}), 'I/O', 'warning', /6\.00ms per read/],
  ['very slow reads', reading({read_ms: 30}), 'I/O', 'critical', /30\.0ms per read/],
  [
    'half of the sessions wait for I/O',
    reading({}),
    'I/O',
    'warning',
    /4 of 4 busy sessions wait for I\/O/,
    {backends: waiting},
  ],
  ['before 16', io({processes: null}), 'I/O', 'unknown', /^writes are counted from PostgreSQL 16 on/],
  [
    'the checkpointer writes',
    io({processes: [process({backend_type: 'checkpointer', write_bytes_per_second: 8 * mega})]}),
    'I/O',
    'ok',
    '8.0M/s of pages written, 100% by the checkpointer; relations grow by 0B/s',
  ],
  ['no temporary file', io({}), 'I/O', 'ok', 'no temporary files are written'],
  [
    'temporary files',
    io({temp_bytes_per_second: 45 * mega}),
    'I/O',
    'warning',
    /^45M\/s of temporary files, most by SELECT \* FROM orders ORDER BY note:/,
    {
      statements: [spill],
    },
  ],
  ['a few temporary files', io({temp_bytes_per_second: mega}), 'I/O', 'ok', /^1\.0M\/s of temporary files/],
  [
    'wal_buffers full',
    io({wal: {bytes_per_second: 1, full_page_share: 0, buffers_full_per_second: 12}}),
    'I/O',
    'warning',
    /^wal_buffers were full 12 times per second/,
  ],
  [
    'one reading of lock waits',
    locks(null),
    'locks',
    'unknown',
    'lock waits are available after the next refresh',
  ],
  [
    'no lock wait',
    locks({}),
    'locks',
    'ok',
    'no session got a lock after waiting longer than deadlock_timeout (1s), over 30s',
  ],
  [
    'lock waits that take most of the time',
    locks({wait_share: 0.62, types: [waits, fewWaits]}),
    'locks',
    'warning',
    '0.6 lock waits/s longer than deadlock_timeout (1s), 3.67s each, 91% of it for transactionid: 62% of the time of active sessions over 30s',
  ],
  [
    'lock waits of a small share',
    locks({wait_share: 0.2, types: [waits]}),
    'locks',
    'ok',
    '0.5 lock waits/s longer than deadlock_timeout (1s), 4.00s each, 100% of it for transactionid',
  ],
  ['a wait on a quiet server', locks({wait_share: 0.9, types: [fewWaits]}), 'locks', 'ok', /for tuple$/],
  [
    'two long waits that ended',
    locks({wait_share: 1, types: [{...waits, waits_per_second: 2 / 30, wait_ms: 60_000}]}),
    'locks',
    'ok',
    '0.1 lock waits/s longer than deadlock_timeout (1s), 1m00s each, 100% of it for transactionid',
  ],
  ['lock waits of unknown share', locks({wait_share: null, types: [waits]}), 'locks', 'ok', /transactionid$/],
  [
    'some locks beyond the fast path',
    locks({types: [weakLocks(900)]}),
    'locks',
    'ok',
    '900 locks/s of tables and indexes found no fast-path slot (max_locks_per_transaction = 128)',
  ],
  [
    'many locks beyond the fast path',
    locks({types: [weakLocks(60_000)]}),
    'locks',
    'warning',
    '60k locks/s of tables and indexes found no fast-path slot (max_locks_per_transaction = 128): statements that lock many partitions or indexes',
  ],
  [
    'sessions that wait for the shared lock table',
    locks({types: [weakLocks(900)]}),
    'locks',
    'warning',
    /^900 locks\/s .* indexes; 4 of 4 busy sessions wait for LWLock:LockManager$/,
    {backends: lockManager},
  ],
  [
    'a standby whose receiver is hidden',
    standby(undefined, false, null),
    'replication',
    'unknown',
    /^this standby receives WAL: 1\.0M received and not replayed; from where is unknown; to see it: GRANT pg_monitor TO "\w+";$/,
  ],
  [
    'a standby that is promoted',
    standby({promote_triggered: true}),
    'replication',
    'warning',
    'a promotion is under way: this standby replays what it has (1.0M received and not replayed), then it takes writes',
  ],
  [
    'a standby of 19 whose replay is paused',
    standby({pause_state: 'paused'}, true),
    'replication',
    'warning',
    'replay is paused at the transaction of 2026-11-28 13:05:00Z: 1.0M received and not replayed; pg_wal_replay_resume() ends it',
  ],
  [
    'a standby of 19 that is to pause',
    standby({pause_state: 'pause requested'}, true),
    'replication',
    'warning',
    /^replay pauses at the next record: /,
  ],
  [
    'a standby whose replay is paused',
    standby(undefined, true),
    'replication',
    'warning',
    /^replay is paused: 1\.0M received/,
  ],
  [
    'a standby of 19 that replays',
    standby({}),
    'replication',
    'ok',
    'this standby receives from db1: 1.0M received and not replayed',
  ],
  [
    'a table due for dead rows',
    due({dead_rows: 900}),
    'autovacuum',
    'warning',
    /^public\.orders is due \(900 dead rows, threshold 50\), not vacuumed in 10m00s: no worker was seen vacuuming it/,
  ],
  ['ten tables due', manyDue(10), 'autovacuum', 'ok', '0 of 3 workers busy, 10 tables due'],
  ['eleven tables due', manyDue(11), 'autovacuum', 'ok', '0 of 3 workers busy, more than 10 tables due'],
  [
    'a table due for inserted rows',
    due({score: 2.5, is_for_wraparound: false}),
    'autovacuum',
    'warning',
    /^public\.orders is due \(rows inserted since its last vacuum, score 2\.5\), not vacuumed/,
  ],
  [
    'a table due for wraparound',
    due({score: 12, is_for_wraparound: true}),
    'autovacuum',
    'warning',
    /^public\.orders is due \(to prevent wraparound, score 12\), not vacuumed in 10m00s: no worker/,
  ],
  [
    'a worker on it',
    due({score: 12, is_for_wraparound: true}, ['public.orders']),
    'autovacuum',
    'ok',
    /: a worker is vacuuming it$/,
  ],
  [
    'the highest score',
    due({score: 12, is_for_wraparound: true, due_ms: 0}),
    'autovacuum',
    'ok',
    '0 of 3 workers busy, 1 table due, the highest score 12 (public.orders)',
  ],
  [
    'another machine',
    {host: {kind: 'elsewhere', reason: 'poolctl does not run on the server'}},
    'host',
    'unknown',
    /^CPU, memory and disks are not seen from here: poolctl does not run on the server/,
  ],
  [
    'one reading of the host',
    host({shares: undefined}),
    'host',
    'unknown',
    'load 1.5 on 4 cores; CPU is available after the next refresh',
  ],
  ['a quiet host', host({shares: quiet}), 'host', 'ok', 'CPU 40% busy, iowait 1%, load 1.5 on 4 cores'],
  [
    'a busy processor',
    host({shares: {busy: 0.95, iowait: 0, steal: 0, interval_ms: 1}}),
    'host',
    'warning',
    /^CPU 95% busy/,
  ],
  [
    'a full processor',
    host({shares: {busy: 1, iowait: 0, steal: 0, interval_ms: 1}}),
    'host',
    'critical',
    /^CPU 100% busy/,
  ],
  [
    'iowait',
    host({shares: {busy: 0.3, iowait: 0.4, steal: 0, interval_ms: 1}}),
    'host',
    'warning',
    /: the disks are the limit$/,
  ],
  [
    'steal',
    host({shares: {busy: 0.3, iowait: 0, steal: 0.2, interval_ms: 1}}),
    'host',
    'warning',
    /20% stolen by other virtual machines$/,
  ],
  ['memory', host({}), 'host', 'ok', '3.9G of 16G of memory available'],
  [
    'little memory',
    host({memory: {total_bytes: 100 * mega, available_bytes: 3 * mega, swap_used_bytes: mega}}),
    'host',
    'warning',
    '3.0M of 100M of memory available, 1.0M of swap in use',
  ],
  ['a disk with room', disk(50), 'host', 'ok', '50M of 100M free (50%) on the disk of the data directory'],
  ['a disk that fills', disk(8), 'host', 'warning', /\(8%\)/],
  ['a full disk', disk(2), 'host', 'critical', /\(2%\)/],
  [
    'a disk that is not seen',
    host({disks_unknown: 'data_directory is hidden'}),
    'host',
    'unknown',
    'data_directory is hidden',
  ],
  ['no long command', {progress: []}, 'progress', 'ok', 'no vacuum, index build, copy or backup runs'],
  [
    'a vacuum',
    running({}),
    'progress',
    'ok',
    'vacuum public.orders: scanning heap, 34%, 1.2k blocks/s, 3m00s left in this phase',
  ],
  [
    'a command of one reading',
    running({per_second: null, left_ms: null}),
    'progress',
    'ok',
    'vacuum public.orders: scanning heap, 34%',
  ],
  [
    'a command that waits',
    running({wait: 'Lock:relation', waits_for: {pid: 4711, description: 'web app idle in transaction'}}),
    'progress',
    'warning',
    /; waits for 4711 web app idle in transaction$/,
  ],
  ['no sequence', {sequences: []}, 'sequences', 'ok', 'no sequence has used half of its values'],
  ['no deadlock', io({}), 'errors', 'ok', '0 deadlocks per minute over 30s; 7 since the statistics began'],
  ['deadlocks', io({deadlocks_per_minute: 90}), 'errors', 'warning', /^90 deadlocks per minute/],
  ['many deadlocks', io({deadlocks_per_minute: 120}), 'errors', 'critical', /^120 deadlocks per minute/],
  [
    'one deadlock just after the view was opened',
    io({deadlocks_per_minute: 30, interval_ms: 2000}),
    'errors',
    'ok',
    '1 deadlock in 2s; 7 since the statistics began',
  ],
];

it('has no line of locks before PostgreSQL 19, nor of a promotion', () => {
  const state = {...io({}), ...standby(undefined)};
  const lines = serverRows({snapshot: createSnapshot(), state}, 'not read');
  expect(lines.map(({topic}) => topic)).not.toContain('locks');
  expect(lines.map(({id}) => id)).not.toContain('replication promotion');
});

it.each(states)('%s', (_, state, topic, verdict, text, seen = {}) => {
  const rows = serverRows(
    {snapshot: {...createSnapshot({backends: [], ...seen}), at}, state},
    'not read',
  ).filter(row => row.topic === topic);
  const found = rows.find(row => (typeof text === 'string' ? row.text === text : text.test(row.text)));
  expect(found, rows.map(row => `${row.verdict} ${row.text}`).join('\n')).toMatchObject({verdict});
  for (const row of rows) for (const part of row.page()) expect(part.heading).not.toBe('');
});

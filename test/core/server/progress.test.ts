import {expect, it} from 'vitest';
import {
  decodeProgress,
  formatRate,
  type ProgressRow,
  progressRate,
} from '../../../source/core/server/progress.ts';

const row = (
  command: string,
  figures: Record<string, unknown>,
  parts: Partial<ProgressRow> = {},
): ProgressRow => ({
  ...{
    at: '2026-11-28T13:00:00Z',
    command,
    pid: 7,
    figures,
    started_at: '2026-11-28T12:59:00Z',
    age_ms: 60_000,
  },
  ...{application_name: 'psql', usename: 'app', datname: 'shop', wait: null, relation: 'orders', index: null},
  ...{locker_pid: null, locker: null},
  ...parts,
});

const views: [view: string, figures: Record<string, unknown>, found: Record<string, unknown>][] = [
  [
    'vacuum',
    {phase: 'scanning heap', heap_blks_scanned: 30, heap_blks_total: 120},
    {command: 'vacuum', done: 30, total: 120, unit: 'blocks'},
  ],
  [
    'vacuum',
    {phase: 'vacuuming heap', heap_blks_scanned: 120, heap_blks_vacuumed: 12, heap_blks_total: 120},
    {done: 12, total: 120},
  ],
  [
    'vacuum',
    {
      phase: 'vacuuming indexes',
      heap_blks_scanned: 120,
      heap_blks_total: 120,
      indexes_processed: 1,
      indexes_total: 3,
    },
    {done: 1, total: 3, unit: 'indexes'},
  ],
  // Before PostgreSQL 17 indexes are not counted.
  [
    'vacuum',
    {phase: 'vacuuming indexes', heap_blks_scanned: 120, heap_blks_total: 120},
    {done: null, total: null, unit: null},
  ],
  ['vacuum', {phase: 'truncating heap', heap_blks_scanned: 120, heap_blks_total: 120}, {done: null}],
  [
    'create_index',
    {
      command: 'CREATE INDEX CONCURRENTLY',
      phase: 'building index: scanning table',
      blocks_done: 5,
      blocks_total: 10,
      tuples_total: 0,
    },
    {command: 'create index concurrently', done: 5, total: 10},
  ],
  [
    'create_index',
    {
      command: 'REINDEX',
      phase: 'building index: loading tuples in tree',
      blocks_total: 0,
      tuples_done: 3,
      tuples_total: 9,
    },
    {command: 'reindex', done: 3, unit: 'rows'},
  ],
  [
    'create_index',
    {
      command: 'CREATE INDEX',
      phase: 'waiting for writers before build',
      blocks_total: 0,
      tuples_total: 0,
      lockers_done: 1,
      lockers_total: 2,
    },
    {done: 1, total: 2, unit: 'sessions'},
  ],
  [
    'analyze',
    {phase: 'acquiring sample rows', sample_blks_scanned: 1, sample_blks_total: 4},
    {done: 1, total: 4},
  ],
  [
    'cluster',
    {command: 'VACUUM FULL', phase: 'seq scanning heap', heap_blks_scanned: 1, heap_blks_total: 4},
    {command: 'vacuum full', done: 1, total: 4},
  ],
  [
    'cluster',
    {
      command: 'CLUSTER',
      phase: 'writing new heap',
      heap_tuples_scanned: 40,
      heap_tuples_written: 10,
      heap_blks_total: 4,
    },
    {done: 10, total: 40, unit: 'rows'},
  ],
  [
    'repack',
    {command: 'REPACK', phase: 'seq scanning heap', heap_blks_scanned: 2, heap_blks_total: 4},
    {command: 'repack', done: 2, total: 4},
  ],
  [
    'copy',
    {command: 'COPY FROM', type: 'FILE', bytes_processed: 50, bytes_total: 200},
    {command: 'copy from', phase: 'from file', done: 50, total: 200, unit: 'bytes'},
  ],
  [
    'copy',
    {command: 'COPY TO', type: 'PIPE', bytes_processed: 50, bytes_total: 0},
    {phase: 'to pipe', done: 50, total: null},
  ],
  [
    'basebackup',
    {phase: 'streaming database files', backup_total: null, backup_streamed: 7},
    {command: 'base backup', done: 7, total: null, unit: 'bytes'},
  ],
  // Of a later version, and without privileges.
  ['data_checksums', {phase: 'enabling'}, {command: 'data checksums', phase: 'enabling', done: null}],
  ['vacuum', {phase: null, heap_blks_total: null}, {phase: 'hidden from this role', done: null, total: null}],
];

it.each(views)('reads pg_stat_progress_%s: %j', (view, figures, found) => {
  expect(decodeProgress(row(view, figures))).toMatchObject(found);
});

it('names the session that it waits for', () => {
  const waits_for = (locker_pid: number, locker: string | null) =>
    decodeProgress(row('vacuum', {phase: 'initializing'}, {locker_pid, locker})).waits_for;
  expect(waits_for(9, 'web app idle in transaction')).toEqual({
    pid: 9,
    description: 'web app idle in transaction',
  });
  expect(waits_for(0, '')).toEqual({pid: 0, description: 'a prepared transaction'});
});

it('computes the time left of a phase from two readings of it', () => {
  const at = (second: number, done: number, parts: Partial<ProgressRow> = {}) =>
    decodeProgress(
      row(
        'vacuum',
        {phase: 'scanning heap', heap_blks_scanned: done, heap_blks_total: 1000},
        {
          at: `2026-11-28T13:00:0${second}Z`,
          ...parts,
        },
      ),
    );
  const now = at(4, 500);
  expect(progressRate(now, [])).toEqual({done_ratio: 0.5, per_second: null, left_ms: null});
  expect(progressRate(now, [at(0, 100), at(2, 300)])).toEqual({
    done_ratio: 0.5,
    per_second: 100,
    left_ms: 5000,
  });
  expect(progressRate(now, [at(0, 500)])).toEqual({done_ratio: 0.5, per_second: 0, left_ms: null});
  // Another command of the same process.
  expect(progressRate(now, [at(0, 100, {started_at: '2026-11-28T12:00:00Z'})]).per_second).toBeNull();
  expect(progressRate(now, [at(0, 900)]).per_second).toBeNull();
});

it('writes rates in the unit of the command', () => {
  expect(formatRate(12 * 1024 * 1024, 'bytes')).toBe('12M/s');
  expect(formatRate(3400, 'blocks')).toBe('3.4k blocks/s');
});

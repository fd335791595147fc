import {expect, it} from 'vitest';
import {ioRates} from '../../../source/core/server/io.ts';
import {comparable} from '../../../source/core/server/wal-rates.ts';
import type {WalState} from '../../../source/model/server-state.ts';
import type {IoCounter, ServerIo} from '../../../source/model/server-work.ts';

const counter = (parts: Partial<IoCounter>): IoCounter => ({
  ...{
    backend_type: 'client backend',
    object: 'relation',
    context: 'normal',
    reads: 0,
    read_bytes: 0,
    read_time_ms: 0,
  },
  ...{
    writes: 0,
    write_bytes: 0,
    write_time_ms: 0,
    extend_bytes: 0,
    evictions: 0,
    fsyncs: 0,
    fsync_time_ms: 0,
  },
  ...parts,
});
const reading = (second: number, parts: Partial<ServerIo> = {}): ServerIo => ({
  ...{
    at: `2026-11-28T13:00:0${second}Z`,
    counters: [],
    wal: null,
    relations: [],
    relations_at: `2026-11-28T13:00:0${second}Z`,
    deadlocks: 0,
    temp_bytes: 0,
    shared_buffers_bytes: 1,
    is_timed: true,
  },
  ...parts,
});

it('adds up what each kind of process read and wrote', () => {
  const before = reading(0, {
    counters: [counter({reads: 10, read_bytes: 1000, read_time_ms: 5, write_bytes: 10})],
  });
  const now = reading(2, {
    counters: [
      counter({reads: 20, read_bytes: 3000, read_time_ms: 10, write_bytes: 10, evictions: 4}),
      // Appears with its first operation.
      counter({context: 'bulkread', reads: 10, read_bytes: 5000, read_time_ms: 5}),
      counter({backend_type: 'checkpointer', write_bytes: 600, fsyncs: 2}),
      counter({object: 'wal', write_bytes: 999, fsyncs: 6}),
    ],
  });
  expect(ioRates(before, now)?.processes).toEqual([
    {
      backend_type: 'client backend',
      ...{read_bytes_per_second: 3500, write_bytes_per_second: 0, extend_bytes_per_second: 0, read_ms: 0.5},
      ...{evictions_per_second: 2, fsyncs_per_second: 3},
    },
    {
      backend_type: 'checkpointer',
      ...{read_bytes_per_second: 0, write_bytes_per_second: 300, extend_bytes_per_second: 0, read_ms: null},
      ...{evictions_per_second: 0, fsyncs_per_second: 1},
    },
  ]);
});

it('ranks relations by what was read for them meanwhile', () => {
  const before = reading(0, {
    relations: [
      {name: 'history', read_bytes: 9000, hit_bytes: 5},
      {name: 'orders', read_bytes: 100, hit_bytes: 0},
    ],
  });
  const relations = [
    {name: 'history', read_bytes: 9000, hit_bytes: 9000},
    {name: 'orders', read_bytes: 1000, hit_bytes: 300},
    {name: 'lines', read_bytes: 100, hit_bytes: 0},
  ];
  expect(ioRates(before, reading(1, {relations}))?.relations).toEqual([
    {name: 'orders', read_bytes_per_second: 900, share: 0.9, hit_ratio: 0.25},
    {name: 'lines', read_bytes_per_second: 100, share: 0.1, hit_ratio: 0},
  ]);
});

it('knows no rate of one reading, nor over a reset', () => {
  const now = reading(1, {counters: [counter({reads: 3})]});
  expect(ioRates(now, now)).toBeNull();
  expect(ioRates(reading(0, {counters: [counter({reads: 4})]}), now)).toBeNull();
  expect(ioRates(reading(0, {counters: null}), reading(1, {counters: null}))?.processes).toBeNull();
});

it('says how much WAL is whole pages', () => {
  const wal = (bytes: number, records: number, full_page_images: number) => ({
    records,
    full_page_images,
    bytes,
    buffers_full: 0,
  });
  const rates = ioRates(reading(0, {wal: wal(0, 0, 0)}), reading(2, {wal: wal(4000, 100, 25)}));
  expect(rates?.wal).toEqual({bytes_per_second: 2000, full_page_share: 0.25, buffers_full_per_second: 0});
  expect(ioRates(reading(0, {wal: wal(5, 0, 0)}), reading(2, {wal: wal(0, 0, 0)}))?.wal).toBeNull();
});

it.each(['reads', 'writes', 'fsyncs'] as const)('has no rate after a reset that only %s show', name => {
  const before = reading(0, {counters: [counter({[name]: 5})]});
  expect(ioRates(before, reading(2, {counters: [counter({[name]: 4})]}))).toBeNull();
});

it.each([
  ['archived_count', {archive: {archived_count: 0, failed_count: 1}}],
  ['failed_count', {archive: {archived_count: 5000, failed_count: 0}}],
  ['conflicts', {recovery: {conflicts: {lock: 0}}}],
])('compares no WAL figures across a reset that only %s shows', (_, parts) => {
  const before = {
    ...{at: '2026-11-28T13:00:00Z', written_bytes: 1, next_xid: 1},
    checkpoints: {timed: 0, requested: 0, stats_reset: null},
    archive: {archived_count: 5000, failed_count: 1},
    recovery: {conflicts: {lock: 3}},
  } as unknown as WalState;
  const later = {...before, at: '2026-11-28T13:00:02Z'};
  expect(comparable([before], later)).toEqual([before]);
  expect(comparable([before], {...later, ...parts} as WalState)).toEqual([]);
});

it('knows how long locks were waited for, and of which type', () => {
  const locks = (active_time_ms: number, waits: number, wait_time_ms: number, fastpath_exceeded: number) => ({
    ...{stats_reset: 'a', deadlock_timeout_ms: 1000, max_locks_per_transaction: 128, active_time_ms},
    types: [
      {locktype: 'relation', waits: 0, wait_time_ms: 0, fastpath_exceeded},
      {locktype: 'tuple', waits: 0, wait_time_ms: 0, fastpath_exceeded: 0},
      {locktype: 'transactionid', waits, wait_time_ms, fastpath_exceeded: 0},
    ],
  });
  const before = locks(1000, 2, 5000, 10);
  const rates = ioRates(reading(0, {locks: before}), reading(4, {locks: locks(17_000, 4, 13_000, 50)}));
  expect(rates?.locks).toEqual({
    wait_share: 0.5,
    types: [
      {
        ...{locktype: 'transactionid', waits_per_second: 0.5, wait_ms: 4000, average_waiting: 2},
        fastpath_exceeded_per_second: 0,
      },
      {
        ...{locktype: 'relation', waits_per_second: 0, wait_ms: null, average_waiting: 0},
        fastpath_exceeded_per_second: 10,
      },
    ],
  });
  const long = locks(5000, 3, 25_000, 10);
  expect(ioRates(reading(0, {locks: before}), reading(4, {locks: long}))?.locks).toMatchObject({
    wait_share: 1,
    types: [{wait_ms: 20_000, average_waiting: 1}],
  });
  // Idle sessions have no share, and workers that wait are no sessions.
  expect(ioRates(reading(0, {locks: before}), reading(4, {locks: before}))?.locks?.wait_share).toBeNull();
  const more = locks(1001, 3, 9000, 10);
  expect(ioRates(reading(0, {locks: before}), reading(4, {locks: more}))?.locks?.wait_share).toBe(1);
  const reset = {...more, stats_reset: 'b'};
  expect(ioRates(reading(0, {locks: before}), reading(4, {locks: reset}))).not.toHaveProperty('locks');
  expect(ioRates(reading(0), reading(4, {locks: more}))).not.toHaveProperty('locks');
});

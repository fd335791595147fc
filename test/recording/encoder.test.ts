import {describe, expect, it} from 'vitest';
import type {ServerState} from '../../source/model/server-state.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {createEncoder, decodeGroup} from '../../source/recording/encoder.ts';
import type {Frame} from '../../source/recording/frames.ts';
import {createSequence, createWal, createWriteState} from '../core/assessment/harms/readings.ts';
import {createBackend, createStatement, createWorker} from '../helpers/snapshot.ts';
import {changingSnapshots} from './changing-snapshots.ts';

async function encodeAll(snapshots: readonly Snapshot[]): Promise<Frame[]> {
  const encoder = createEncoder();
  const frames: Frame[] = [];
  for (const snapshot of snapshots) frames.push(await encoder.encode(snapshot, null));
  encoder.restart();
  return frames;
}

function withoutRates(snapshots: readonly Snapshot[]): Snapshot[] {
  return snapshots.map(of => ({
    ...of,
    statements: of.statements.map(({rates: _, ...statement}) => statement),
  }));
}

const copying: NonNullable<ServerState['progress']>[number] = {
  ...{
    pid: 4711,
    started_at: null,
    at: '2026-01-31T14:00:00.000Z',
    command: 'copy from',
    relation: 'public.orders',
  },
  ...{application_name: 'loader', usename: 'app', datname: 'shop', age_ms: 12_000, phase: 'from file'},
  ...{done: 1000, total: 4000, unit: 'bytes', wait: null, waits_for: null},
  ...{done_ratio: 0.25, per_second: 83.25, left_ms: 36_000},
};

describe('encoder', () => {
  it('restores every snapshot, with sessions added, removed and changed, in order', async () => {
    const snapshots = changingSnapshots(40);
    expect(withoutRates(decodeGroup(await encodeAll(snapshots)))).toEqual(snapshots);
  });

  it('restores fields that come and go, and rows with the same identity', async () => {
    const [first] = changingSnapshots(1);
    const session = createBackend({
      pid: 7,
      state_change: '2026-01-01T11:59:00.000000Z',
      state_age_ms: 60_000,
    });
    const snapshots = changingSnapshots(5).map((snapshot, index) => ({
      ...snapshot,
      at: first?.at ?? '',
      databases: snapshot.databases.map(of => (index % 2 === 0 ? of : {...of, sessions_fatal: index})),
      // An age that follows from its time is not recorded, another one is.
      backends: [
        {...session, state_age_ms: index % 2 === 0 ? 60_000 : 70_000},
        ...(index > 1 ? [session] : []),
      ],
    }));
    expect(withoutRates(decodeGroup(await encodeAll(snapshots)))).toEqual(snapshots);
  });

  it('restores what sessions wait for, workers and facts, and records them once as long as they do not change', async () => {
    const holders = Array.from({length: 100}, (_, index) => ({pid: 100 + index, mode: 'AccessShareLock'}));
    const facts = {
      write_state: createWriteState(),
      sequences: [createSequence()],
      replication: {slots: [], standbys: []},
      setting_overrides: [{role: 'app', database: null, name: 'work_mem', value: '5MB', set_age: 7}],
    };
    const snapshots = changingSnapshots(10).map((snapshot, index) => ({
      ...snapshot,
      facts: index < 9 ? facts : {...facts, sequences: []},
      background_workers: [
        createWorker({blocked_by: [1], xact_age_ms: 5000 + index * 2000, xmin_age: 3}),
        ...(index % 2 === 0 ? [createWorker({pid: 10, backend_type: 'parallel worker', leader_pid: 1})] : []),
      ],
      lock_waits: [
        {
          pid: 3,
          blocked_by: [2],
          locktype: 'relation',
          mode: 'AccessExclusiveLock',
          object: 'relation public.orders',
          relation: 'public.orders',
          holders: index < 8 ? holders : holders.slice(1),
          wait_age_ms: 1000 + index * 2000,
        },
      ],
    }));
    const frames = await encodeAll(snapshots);
    expect(withoutRates(decodeGroup(frames))).toEqual(snapshots);
    const sizes = frames.map(({payload}) => payload.length);
    expect(Math.max(...sizes.slice(1, 8))).toBeLessThan((sizes[0] ?? 0) / 10);
  });

  it('records a part of what the Server view shows only where it has changed', async () => {
    const server = {wal: createWal(), progress: [copying]};
    const snapshots = changingSnapshots(6).map(snapshot => ({...snapshot, server}));
    const plain = (await encodeAll(changingSnapshots(6))).map(({payload}) => payload.length);
    const frames = await encodeAll(snapshots);
    expect(withoutRates(decodeGroup(frames))).toEqual(snapshots);
    // Compressed, an unchanged part adds nothing but what the compression itself varies by.
    for (const [index, {payload}] of frames.entries())
      if (index > 0) expect(payload.length).toBeLessThanOrEqual((plain[index] ?? 0) + 16);
  });

  it('restores what the Server view showed, and that it was closed', async () => {
    const snapshots = changingSnapshots(6).map((snapshot, index) => ({
      ...snapshot,
      ...(index > 1 &&
        index < 5 && {
          server: {
            wal: createWal({written_bytes: 1_000_000_007 + index}),
            progress: index < 4 ? [] : [copying],
          },
        }),
    }));
    expect(withoutRates(decodeGroup(await encodeAll(snapshots)))).toEqual(snapshots);
  });

  it('keeps the time of the counters with the counters that are recorded', async () => {
    const info = {dealloc: 0, stats_reset: null, entries: 1, max_entries: 5000, is_evicting: false};
    const snapshots = changingSnapshots(45).map(snapshot => ({
      ...snapshot,
      statements_info: {...info, at: snapshot.at},
    }));
    const decoded = decodeGroup(await encodeAll(snapshots));
    const times = new Set(decoded.map(({statements_info}) => statements_info?.at));
    // All of the first minute, so that a short recording lacks no call.
    const firstMinute = Array.from({length: 30}, (_, index) => index);
    expect([...times]).toEqual([...firstMinute, 32, 35, 38, 41, 44].map(index => snapshots[index]?.at));
  });

  it('records each reading of the counters if asked to, and none twice', async () => {
    const info = {dealloc: 0, stats_reset: null, entries: 1, max_entries: 5000, is_evicting: false};
    const snapshots = changingSnapshots(8).map((snapshot, index) => ({
      ...snapshot,
      statements_info: {
        ...info,
        at: `2026-01-01T12:00:${String(index - (index % 2)).padStart(2, '0')}.000000Z`,
      },
      statements: [createStatement({calls: 1000 + 10 * (index - (index % 2))})],
    }));
    const encoder = createEncoder({statementsEvery_ms: 0});
    const frames: Frame[] = [];
    for (const snapshot of snapshots) frames.push(await encoder.encode(snapshot, null));
    encoder.restart();
    const decoded = decodeGroup(frames);
    expect(decoded.map(({statements}) => statements[0]?.calls)).toEqual(
      snapshots.map(({statements}) => statements[0]?.calls),
    );
    expect(decoded.map(({statements_info}) => statements_info?.at)).toEqual(
      snapshots.map(({statements_info}) => statements_info.at),
    );
    expect(decoded.at(-1)?.statements[0]?.rates?.calls_per_second).toBe(5);
  });

  it('restores the beginning of a truncated group', async () => {
    const snapshots = changingSnapshots(5);
    const frames = await encodeAll(snapshots);
    expect(withoutRates(decodeGroup(frames.slice(0, 3)))).toEqual(snapshots.slice(0, 3));
  });

  it('starts a group every 120 snapshots, and after the clock was set back', async () => {
    const snapshots = changingSnapshots(125);
    const frames = await encodeAll([...snapshots, ...changingSnapshots(1)]);
    const keys = frames.flatMap(({kind}, index) => (kind === 'key' ? [index] : []));
    expect(keys).toEqual([0, 120, 125]);
    expect(withoutRates(decodeGroup(frames.slice(120, 125)))).toEqual(snapshots.slice(120));
  });

  it('records statements every few seconds with their rates, across groups', async () => {
    const snapshots = changingSnapshots(180).map((snapshot, index) => ({
      ...snapshot,
      statements: [createStatement({calls: 1000 + index * 10, total_exec_time_ms: 500 + index * 5})],
    }));
    const frames = await encodeAll(snapshots);
    const [first, second] = [frames.slice(0, 120), frames.slice(120)].map(decodeGroup);
    const [early, late] = [first?.[119], second?.[3]].map(of => of?.statements[0]);
    expect(early).toMatchObject({query: expect.any(String), mean_exec_time_ms: 0.5});
    expect(early?.rates).toMatchObject({interval_ms: 6000, calls_per_second: 5, mean_exec_time_ms: 0.5});
    expect(late?.rates).toMatchObject({interval_ms: 6000, calls_per_second: 5});
    expect(second?.at(-1)?.statements[0]?.calls).toBeGreaterThan(late?.calls ?? 0);
  });

  it('reports a group that cannot be decoded', () => {
    const payload = Buffer.from('no brotli');
    expect(() => decodeGroup([{kind: 'key', at_ms: 0, severity: null, payload}])).toThrow(
      'the snapshots from 1970-01-01T00:00:00.000Z on cannot be decoded',
    );
  });

  it('encodes a small change in few bytes', async () => {
    const [key, second] = await encodeAll(changingSnapshots(2));
    expect(second?.payload.length).toBeLessThan((key?.payload.length ?? 0) / 3);
  });
});

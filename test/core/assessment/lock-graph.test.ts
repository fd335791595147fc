import {describe, expect, it} from 'vitest';
import {freedBy, lockGraph, rootsOf} from '../../../source/core/assessment/lock-graph.ts';
import {createBackend, createWorker} from '../../helpers/snapshot.ts';

/** Sessions by pid, with those that each waits for. */
function snapshotOf(waits: Record<number, number[]>) {
  const backends = Object.entries(waits).map(([pid, blocked_by]) =>
    createBackend({pid: Number(pid), blocked_by}),
  );
  return {backends, background_workers: [], lock_waits: []};
}

describe('rootsOf', () => {
  it.each<[string, Record<number, number[]>, [number, number[]][]]>([
    [
      'a queue',
      {2: [1], 3: [1, 2], 4: [1, 2, 3]},
      [
        [2, [1]],
        [3, [1]],
        [4, [1]],
      ],
    ],
    [
      'several holders',
      {3: [2, 1], 4: [3]},
      [
        [3, [1, 2]],
        [4, [1, 2]],
      ],
    ],
    ['a prepared transaction', {2: [0]}, [[2, [0]]]],
    [
      'a deadlock',
      {1: [2], 2: [1], 3: [1]},
      [
        [1, []],
        [2, []],
        [3, []],
      ],
    ],
    ['a leader named for each of its parallel workers', {2: [1, 1]}, [[2, [1]]]],
  ])('follows %s', (_, waits, expected) => {
    expect([...rootsOf(snapshotOf(waits))]).toEqual(expected);
  });

  it('reaches the root through an apply worker, which waits itself', () => {
    const roots = rootsOf({
      backends: [createBackend({pid: 1, blocked_by: [9]}), createBackend({pid: 2})],
      background_workers: [
        createWorker({pid: 9, backend_type: 'logical replication worker', blocked_by: [2]}),
      ],
      lock_waits: [],
    });
    expect(roots.get(1)).toEqual([2]);
    expect(roots.get(9)).toEqual([2]);
  });

  it('takes a parallel worker for its leader, as blocker and as waiter', () => {
    const worker = {backend_type: 'parallel worker', leader_pid: 3};
    const roots = rootsOf({
      backends: [createBackend({pid: 1, blocked_by: [9]}), createBackend({pid: 2}), createBackend({pid: 3})],
      background_workers: [
        createWorker({...worker, pid: 9, blocked_by: [2]}),
        createWorker({...worker, pid: 10}),
      ],
      lock_waits: [],
    });
    expect(Object.fromEntries(roots)).toEqual({1: [2], 3: [2]});
  });

  it('the leader of a parallel apply worker is a process of its own', () => {
    const roots = rootsOf({
      backends: [createBackend({pid: 1, blocked_by: [9]})],
      background_workers: [
        createWorker({pid: 8, backend_type: 'logical replication apply worker'}),
        createWorker({pid: 9, backend_type: 'logical replication parallel worker', leader_pid: 8}),
      ],
      lock_waits: [],
    });
    expect(roots.get(1)).toEqual([9]);
  });

  it('follows a queue of 500 sessions, each of which waits for all before it', () => {
    const waits = Object.fromEntries(
      Array.from({length: 500}, (_, index) => [
        index + 2,
        Array.from({length: index + 1}, (_, at) => at + 1),
      ]),
    );
    const roots = rootsOf(snapshotOf(waits));
    expect([...roots.values()].every(([root]) => root === 1)).toBe(true);
    expect(freedBy([1], lockGraph(snapshotOf(waits))).size).toBe(500);
  });
});

describe('freedBy', () => {
  it.each<[string, Record<number, number[]>, number[], number[]]>([
    ['the root frees all behind it', {2: [1], 3: [2]}, [1], [2, 3]],
    ['the head of a jam frees those behind it, not itself', {2: [1], 3: [2], 4: [3]}, [2], [3, 4]],
    ['one of two holders frees no session', {3: [1, 2]}, [1], []],
    ['both holders do', {3: [1, 2]}, [1, 2], [3]],
    ['those that also wait for another session are not freed', {2: [1], 3: [2], 4: [2, 9]}, [2], [3]],
    ['nor those behind them', {2: [1], 4: [2, 9], 5: [4]}, [2], []],
    ['a session that blocks none frees none', {2: [1]}, [7], []],
  ])('%s', (_, waits, pids, expected) => {
    expect([...freedBy(pids, lockGraph(snapshotOf(waits)))].sort()).toEqual(expected);
  });
});

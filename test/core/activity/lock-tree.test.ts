import {describe, expect, it} from 'vitest';
import {type LockNode, lockTree} from '../../../source/core/activity/lock-tree.ts';

/** `2<1` is 2 waiting for 1. */
function treeOf(...waits: string[]): string[] {
  const backends = waits.map(wait => {
    const [pid = '', blockers = ''] = wait.split('<');
    return {pid: Number(pid), blocked_by: blockers.split(',').map(Number)};
  });
  return lockTree(backends, []).map(draw);
}

/** `1(2 3(4))`, `*` for a member of a circle. */
function draw({pid, is_in_cycle, children}: LockNode): string {
  const mark = is_in_cycle ? '*' : '';
  return children.length === 0 ? `${pid}${mark}` : `${pid}${mark}(${children.map(draw).join(' ')})`;
}

describe('lockTree', () => {
  it.each([
    ['no session waits', [], []],
    ['one session waits', ['2<1'], ['1(2)']],
    ['a chain', ['2<1', '3<2', '4<3'], ['1(2(3(4)))']],
    ['the root that blocks most first', ['2<1', '11<10', '12<10'], ['10(11 12)', '1(2)']],
    ['the waiter that blocks most first', ['2<1', '3<1', '4<3'], ['1(3(4) 2)']],
    ['a queue: each session waits for all before it', ['2<1', '3<1,2', '4<1,2,3'], ['1(2 3 4)']],
    ['a waiter with two roots appears once', ['3<1', '3<2', '4<2'], ['2(3 4)', '1']],
    ['duplicates of parallel workers', ['2<1,1,1'], ['1(2)']],
    ['a prepared transaction', ['2<0', '3<2'], ['0(2(3))']],
    ['a deadlock', ['1<2', '2<1'], ['1*(2*)']],
    ['a deadlock of three with a waiter', ['1<3', '2<1', '3<2', '9<2'], ['1*(2*(3* 9))']],
    ['a deadlock behind a root', ['2<3,1', '3<2'], ['1(2*(3*))']],
    ['itself', ['1<1'], []],
  ])('%s', (_, waits, expected) => {
    expect(treeOf(...waits)).toEqual(expected);
  });

  it('counts the sessions that each blocks and lists the other blockers', () => {
    const [root] = lockTree(
      [
        {pid: 2, blocked_by: [1]},
        {pid: 3, blocked_by: [1, 2]},
      ],
      [],
    );
    expect(root).toMatchObject({pid: 1, waiters_direct: 2, waiters_total: 2, also_blocked_by: []});
    expect(root?.children.find(({pid}) => pid === 3)).toMatchObject({also_blocked_by: [2], waiters_total: 0});
  });

  it('includes a waiter that is only in the lock waits', () => {
    expect(lockTree([], [{pid: 7, blocked_by: [1]}]).map(draw)).toEqual(['1(7)']);
  });

  it('places each of 300 queued sessions once', () => {
    const queue = Array.from({length: 300}, (_, index) => ({
      pid: index + 2,
      blocked_by: Array.from({length: index + 1}, (_, ahead) => ahead + 1),
    }));
    const [root, ...others] = lockTree(queue, []);
    expect(others).toEqual([]);
    expect(root).toMatchObject({pid: 1, waiters_direct: 300, waiters_total: 300});
  });
});

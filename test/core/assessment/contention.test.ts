import {expect, it} from 'vitest';
import {contentionOf} from '../../../source/core/assessment/assess.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {reading} from './harms/jams.ts';

it('lists who waits for what, the object that most wait for first', () => {
  const update = {query: 'UPDATE orders SET total = 5'};
  const snapshot = reading(
    {1: {}, 2: update, 3: update, 4: {query: 'DELETE FROM orders'}, 5: {query: 'SELECT pg_advisory_lock(4)'}},
    [
      {pid: 2, blocked_by: [1]},
      {pid: 3, blocked_by: [2]},
      {pid: 4, blocked_by: [0, 2]},
      {pid: 5, blocked_by: [9], locktype: 'advisory', relation: null, object: 'advisory lock 4'},
    ],
  );
  expect(contentionOf(snapshot)).toEqual([
    {object: 'row of orders', waiting: 3, holders: [0, 1], statement: 'UPDATE orders'},
    {object: 'advisory lock 4', waiting: 1, holders: [9], statement: 'a SELECT'},
  ]);
  expect(contentionOf(createSnapshot())).toEqual([]);
});

import {expect, it} from 'vitest';
import {groupBy} from '../../source/core/group-by.ts';

it('keeps the order of the items, and of the keys as they first appear', () => {
  const groups = groupBy(['pear', 'plum', 'fig', 'peach'], ([first = '']) => first);
  expect([...groups]).toEqual([
    ['p', ['pear', 'plum', 'peach']],
    ['f', ['fig']],
  ]);
});

it('has no group without an item', () => {
  expect(groupBy([], String).size).toBe(0);
});

import {expect, it} from 'vitest';
import {memoize} from '../../../source/core/text/memoize.ts';

it('the cache computes each text once and is cleared when it is full', () => {
  const made: string[] = [];
  const upper = memoize(text => {
    made.push(text);
    return text.toUpperCase();
  }, 2);
  expect(['a', 'a', 'b', 'a', ''].map(upper)).toEqual(['A', 'A', 'B', 'A', '']);
  expect(made).toEqual(['a', 'b', '']);
  upper('a');
  expect(made).toEqual(['a', 'b', '', 'a']);
});

import {expect, test} from 'vitest';
import {createRandom} from '../../source/core/random.ts';

const draws = (seed: number) => {
  const random = createRandom(seed);
  return Array.from({length: 20}, () => random.below(1000));
};

test('the same seed gives the same numbers, another seed does not', () => {
  expect(draws(1)).toEqual(draws(1));
  expect(draws(2)).not.toEqual(draws(1));
});

test('forks are independent of each other', () => {
  const [one, other] = [createRandom(5), createRandom(5)];
  const first = one.fork();
  for (let i = 0; i < 10; i++) first.below(10);
  other.fork();
  expect(one.fork().below(1_000_000)).toBe(other.fork().below(1_000_000));
});

test('below(n) gives every integer from 0 to n-1', () => {
  const random = createRandom(3);
  expect(new Set(Array.from({length: 500}, () => random.below(6)))).toEqual(new Set([0, 1, 2, 3, 4, 5]));
  expect(() => random.oneOf([])).toThrow(RangeError);
});

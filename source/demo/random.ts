import {mulberry32} from '../core/random.ts';

export type Random = {
  /** 0 to n-1. */
  below(n: number): number;
  oneOf<Value>(values: readonly Value[]): Value;
  /** A stream of its own: what one instance draws changes nothing for another. */
  fork(): Random;
};

/** A seed tells the same story everywhere. */
export function createRandom(seed: number): Random {
  const next = mulberry32(seed);
  return {
    below: n => next() % n,
    oneOf(values) {
      const [first] = values;
      if (first === undefined) throw new RangeError('oneOf wants at least one value');
      return values[next() % values.length] ?? first;
    },
    fork: () => createRandom(next()),
  };
}

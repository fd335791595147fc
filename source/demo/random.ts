import {mulberry32} from '../core/random.ts';

export type Random = {
  /** An integer from 0 to n-1. */
  below(n: number): number;
  oneOf<Value>(values: readonly Value[]): Value;
  /** An independent stream, so that instances do not affect each other. */
  fork(): Random;
};

/** The same seed gives the same numbers on every machine. */
export function createRandom(seed: number): Random {
  const next = mulberry32(seed);
  return {
    below: n => next() % n,
    oneOf(values) {
      const [first] = values;
      if (first === undefined) throw new RangeError('oneOf needs at least one value');
      return values[next() % values.length] ?? first;
    },
    fork: () => createRandom(next()),
  };
}

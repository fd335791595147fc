export type Random = {
  /** 0 to n-1. */
  below(n: number): number;
  oneOf<Value>(values: readonly Value[]): Value;
  /** A stream of its own: what one instance draws changes nothing for another. */
  fork(): Random;
};

/** mulberry32: 32 bits of state, so that a seed tells the same story everywhere. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
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

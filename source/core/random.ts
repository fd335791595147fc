/** Integers of 32 random bits, the same for the same seed on every machine (mulberry32, Tommy Ettinger). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Numbers from 0 to below 1, the same for the same seed. */
export function randomFrom(seed: number): () => number {
  const next = mulberry32(seed);
  return () => next() / 4_294_967_296;
}

/** Random choices. */
export type Random = {
  /** An integer from 0 to n-1. */
  below(n: number): number;
  oneOf<Value>(values: readonly Value[]): Value;
  /** An independent stream, so that instances do not affect each other. */
  fork(): Random;
};

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

import {describe, expect, it} from 'vitest';
import {holm, welchGreater} from '../../../source/core/health/statistics.ts';

/** Summaries of samples have their deviation divided by n; textbooks divide by n - 1. */
const sample = (n: number, mean: number, deviation: number) => ({
  n,
  mean,
  deviation: deviation * Math.sqrt((n - 1) / n),
});

describe("Welch's t-test", () => {
  it.each([[sample(10, 20.0, 4), sample(8, 16.0, 7), 1]])(
    'agrees with the distribution of t',
    (after, before, ratio) => {
      const error = 4 ** 2 / 10 + 7 ** 2 / 8;
      const freedom = error ** 2 / ((4 ** 2 / 10) ** 2 / 9 + (7 ** 2 / 8) ** 2 / 7);
      expect(welchGreater(after, before, ratio)).toBeCloseTo(tailOfT(4 / Math.sqrt(error), freedom), 6);
    },
  );

  it('returns p = 0.5 for equal samples and a small p for a slower one', () => {
    expect(welchGreater(sample(50, 10, 2), sample(50, 10, 2), 1)).toBeCloseTo(0.5, 6);
    expect(welchGreater(sample(50, 20, 2), sample(50, 10, 2), 1.5)).toBeLessThan(1e-6);
    expect(welchGreater(sample(50, 20, 2), sample(50, 10, 2), 2.5)).toBeGreaterThan(0.99);
  });

  it('needs more calls if times vary more', () => {
    const p = (n: number) => welchGreater(sample(n, 20, 60), sample(n, 10, 30), 1.5);
    expect(p(30)).toBeGreaterThan(0.2);
    expect(p(3000)).toBeLessThan(1e-3);
  });

  it('accepts samples without deviation', () => {
    expect(welchGreater(sample(30, 2, 0), sample(30, 1, 0), 1.5)).toBe(0);
    expect(welchGreater(sample(30, 1, 0), sample(30, 1, 0), 1.5)).toBe(1);
  });
});

it("Holm's correction stops at the first difference that is not significant", () => {
  expect(holm([0.01, 0.04, 0.03, 0.005], 0.05)).toEqual([true, false, false, true]);
  expect(holm([], 0.05)).toEqual([]);
  // Each is compared with what is left after the ones before it...
  expect(holm([0.001, 0.009, 0.004], 0.01)).toEqual([true, true, true]);
  // ...and none is significant after the first that is not.
  expect(holm([0.006, 0.009], 0.01)).toEqual([false, false]);
});

/** The tail of Student's t by Simpson's rule over its density: slow, and nothing but its definition. */
function tailOfT(t: number, freedom: number): number {
  const density = (x: number) => (1 + x ** 2 / freedom) ** (-(freedom + 1) / 2);
  const area = (from: number, to: number) => {
    const steps = 200_000;
    const width = (to - from) / steps;
    let sum = density(from) + density(to);
    for (let index = 1; index < steps; index++)
      sum += density(from + index * width) * (index % 2 === 0 ? 2 : 4);
    return (sum * width) / 3;
  };
  return area(t, 2000) / (2 * area(0, 2000));
}

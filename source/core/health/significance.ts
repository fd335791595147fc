import jstat from 'jstat';

/** What is known of a sample: how many, their mean, and their deviation (of the sample itself: divided by n). */
export type Sample = {n: number; mean: number; deviation: number};

/**
 * Welch's t-test from summaries, one-sided: how likely means this far apart, or further, are if the mean of `after`
 * were at most `ratio` times that of `before`. Neither equal variances nor equal sizes are assumed; it is about means
 * of many, so skewed times are no matter from some 30 of each on.
 */
export function welchGreater(after: Sample, before: Sample, ratio: number): number {
  const a = squaredError(after, 1);
  const b = squaredError(before, ratio);
  const difference = after.mean - ratio * before.mean;
  if (a + b === 0) return difference > 0 ? 0 : 1;
  const t = difference / Math.sqrt(a + b);
  // Welch and Satterthwaite.
  const freedom = (a + b) ** 2 / (a ** 2 / (after.n - 1) + b ** 2 / (before.n - 1));
  return jstat.jStat.studentt.cdf(-t, freedom);
}

/** Of the mean: the variance with n - 1, by n. */
function squaredError({n, deviation}: Sample, scale: number): number {
  return (scale * deviation) ** 2 / (n - 1);
}

/**
 * Holm's correction: which of many p-values are significant at `alpha` all together. One in a hundred of as many
 * statements as a server has would be slower by chance alone.
 */
export function holm(p_values: readonly number[], alpha: number): boolean[] {
  const ascending = p_values.map((p, index) => ({p, index})).sort((a, b) => a.p - b.p);
  const significant = p_values.map(() => false);
  for (const [rank, {p, index}] of ascending.entries()) {
    if (p > alpha / (p_values.length - rank)) break;
    significant[index] = true;
  }
  return significant;
}

import type {Claim} from './claims.ts';

export type Verdict = {holds: boolean; reduction_ratio: number};

/**
 * Whether the reduction is what was claimed: at least as much before, and no more afterwards. Of times, which are
 * another machine's, only the least share that the claim saves is asked for.
 */
export function verdictOf(
  {figure, before, after}: Claim,
  measured: {before: number; after: number},
): Verdict {
  const reduction_ratio = measured.before === 0 ? 0 : 1 - measured.after / measured.before;
  if (figure === 'time_ms') {
    return {holds: reduction_ratio >= 1 - after[1] / before[0], reduction_ratio};
  }
  const isAsMuch = Math.round(measured.before) >= before[0];
  return {holds: isAsMuch && Math.round(measured.after) <= after[1], reduction_ratio};
}

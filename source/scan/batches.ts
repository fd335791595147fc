import type {Cost} from './evaluate/cost.ts';
import {fineParallel} from './rules.ts';

/** `for (const ids of chunk(all, 100))`, `for (let i = 0; i < n; i += 100)`: a loop over batches is the remedy. */
export const areBatches =
  /\b\w*(?:chunks|batches|chunked\w*)$|\bchunk\w*(?:<[^()]*>)?\(|^(?:await )?[\w.]*(?:chunks|batches)(?:<[^()]*>)?\(|\+=(?!\s*1\b)/i;

/** The items of one batch, or as many workers as may run concurrently. */
const isNamed =
  /^(?:\w*(?:[cC]hunk|[bB]atch))$|\.slice\([^,()]+,|^Array\.from\(\{ ?length: ?(?:Math\.min\( ?)?\w*(?:[cC]oncurrency|[wW]orkers?)\b/;

/** `over` is its text. A number in Math.min bounds it only if so many concurrent queries are no issue. */
export function isBatch(over: string): boolean {
  const most = mostItems(over);
  return isNamed.test(over) || (most !== null && most <= fineParallel);
}

/** How many items `Array.from({length: Math.min(3, ids.length)})` has at most; null if no number there bounds it. Long text is cut. */
export function mostItems(over: string): number | null {
  const [, first, last] =
    /^Array\.from\(\{ ?length: ?Math\.min\( ?(?:(\d+), ?[^()]*?|[^()]*, ?(\d+)) ?(?:\) ?(?:\}|…$)|(?<!\d)…$)/.exec(
      over,
    ) ?? [];
  const number = first ?? last;
  return number === undefined ? null : Number(number);
}

/** `while (true) { findMany({take, cursor}) }` reads page by page, or writes a batch per pass. */
export function isPagingBody(cost: Cost): boolean {
  if (cost.kind === 'query') return /Many/.test(cost.query.operation);
  if (cost.kind === 'branch') return cost.parts.some(isPagingBody);
  return cost.kind === 'sequence' && cost.parts.some(isPagingBody);
}

import type {Random} from '../../../source/core/random.ts';

/** A statement that an application sends `calls` times, with other values each time. */
export type Statement = {calls: number; text: string; values(random: Random): unknown[]};

const dayMs = 86_400_000;

export function daysAgo(days: number): Date {
  return new Date(Date.now() - days * dayMs);
}

/** A number from 1 to count, low ones more often, like in the rows. */
export function oftenFirst(random: Random, count: number): number {
  return 1 + Math.floor(count * (random.below(10_000) / 10_000) ** 3);
}

/** Different numbers from 1 to count. */
export function several(random: Random, howMany: number, count: number): number[] {
  const first = random.below(count - howMany);
  return Array.from({length: howMany}, (_, index) => 1 + first + index);
}

/** `$from, $from+1, …` */
export function parameters(from: number, howMany: number): string {
  return Array.from({length: howMany}, (_, index) => `$${from + index}`).join(',');
}

import type {Cell} from './measure.ts';

/**
 * A cell cut into at most `count` parts that run at the same time: each has its instances, and of the users, the
 * requests and the arrivals what falls to them. No part is without a user.
 */
export function shareCell(cell: Cell, count: number): Cell[] {
  const {instances, concurrency, requests, rate} = cell;
  const parts = Math.min(count, instances, concurrency);
  const ends = Array.from({length: parts + 1}, (_, part) => Math.round((instances * part) / parts));
  return Array.from({length: parts}, (_, part) => {
    const [from = 0, to = 0] = [ends[part], ends[part + 1]];
    const shareOf = (total: number) =>
      Math.round((total * to) / instances) - Math.round((total * from) / instances);
    return {
      ...cell,
      instances: to - from,
      concurrency: shareOf(concurrency),
      requests: requests === null ? null : shareOf(requests),
      rate: rate === null ? null : (rate * (to - from)) / instances,
    };
  });
}

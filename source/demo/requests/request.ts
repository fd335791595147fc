import type {Query} from '../prisma-sql.ts';
import type {Random} from '../random.ts';

type Row = Record<string, unknown>;

/** Sends a statement on any connection of the instance's pool. */
export type Send = (query: Query) => Promise<Row[]>;

/** What an endpoint does for one call of it. `weight` is how often it is called, against the others'. */
export type Request = {route: string; weight: number; run(send: Send, random: Random): Promise<void>};

/** Weighted choice. */
export function chooseRequest(requests: readonly Request[], random: Random): Request {
  const tickets = requests.flatMap(request => Array<Request>(request.weight).fill(request));
  return random.oneOf(tickets);
}

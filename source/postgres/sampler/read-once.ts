import {setTimeout as sleep} from 'node:timers/promises';
import type {Snapshot} from '../../model/snapshot.ts';
import type {Connection} from '../connect/connect.ts';
import {withDeadline} from '../deadline.ts';
import {createReader, type ReadRequest} from './reader.ts';
import {createReadingPlan} from './reading-plan.ts';

/** Statements whose texts a single read fetches: the costliest. */
const statementsWithText = 100;

/**
 * One complete snapshot: sessions, slots, statements and the texts of the costliest. With `rates_over_ms` the server is
 * read again after that time, and rates are of the time between. Throws the server's errors, and AbortError (exit 3) if
 * it does not answer within `deadline_ms`.
 */
export async function readOnce(
  connection: Connection,
  {rates_over_ms, deadline_ms = 30_000}: {rates_over_ms: number | null; deadline_ms?: number | undefined},
): Promise<Snapshot> {
  const plan = createReadingPlan(() => performance.now(), connection.server_version_num);
  const reader = createReader(connection, () => performance.now());
  const read = (request: ReadRequest) => withDeadline(reader.read(request), deadline_ms);
  await read(plan.first());
  let snapshot = await read(plan.second());
  if (rates_over_ms !== null) {
    await sleep(rates_over_ms);
    snapshot = await read(plan.tick(reader, {statements: true, queryids: []}));
  }
  const queryids = snapshot.statements.slice(0, statementsWithText).map(({queryid}) => queryid);
  const texts = plan.texts(reader, {statements: true, queryids});
  // Texts only: counters read again at once would give rates over a few milliseconds.
  return texts === null ? snapshot : read(texts);
}

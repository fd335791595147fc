import {setTimeout as sleep} from 'node:timers/promises';
import type {Snapshot} from '../../model/snapshot.ts';
import type {Connection} from '../connect/connect.ts';
import {withDeadline} from '../deadline.ts';
import {createReader, type ReadRequest} from './reader.ts';
import {createReadingPlan} from './reading-plan.ts';

/** Texts a single reading brings along: the costliest statements'. */
const textsOfCostliest = 100;

/**
 * One whole reading: sessions, slots, statements and the texts of the costliest. With `rates_over_ms` a second
 * one follows so much later, and rates are of the time between. Throws what the server answers, and AbortError
 * where it does not within `deadline_ms`.
 */
export async function readOnce(
  connection: Connection,
  {rates_over_ms, deadline_ms = 30_000}: {rates_over_ms: number | null; deadline_ms?: number | undefined},
): Promise<Snapshot> {
  const plan = createReadingPlan(() => performance.now(), connection.server_version_num);
  const reader = createReader(connection, () => performance.now());
  const read = (wanted: ReadRequest) => withDeadline(reader.read(wanted), deadline_ms);
  await read(plan.first());
  let snapshot = await read(plan.second());
  if (rates_over_ms !== null) {
    await sleep(rates_over_ms);
    snapshot = await read(plan.tick(reader, {statements: true, queryids: []}));
  }
  const queryids = snapshot.statements.slice(0, textsOfCostliest).map(({queryid}) => queryid);
  const texts = plan.texts(reader, {statements: true, queryids});
  // Texts alone: numbers read once more right away would have rates of a few milliseconds.
  return texts === null ? snapshot : read(texts);
}

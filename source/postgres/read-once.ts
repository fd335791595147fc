import {setTimeout as sleep} from 'node:timers/promises';
import type {Snapshot} from '../core/snapshot.ts';
import type {Connection} from './connect.ts';
import {createReader} from './reader.ts';
import {createReadingPlan} from './reading-plan.ts';

/** Texts a single reading brings along: the costliest statements'. */
const textsOfCostliest = 100;

/**
 * One whole reading: sessions, slots, statements and the texts of the costliest. With `rates_over_ms` a second
 * one follows so much later, and rates are of the time between. Throws what the server answers.
 */
export async function readOnce(
  connection: Connection,
  {rates_over_ms}: {rates_over_ms: number | null},
): Promise<Snapshot> {
  const plan = createReadingPlan(() => performance.now(), connection.server_version_num);
  const reader = createReader(connection, () => performance.now());
  await reader.read(plan.first());
  let snapshot = await reader.read(plan.second());
  if (rates_over_ms !== null) {
    await sleep(rates_over_ms);
    snapshot = await reader.read(plan.tick(reader, {statements: true, queryids: []}));
  }
  const queryids = snapshot.statements.slice(0, textsOfCostliest).map(({queryid}) => queryid);
  const texts = plan.texts(reader, {statements: true, queryids});
  // Texts alone: numbers read once more right away would have rates of a few milliseconds.
  return texts === null ? snapshot : reader.read(texts);
}

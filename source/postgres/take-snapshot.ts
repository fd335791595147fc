import type {Snapshot} from '../core/snapshot.ts';
import {createReader, nothingWanted, type ReadableConnection} from './reader.ts';
import {createReadingPlan} from './reading-plan.ts';

/**
 * One whole reading, the texts of its statements included; with `rates_over_ms`, a second one that much later, so
 * that it says what happens per second. Throws what the server answers.
 */
export async function takeSnapshot(
  connection: ReadableConnection,
  options: {rates_over_ms: number | null; sleep: (ms: number) => Promise<void>},
): Promise<Snapshot> {
  const now = () => performance.now();
  const reader = createReader(connection, now);
  const plan = createReadingPlan(now, connection.server_version_num);
  await reader.read(plan.first());
  let snapshot = await reader.read(plan.second());
  const lacking = reader.statements()?.lackingTexts(snapshot.statements.map(({queryid}) => queryid)) ?? [];
  if (lacking.length > 0) {
    const texts = {numbers: false, scan: false, texts: lacking};
    snapshot = await reader.read({...nothingWanted, statements: texts});
  }
  if (options.rates_over_ms === null) return snapshot;
  await options.sleep(options.rates_over_ms);
  const numbers = {numbers: true, scan: false, texts: null};
  return reader.read({
    ...nothingWanted,
    activity: true,
    databases: true,
    lock_waits: true,
    statements: numbers,
  });
}

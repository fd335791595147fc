import type {IdReading, IdUsage} from '../../model/server-facts.ts';

/** A rate of a day: what is used at night and at noon evens out. */
const longest_ms = 24 * 3_600_000;

/** Of the readings of a day so many are kept. */
const apart_ms = 600_000;

/** Shorter, a rate says nothing of hours to come; the control file has its time in seconds. */
const shortest_ms = 30_000;

/** The readings to compare later ones with, `now` among them: of the same server, at most a day old, oldest first. */
export function keepReadings(earlier: readonly IdReading[], now: IdReading): IdReading[] {
  const kept = earlier.filter(
    each =>
      each.system_identifier === now.system_identifier &&
      each.next_xid <= now.next_xid &&
      msBetween(each, now) >= 0 &&
      msBetween(each, now) <= longest_ms,
  );
  const last = kept.at(-1);
  return last === undefined || msBetween(last, now) >= apart_ms ? [...kept, now] : kept;
}

/** How many ids are used, over the longest time that is known: of poolctl's own readings, or since the last checkpoint began. */
export function idUsage(
  readings: readonly IdReading[],
  {now, checkpoint}: {now: IdReading; checkpoint: IdReading | null},
): IdUsage {
  const {at, next_xid, next_multixact} = now;
  const known = [
    ...readings.slice(0, 1).map(reading => ({reading, is_checkpoint: false})),
    ...(checkpoint === null || checkpoint.next_xid > next_xid
      ? []
      : [{reading: checkpoint, is_checkpoint: true}]),
  ]
    .map(each => ({...each, interval_ms: msBetween(each.reading, now)}))
    .filter(({interval_ms}) => interval_ms >= shortest_ms)
    .sort((a, b) => b.interval_ms - a.interval_ms);
  const [longest] = known;
  if (longest === undefined) return {at, next_xid, next_multixact, since: null};
  const {interval_ms, is_checkpoint, reading} = longest;
  return {
    ...{at, next_xid, next_multixact},
    since: {
      ...{interval_ms, is_checkpoint},
      xids: next_xid - reading.next_xid,
      // Multixact ids wrap around after 2^32.
      multixacts: (next_multixact - reading.next_multixact + 2 ** 32) % 2 ** 32,
    },
  };
}

function msBetween(one: IdReading, other: IdReading): number {
  return Date.parse(other.at) - Date.parse(one.at);
}

import {countersOf} from '../core/activity/statement-window.ts';
import type {WholeRecording} from '../core/assessment/whole-recording.ts';
import {indexAt} from '../core/text/time.ts';
import type {ConsolePorts} from './ports.ts';
import type {PastRead} from './state/past.ts';

/** Snapshots read before the requested one, for the charts. */
const snapshotsBefore = 119;

/** An outage is a stop between the snapshots before and after it, and comes with those before. */
export async function readPast(
  {past}: ConsolePorts,
  {at_ms, by}: {at_ms: number; by: number},
): Promise<Omit<PastRead, 'kind'>> {
  const recording = await past.recording();
  const times = recording.times();
  const stops = [
    ...times.map((time, index) => ({at_ms: time.at_ms, index, outage: null})),
    ...recording
      .outages()
      .map(outage => ({at_ms: outage.at_ms, index: Math.max(0, indexAt(times, outage.at_ms)), outage})),
  ].sort((a, b) => a.at_ms - b.at_ms);
  const stop = stops[Math.max(0, Math.min(stops.length - 1, indexAt(stops, at_ms) + by))];
  const {index, outage} = stop ?? {index: 0, outage: null};
  const snapshots = await recording.read(Math.max(0, index - snapshotsBefore), index);
  // A recording is opened at 0.
  const isBefore = at_ms > 0 && stops[0] !== undefined && at_ms < stops[0].at_ms;
  return {times, snapshots, outage, ...(isBefore && {is_before_first: true as const})};
}

/** The first frame of a console has no statements yet. */
const mostWithoutStatements = 3;

/** What a window that begins at `at_ms` is compared with; null if no statements are kept. */
export async function readBase({past}: ConsolePorts, {at_ms}: {at_ms: number}) {
  const recording = await past.recording();
  const times = recording.times();
  const from = Math.max(0, indexAt(times, at_ms));
  const snapshots = await recording.read(from, Math.min(times.length - 1, from + mostWithoutStatements));
  const first = snapshots.find(({statements_info}) => statements_info !== null);
  return first === undefined ? null : {...countersOf(first), is_oldest: from === 0};
}

/** Imported late, since the first frame does not need it. */
export async function readWholeRecording({past}: ConsolePorts): Promise<WholeRecording> {
  const {readWhole} = await import('../core/assessment/whole-recording.ts');
  return readWhole(await past.recording(), () => new Promise(resolve => setImmediate(resolve)));
}

import type {HistorySample} from '../../core/activity/budget.ts';
import type {LoadHistory} from '../../core/activity/session-load.ts';
import type {WholeRecording} from '../../core/assessment/whole-recording.ts';
import {timeOfDay} from '../../core/text/clock.ts';
import {indexAt} from '../../core/text/time.ts';
import type {Sample} from '../../model/assessment.ts';
import type {Outage, RecordedAt} from '../../model/ports.ts';
import type {Snapshot} from '../../model/snapshot.ts';

export type PastSlice = {
  /** null while the screen is live. */
  past: Past | null;
};

/** The past is shown. */
export type Past = {
  /** The recorded snapshots with the severity of their findings. */
  times: readonly RecordedAt[];
  /** Time of the snapshot or outage shown, by the server's clock. */
  at_ms: number;
  /** The server could not be read at that time: the snapshot shown is from before. */
  outage: Outage | null;
  isPlaying: boolean;
  /** Recorded seconds per second. */
  speed: number;
  /** What L returns to; null in a recording. */
  now: Shown | null;
  /** Of a recording, once a view has asked for it; null before. That of the last hour is known. */
  whole: WholeRecording | null;
};

/** The part of the reading slice that depends on the time shown. */
type Shown = {
  snapshot: Snapshot | null;
  history: HistorySample[];
  trends: Record<string, number[]>;
  samples: readonly Sample[];
  load: LoadHistory;
};

/** `is_before_first`: nothing is kept of the time that was asked for; the first snapshot is shown. */
export type PastRead = {
  kind: 'past-read';
  times: readonly RecordedAt[];
  snapshots: Snapshot[];
  outage: Outage | null;
  is_before_first?: true;
};

export type PastEvent = PastRead | {kind: 'whole-recording'; whole: WholeRecording} | {kind: 'play-on'};

export type PastEffect =
  /** The last snapshot at or before `at_ms`, moved by `by` snapshots. */
  | {kind: 'read-past'; at_ms: number; by: number}
  | {kind: 'read-whole-recording'}
  | {kind: 'play-on'; after_ms: number}
  /** Ignores what is still being read of the past, and stops playing. */
  | {kind: 'cancel-past'}
  | {kind: 'write-out'; file: string | null};

type Updated<State> = {state: State; effects: PastEffect[]};

/** Limits while playing: the longest pause over a gap, and the shortest time between frames. */
const longestWaitMs = 2000;
const shortestWaitMs = 100;
const speeds = [1, 2, 5, 10, 30, 60, 300];

export function createPast(isRecording: boolean): PastSlice {
  return {
    past: isRecording
      ? {times: [], at_ms: 0, outage: null, isPlaying: true, speed: 1, now: null, whole: null}
      : null,
  };
}

/** What a view asks for that shows more of a recording than the snapshots read for the charts. */
export function requestWhole({past}: PastSlice): PastEffect[] {
  return past?.now === null && past.whole === null ? [{kind: 'read-whole-recording'}] : [];
}

/** Shown until the first snapshot of the past is. */
export const readingPast = 'reading the last hour';

/** Goes to another snapshot of the past and stops playing; while the screen is live, only backwards. */
export function goInTime<State extends PastSlice & Shown>(
  state: State,
  to: {by: number} | {by_ms: number} | {at_ms: number},
): Updated<State> {
  const {past, snapshot} = state;
  const here_ms = past?.at_ms ?? (snapshot === null ? null : Date.parse(snapshot.at));
  if (here_ms === null) return {state, effects: []};
  if (past === null && (('by' in to && to.by > 0) || ('by_ms' in to && to.by_ms > 0)))
    return {state, effects: []};
  const stopped = past === null ? state : {...state, past: {...past, isPlaying: false}};
  const at_ms = 'at_ms' in to ? to.at_ms : 'by_ms' in to ? here_ms + to.by_ms : here_ms;
  const last_ms = past?.times.at(-1)?.at_ms;
  const isBeyond = 'by' in to ? to.by > 0 && here_ms === last_ms : last_ms !== undefined && at_ms > last_ms;
  if (past?.now && isBeyond) return backToNow(state);
  return {state: stopped, effects: [{kind: 'read-past', at_ms, by: 'by' in to ? to.by : 0}]};
}

/** Shows a snapshot of the past with the charts before it, and goes on playing. */
export function showPast<State extends PastSlice & Shown>(
  state: State,
  {times, outage}: Pick<Past, 'times' | 'outage'>,
  shown: Shown & {snapshot: Snapshot},
): Updated<State> {
  const {snapshot, history, trends, samples, load} = state;
  const fresh = {isPlaying: false, speed: 1, now: {snapshot, history, trends, samples, load}, whole: null};
  const at_ms = outage?.at_ms ?? Date.parse(shown.snapshot.at);
  const past: Past = {...(state.past ?? fresh), times, at_ms, outage};
  const next = {...state, ...shown, past};
  return past.isPlaying ? scheduleNext(next, past) : {state: next, effects: []};
}

/** Requests the next snapshot while the past plays. */
export function playOn<State extends PastSlice>(state: State): Updated<State> {
  const {past} = state;
  if (!past?.isPlaying) return {state, effects: []};
  return {state, effects: [{kind: 'read-past', at_ms: past.at_ms, by: nextStep(past).by}]};
}

/** `p` in the past: plays or stops. */
export function togglePlaying<State extends PastSlice & Shown>(state: State, past: Past): Updated<State> {
  const toggled = {...past, isPlaying: !past.isPlaying};
  const next = {...state, past: toggled};
  return toggled.isPlaying ? scheduleNext(next, toggled) : {state: next, effects: []};
}

/** `+` and `-` in the past. */
export function changeSpeed<State extends PastSlice & Shown>(
  state: State,
  past: Past,
  faster: boolean,
): Updated<State> {
  const others = speeds.filter(speed => (faster ? speed > past.speed : speed < past.speed));
  return setSpeed(state, past, (faster ? others[0] : others.at(-1)) ?? past.speed);
}

export function setSpeed<State extends PastSlice & Shown>(
  state: State,
  past: Past,
  speed: number,
): Updated<State> {
  const changed = {...past, speed};
  const next = {...state, past: changed};
  return past.isPlaying ? scheduleNext(next, changed) : {state: next, effects: []};
}

/** Shows the newest snapshot again, with charts that include the time in between. */
export function backToNow<State extends PastSlice & Shown>(state: State): Updated<State> {
  const {past} = state;
  if (!past?.now) return {state, effects: []};
  return {state: {...state, ...past.now, past: null}, effects: [{kind: 'cancel-past'}]};
}

/** Schedules the next snapshot while the past plays; at its end returns to now, or stops. */
function scheduleNext<State extends PastSlice & Shown>(state: State, past: Past): Updated<State> {
  const {by, wait_ms} = nextStep(past);
  if (by > 0) return {state, effects: [{kind: 'play-on', after_ms: wait_ms}]};
  return past.now === null
    ? {state: {...state, past: {...past, isPlaying: false}}, effects: []}
    : backToNow(state);
}

/** By how many snapshots to go on, and after how long; `by` is 0 at the end. */
function nextStep({times, at_ms, speed}: Past): {by: number; wait_ms: number} {
  const index = indexAt(times, at_ms);
  const next = times[index + 1];
  if (next === undefined) return {by: 0, wait_ms: 0};
  const wait_ms = Math.min(longestWaitMs, (next.at_ms - at_ms) / speed);
  if (wait_ms >= shortestWaitMs) return {by: 1, wait_ms};
  return {by: Math.max(1, indexAt(times, at_ms + shortestWaitMs * speed) - index), wait_ms: shortestWaitMs};
}

/** Keeps what L returns to up to date while the past is shown. */
export function keepNow<State extends PastSlice>(state: State, past: Past, now: Shown): State {
  return past.now === null ? state : {...state, past: {...past, now}};
}

/** `no reading from 14:03:20 to 14:04:02: connection lost`. */
export function outageText({at_ms, until_ms, message}: Outage): string {
  const end = until_ms === null ? 'on' : `to ${timeOfDay(until_ms)}`;
  return `no snapshot from ${timeOfDay(at_ms)} ${end}: ${message}`;
}

/** Why nothing can be changed while the past is shown. */
export function whyNotInPast({now, at_ms}: Past): string {
  return now === null
    ? 'this is a recording: no recipe can be run on it'
    : `this is ${timeOfDay(at_ms)}: press L for the live view before you change anything`;
}

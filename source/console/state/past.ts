import {pushSample} from '../../core/activity/budget.ts';
import {indexAt} from '../../core/text/time.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {diagnose, pushTrends} from './findings.ts';
import type {Effect, Event} from './messages.ts';
import type {ConsoleState, Past} from './state.ts';
import {noEffects, type UpdateResult} from './update-result.ts';

/** Limits while playing: the longest pause over a gap, and the shortest time between frames. */
const longestWaitMs = 2000;
const shortestWaitMs = 100;
const speeds = [1, 2, 5, 10, 30, 60, 300];

/** Goes to another snapshot of the past and stops playing; from now, only back. */
export function goInTime(
  state: ConsoleState,
  way: {by: number} | {by_ms: number} | {at_ms: number},
): UpdateResult {
  const {past, snapshot} = state;
  const here_ms = past?.at_ms ?? (snapshot === null ? null : Date.parse(snapshot.at));
  if (here_ms === null) return noEffects(state);
  if (past === null && (('by' in way && way.by > 0) || ('by_ms' in way && way.by_ms > 0)))
    return noEffects(state);
  const stopped = past === null ? state : {...state, past: {...past, isPlaying: false}};
  const at_ms = 'at_ms' in way ? way.at_ms : 'by_ms' in way ? here_ms + way.by_ms : here_ms;
  const last_ms = past?.moments.at(-1)?.at_ms;
  const isBeyond = 'by' in way ? way.by > 0 && here_ms === last_ms : last_ms !== undefined && at_ms > last_ms;
  if (past?.now && isBeyond) return backToNow(state);
  return {state: stopped, effects: [{kind: 'read-past', at_ms, by: 'by' in way ? way.by : 0}]};
}

/** Shows a snapshot of the past, with those before it for the charts. */
export function handlePastRead(
  state: ConsoleState,
  event: Extract<Event, {kind: 'past-read'}>,
): UpdateResult {
  const {moments, snapshots} = event;
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined)
    return noEffects({...state, notice: {text: 'no snapshot is kept for that time', severity: 'info'}});
  const {history, trends} = state;
  const fresh: Past = {
    moments,
    at_ms: 0,
    isPlaying: false,
    speed: 1,
    now: {snapshot: state.snapshot, history, trends},
  };
  const past: Past = {...(state.past ?? fresh), moments, at_ms: Date.parse(snapshot.at)};
  const next = diagnose({
    ...state,
    past,
    snapshot,
    targetName: snapshot.target.id,
    history: snapshots.reduce(pushSample, [] as ConsoleState['history']),
    trends: snapshots.reduce(pushTrends, {} as ConsoleState['trends']),
  });
  return past.isPlaying ? goOn(next, past) : noEffects(next);
}

/** Requests the next snapshot while the past plays. */
export function playOn(state: ConsoleState): UpdateResult {
  const {past} = state;
  if (!past?.isPlaying) return noEffects(state);
  const {by} = nextStep(past);
  return {state, effects: [{kind: 'read-past', at_ms: past.at_ms, by}]};
}

/** `p` in the past: plays or stops. */
export function togglePlaying(state: ConsoleState, past: Past): UpdateResult {
  const isPlaying = !past.isPlaying;
  const toggled = {...state, past: {...past, isPlaying}};
  return isPlaying ? goOn(toggled, toggled.past) : noEffects(toggled);
}

/** `+` and `-` in the past. */
export function changeSpeed(state: ConsoleState, past: Past, faster: boolean): UpdateResult {
  const others = speeds.filter(speed => (faster ? speed > past.speed : speed < past.speed));
  return setSpeed(state, past, (faster ? others[0] : others.at(-1)) ?? past.speed);
}

export function setSpeed(state: ConsoleState, past: Past, speed: number): UpdateResult {
  const next = {...state, past: {...past, speed}};
  return past.isPlaying ? goOn(next, next.past) : noEffects(next);
}

/** Shows the newest snapshot again, with charts that include the time in between. */
export function backToNow(state: ConsoleState): UpdateResult {
  const {past} = state;
  if (!past?.now) return noEffects(state);
  return noEffects(diagnose({...state, ...past.now, past: null}));
}

function goOn(state: ConsoleState, past: Past): UpdateResult {
  const step = nextStep(past);
  if (step.by > 0) return {state, effects: [{kind: 'play-on', after_ms: step.wait_ms} satisfies Effect]};
  return past.now === null ? noEffects({...state, past: {...past, isPlaying: false}}) : backToNow(state);
}

/** By how many snapshots to go on, and after how long; `by` is 0 at the end. */
function nextStep({moments, at_ms, speed}: Past): {by: number; wait_ms: number} {
  const index = indexAt(moments, at_ms);
  const next = moments[index + 1];
  if (next === undefined) return {by: 0, wait_ms: 0};
  const wait_ms = Math.min(longestWaitMs, (next.at_ms - at_ms) / speed);
  if (wait_ms >= shortestWaitMs) return {by: 1, wait_ms};
  return {by: Math.max(1, indexAt(moments, at_ms + shortestWaitMs * speed) - index), wait_ms: shortestWaitMs};
}

/** Keeps the newest snapshot of a live console while the past is shown. */
export function keepNow(state: ConsoleState, past: Past, snapshot: Snapshot): ConsoleState {
  if (past.now === null) return state;
  const {history, trends} = past.now;
  const now = {snapshot, history: pushSample(history, snapshot), trends: pushTrends(trends, snapshot)};
  return {...state, past: {...past, now}};
}

import type {StatementCounters} from '../../core/activity/rates.ts';
import {
  countersOf,
  type StatementWindow,
  statementWindows,
  windowMs,
} from '../../core/activity/statement-window.ts';
import type {Snapshot} from '../../model/snapshot.ts';

/** The time that the figures of statements are over. */
export type WindowSlice = {
  window: StatementWindow;
  /** The counters that a window of minutes begins with; null until they are read. */
  windowBase: WindowBase | null;
  /** The time of the counters for which the base was last requested; null if it was not. */
  windowAsked_ms: number | null;
};

/** `is_oldest`: nothing older is kept, so that the window is shorter than it is named. */
type WindowBase = StatementCounters & {is_oldest: boolean};

export type WindowEvent = {kind: 'window-read'; asked_ms: number; base: WindowBase | null};

/** The last snapshot at or before `at_ms`. */
export type WindowEffect = {kind: 'read-window'; asked_ms: number; at_ms: number};

export function createWindow(): WindowSlice {
  return {window: 'readings', windowBase: null, windowAsked_ms: null};
}

export function setWindow<State extends WindowSlice>(state: State, window: StatementWindow): State {
  return window === state.window ? state : {...state, window, windowBase: null, windowAsked_ms: null};
}

/** `isByClock`: two readings are no window there, they are shown as the last minute. */
export function nextWindow({window}: WindowSlice, isByClock = false): StatementWindow {
  const windows = isByClock ? statementWindows.slice(1) : statementWindows;
  const at = Math.max(0, windows.indexOf(window));
  return windows[(at + 1) % windows.length] ?? '1min';
}

/** A window may be this much longer or shorter than it is named, so that its beginning is not read at every refresh. */
const slack = 0.05;

/** Requests what the window begins with, where the snapshot shown has moved away from it. */
export function requestBase<State extends WindowSlice & {snapshot: Snapshot | null}>(
  state: State,
): {state: State; effects: WindowEffect[]} {
  const {window, windowBase: base, windowAsked_ms: asked_ms, snapshot} = state;
  const window_ms = windowMs[window];
  if (window_ms === null || snapshot === null) return {state, effects: []};
  const now_ms = countersOf(snapshot).at_ms;
  const span_ms = base === null ? 0 : now_ms - base.at_ms;
  const isLong = span_ms > window_ms * (1 + slack);
  const isShort = span_ms < window_ms * (1 - slack) && !base?.is_oldest;
  const isKnown = base !== null && span_ms > 0 && !isLong && !isShort;
  const isAsked = asked_ms !== null && Math.abs(now_ms - asked_ms) < (window_ms * slack) / 2;
  if (isKnown || isAsked) return {state, effects: []};
  // After a leap in time the figures are those of the last two readings until the base is read.
  const isNear = span_ms > 0 && span_ms < window_ms * 2;
  return {
    state: {...state, windowBase: isNear ? base : null, windowAsked_ms: now_ms},
    effects: [{kind: 'read-window', asked_ms: now_ms, at_ms: now_ms - window_ms}],
  };
}

export function takeBase<State extends WindowSlice>(state: State, {asked_ms, base}: WindowEvent): State {
  return asked_ms === state.windowAsked_ms ? {...state, windowBase: base} : state;
}

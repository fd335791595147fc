import type {UsualRates} from '../../model/change-log.ts';
import {thresholds} from '../health/thresholds.ts';
import {formatCount, formatMs} from '../text/format.ts';

/** With fewer windows or calls than these, the usual rate is unknown. */
const leastWindows = 2;
const leastCalls = 5;
const leastOftenCalls = 30;
/** Faster statements, and those that keep one session busy for a smaller share of the time, are not reported. */
const leastMeanMs = 1;
const leastBusyRatio = 0.02;
/** A statement called in `steadyWindows` consecutive windows is gone after `silentWindows` without a call. */
const steadyWindows = 6;
export const silentWindows = 4;
/** By window: after a quarter of an hour a peak counts 40 %. */
const fading = 0.97;
const weightOfNew = 0.3;

/** What a statement did in a window. */
type Did = {calls: number; exec_ms: number; interval_ms: number};

export const unknownRates: UsualRates = {
  windows: 0,
  calls_per_second: 0,
  mean_ms: 0,
  peak_calls_per_second: 0,
  peak_mean_ms: 0,
  steady_windows: 0,
  silent_windows: 0,
  is_gone: false,
};

export function nextRates(before: UsualRates, {calls, exec_ms, interval_ms}: Did): UsualRates {
  const windows = before.windows + 1;
  const peak_calls_per_second = before.peak_calls_per_second * fading;
  if (calls === 0) {
    const silent_windows = before.silent_windows + 1;
    const is_gone = before.is_gone || (silent_windows >= silentWindows && wasSteady(before));
    return {...before, windows, peak_calls_per_second, silent_windows, is_gone};
  }
  const calls_per_second = (calls * 1000) / interval_ms;
  const mean_ms = exec_ms / calls;
  const blend = (usual: number, now: number) => (usual === 0 ? now : usual + (now - usual) * weightOfNew);
  return {
    windows,
    calls_per_second: blend(before.calls_per_second, calls_per_second),
    mean_ms: blend(before.mean_ms, mean_ms),
    peak_calls_per_second: Math.max(calls_per_second, peak_calls_per_second),
    peak_mean_ms: Math.max(mean_ms, before.peak_mean_ms * fading),
    steady_windows: before.silent_windows > 0 ? 1 : before.steady_windows + 1,
    silent_windows: 0,
    is_gone: false,
  };
}

function wasSteady({steady_windows, calls_per_second}: UsualRates): boolean {
  return steady_windows >= steadyWindows && calls_per_second >= 1;
}

export const gone = 'is gone';

/** How it differs from its earlier windows; null if it does not. */
export function rateChange(
  before: UsualRates,
  now: UsualRates,
  {calls, exec_ms, interval_ms}: Did,
): {event: string; before: string; after: string} | null {
  const perSecond = (rate: number) => `${formatCount(rate)} calls/s`;
  if (now.is_gone !== before.is_gone) {
    const [event, rate] = now.is_gone ? [gone, 0] : ['runs again', (calls * 1000) / interval_ms];
    return {event, before: formatCount(now.is_gone ? before.calls_per_second : 0), after: perSecond(rate)};
  }
  if (before.windows < leastWindows || calls < leastCalls) return null;
  const rate = (calls * 1000) / interval_ms;
  const mean_ms = exec_ms / calls;
  const isOften = calls >= leastOftenCalls && rate >= 1;
  if (isOften && rate >= thresholds.more_frequent_times.warning * before.peak_calls_per_second)
    return {event: 'is more frequent', before: formatCount(before.calls_per_second), after: perSecond(rate)};
  const isCostly = mean_ms >= leastMeanMs && exec_ms / interval_ms >= leastBusyRatio;
  const isSlower =
    before.peak_mean_ms > 0 && mean_ms >= thresholds.slower_than_before_times.warning * before.peak_mean_ms;
  if (isCostly && isSlower)
    return {event: 'is slower', before: formatMs(before.mean_ms), after: `${formatMs(mean_ms)} per call`};
  return null;
}

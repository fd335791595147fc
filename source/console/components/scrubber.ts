import {indexAt, type Moment} from '../../core/tape.ts';
import {type Line, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {Past} from '../state.ts';

/**
 * The time that is kept, from left to right: where something was found, where there is nothing, and where we are.
 * `12:00:00 ──▲▲✖✖──●──── 13:00:00`.
 */
export function drawScrubber(past: Past, width: number, theme: Theme): Line {
  const {moments, at_ms} = past;
  const [first, last] = [moments[0]?.at_ms ?? at_ms, moments.at(-1)?.at_ms ?? at_ms];
  const [from, to] = [` ${clockOf(first)} `, ` ${clockOf(last)} `];
  const cells = Math.max(1, width - from.length - to.length);
  const here = Math.round(((at_ms - first) / Math.max(1, last - first)) * (cells - 1));
  const spans = Array.from({length: cells}, (_, cell) => {
    if (cell === here) return span(theme.symbols.live, 'key');
    const span_ms = (last - first) / cells;
    return cellOf(moments, first + cell * span_ms, first + (cell + 1) * span_ms, theme);
  });
  return {spans: [span(from, 'muted'), ...spans, span(to, 'muted')]};
}

/** A moment on the clock; the day is in the header's way. */
export function clockOf(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(11, 19);
}

/** Readings further apart are a gap. */
const gapMs = 65_000;

function cellOf(moments: readonly Moment[], from_ms: number, to_ms: number, {symbols}: Theme) {
  const last = indexAt(moments, to_ms);
  const here = moments.slice(Math.max(0, indexAt(moments, from_ms)), last + 1);
  const inside = here.filter(({at_ms}) => at_ms >= from_ms);
  if (inside.some(({severity}) => severity === 'critical')) return span(symbols.critical, 'danger');
  if (inside.some(({severity}) => severity === 'warning')) return span(symbols.warning, 'warning');
  const nearest = moments[last]?.at_ms ?? 0;
  return to_ms - nearest > gapMs ? span(' ') : span(symbols.horizontal, 'muted');
}

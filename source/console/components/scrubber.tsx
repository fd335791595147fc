import {timeOfDay} from '../../core/text/clock.ts';
import {indexAt} from '../../core/text/time.ts';
import type {RecordedAt} from '../../model/ports.ts';
import {type Span, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {Past} from '../state/past.ts';
import {useTheme} from './context.ts';
import {Measured} from './measured.tsx';
import {PaintedRow} from './text.tsx';

/**
 * The recorded time from left to right: findings, gaps and the current position.
 * `12:00:00 ──▲▲✖✖──●──── 13:00:00`.
 */
export function Scrubber({past}: {past: Past}) {
  const theme = useTheme();
  return (
    <Measured flexGrow={0} flexShrink={0} flexBasis={1} height={1}>
      {({width}) => <PaintedRow spans={spansOf(past, width, theme)} />}
    </Measured>
  );
}

function spansOf({times, at_ms}: Past, width: number, theme: Theme): Span[] {
  const [first, last] = [times[0]?.at_ms ?? at_ms, times.at(-1)?.at_ms ?? at_ms];
  const [from, to] = [` ${timeOfDay(first)} `, ` ${timeOfDay(last)} `];
  const cells = Math.max(1, width - from.length - to.length);
  const here = Math.round(((at_ms - first) / Math.max(1, last - first)) * (cells - 1));
  const spans = Array.from({length: cells}, (_, cell) => {
    if (cell === here) return span(theme.symbols.live, 'key');
    const span_ms = (last - first) / cells;
    return cellOf(times, first + cell * span_ms, first + (cell + 1) * span_ms, theme);
  });
  return [span(from, 'muted'), ...joinEqual(spans), span(to, 'muted')];
}

/** Neighbours of one role as one span. */
function joinEqual(spans: Span[]): Span[] {
  const joined: Span[] = [];
  for (const {text, role} of spans) {
    const before = joined.at(-1);
    if (before?.role === role) joined[joined.length - 1] = span(before.text + text, role);
    else joined.push(span(text, role));
  }
  return joined;
}

/** Snapshots further apart than this leave a gap. */
const gapMs = 65_000;

/** The worst severity within a cell, or that of the last snapshot before it. */
function cellOf(times: readonly RecordedAt[], from_ms: number, to_ms: number, {symbols}: Theme): Span {
  const last = indexAt(times, to_ms);
  if (to_ms - (times[last]?.at_ms ?? 0) > gapMs) return span(' ');
  const first = Math.min(last, indexAt(times, from_ms));
  const worst = worstSeverity(times.slice(first, last + 1));
  if (worst === 'critical') return span(symbols.critical, 'danger');
  return worst === 'warning' ? span(symbols.warning, 'warning') : span(symbols.horizontal, 'muted');
}

function worstSeverity(times: readonly RecordedAt[]): RecordedAt['severity'] {
  if (times.some(({severity}) => severity === 'critical')) return 'critical';
  return times.some(({severity}) => severity === 'warning') ? 'warning' : null;
}

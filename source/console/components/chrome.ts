import {formatBytes, formatMs, formatVersion} from '../../core/text/format.ts';
import {blankLine, type Line, lineWidth, type Span, span, spread} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {Past} from '../state/past.ts';
import type {ConsoleState} from '../state/state.ts';
import {views} from '../views/index.ts';

/** Environment, role, server, and how fresh: `poolctl staging oncall@db:5432/shop  PG 16.4   ● 2s 3.1ms 34K 14:03:20`. */
export function drawHeader(state: ConsoleState, width: number, theme: Theme): Line {
  const {snapshot, environment, source} = state;
  const where = snapshot ? `${snapshot.target.user}@${snapshot.target.id}` : state.address;
  const version = snapshot
    ? `  PG ${formatVersion(snapshot.target.server_version_num)}${snapshot.target.is_in_recovery ? ' standby' : ''}`
    : '';
  return spread(
    {
      spans: [
        span('poolctl ', 'key'),
        // First, because a long address is cut at its end.
        span(environment === null ? '' : `${environment} `, 'accent'),
        // The address is from a file of the folder, not from the user.
        span(source === '.env' ? '(.env) ' : '', 'warning'),
        span(where, 'strong'),
        span(version, 'muted'),
        span(source === null || source === '.env' ? '' : ` (${source})`, 'muted'),
      ],
    },
    {spans: linkSpans(state, theme)},
    width,
  );
}

function linkSpans(state: ConsoleState, theme: Theme): Span[] {
  const {snapshot, link, past} = state;
  if (past !== null) return pastSpans(past, theme);
  if (link.kind === 'connecting') {
    const stale = snapshot ? `stale ${snapshot.at.slice(11, 19)}, ` : '';
    return [span(` ${theme.symbols.stale} ${stale}connecting `, 'warning')];
  }
  if (link.kind === 'lost') {
    const since = snapshot ? `stale ${snapshot.at.slice(11, 19)} ${link.message}` : 'not connected';
    return [span(` ${theme.symbols.stale} ${since} `, 'danger')];
  }
  const cost = snapshot
    ? ` ${formatMs(snapshot.cost.round_trip_ms)} ${formatBytes(snapshot.cost.response_bytes)}`
    : '';
  const slowed = state.effective_interval_ms > state.interval_ms;
  const interval = `${state.effective_interval_ms / 1000}s${slowed ? ' (slowed)' : ''}`;
  return [
    span(link.another_server === null ? '' : ' another server', 'danger'),
    span(link.viaRescueUrl ? ' via rescue' : '', 'warning'),
    state.isPaused ? span(' paused ', 'warning') : span(` ${theme.symbols.live} `, 'good'),
    span(`${interval}${cost} `, slowed ? 'warning' : 'muted'),
    span(snapshot ? snapshot.at.slice(11, 19) : '', 'muted'),
  ];
}

/** `past  ▶ 10x  2026-11-21 14:03:20`. */
function pastSpans({now, isPlaying, speed, at_ms}: Past, {symbols}: Theme): Span[] {
  const pace = `${speed}x `;
  return [
    span(now === null ? ' recording ' : ' past ', 'warning'),
    isPlaying
      ? span(`${symbols.live} playing ${pace}`, 'good')
      : span(`stopped ${speed === 1 ? '' : pace}`, 'muted'),
    span(`${new Date(at_ms).toISOString().slice(0, 19).replace('T', ' ')}`, 'strong'),
  ];
}

/**
 * The views with their counts, and the filter, tags and frozen order. On a narrow terminal the words are
 * shortened first, then the counts are dropped.
 */
export function drawTabs(state: ConsoleState, width: number, theme: Theme): Line {
  const words: Line = {spans: tableState(state, ' order frozen')};
  const sign: Line = {spans: tableState(state, ` ${theme.symbols.frozen}`)};
  const layouts = [
    {right: words, tabs: {gap: '  ', hasCounts: true}},
    {right: words, tabs: {gap: ' ', hasCounts: true}},
    {right: sign, tabs: {gap: ' ', hasCounts: true}},
    {right: sign, tabs: {gap: ' ', hasCounts: false}},
    {right: sign, tabs: {gap: ' ', hasCounts: false, titleLength: 4}},
  ].map(({right, tabs}) => ({right, left: {spans: tabSpans(state, tabs)}}));
  const fitting = layouts.find(({left, right}) => lineWidth(left) + lineWidth(right) <= width);
  const {left, right} = fitting ?? layouts.at(-1) ?? {left: blankLine, right: blankLine};
  return spread(left, right, width);
}

function tabSpans(
  state: ConsoleState,
  {gap, hasCounts, titleLength}: {gap: string; hasCounts: boolean; titleLength?: number},
): Span[] {
  return views.flatMap((view, index) => {
    const badge = view.badge(state);
    return [
      span(index === 0 ? '' : gap),
      span(`${view.key} `, 'key'),
      span(view.title.slice(0, titleLength), view.id === state.view ? 'heading' : 'plain'),
      ...(badge && (hasCounts || badge.isBad)
        ? [span(` ${badge.text}`, badge.isBad ? 'danger' : 'muted')]
        : []),
    ];
  });
}

/** The filter, the number of tagged rows, and whether the order is frozen. */
function tableState(state: ConsoleState, heldText: string): Span[] {
  const {filter, tagged, frozenOrder} = state.tables[state.view];
  return [
    ...(filter ? [span(` /${filter}`, 'accent')] : []),
    ...(tagged.length > 0 ? [span(` ${tagged.length} tagged`, 'warning')] : []),
    ...(frozenOrder ? [span(heldText, 'muted')] : []),
  ];
}

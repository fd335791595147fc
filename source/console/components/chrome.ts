import {formatBytes, formatMs} from '../../core/format.ts';
import {bindings, modeOf} from '../keymap.ts';
import {fitText, type Line, lineWidth, type Span, span, spread} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state.ts';
import {views} from '../views/index.ts';

/** Who and where, and how fresh: `poolctl  oncall@db:5432/shop  PG 16.4   ● live  2s  3.1ms 34K`. */
export function drawHeader(state: ConsoleState, width: number, theme: Theme): Line {
  const {snapshot} = state;
  const where = snapshot ? `${snapshot.target.user}@${snapshot.target.id}` : state.address;
  const version = snapshot
    ? `  PG ${formatVersion(snapshot.target.server_version_num)}${snapshot.target.is_in_recovery ? ' standby' : ''}`
    : '';
  return spread(
    {spans: [span('poolctl ', 'key'), span(where, 'strong'), span(version, 'muted')]},
    {spans: linkSpans(state, theme)},
    width,
  );
}

/** 150018 is 15.18. */
function formatVersion(versionNum: number): string {
  return `${Math.floor(versionNum / 10_000)}.${versionNum % 10_000}`;
}

function linkSpans(state: ConsoleState, theme: Theme): Span[] {
  const {snapshot, link} = state;
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
    state.isPaused ? span(' paused ', 'warning') : span(` ${theme.symbols.live} `, 'good'),
    span(`${interval}${cost} `, slowed ? 'warning' : 'muted'),
    span(snapshot ? snapshot.at.slice(11, 19) : '', 'muted'),
  ];
}

/** The views and how much there is in each; what is in the way goes first where the terminal is narrow. */
export function drawTabs(state: ConsoleState, width: number): Line {
  const right: Line = {spans: tableState(state)};
  const room = width - lineWidth(right);
  const layouts = [
    {gap: '  ', hasCounts: true},
    {gap: ' ', hasCounts: true},
    {gap: ' ', hasCounts: false},
    {gap: ' ', hasCounts: false, titleLength: 4},
  ];
  const drawn = layouts.map(layout => tabSpans(state, layout));
  const fitting = drawn.find(spans => lineWidth({spans}) <= room) ?? drawn.at(-1) ?? [];
  return spread({spans: fitting}, right, width);
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

/** What bears on the rows shown: the filter, what is tagged, and that the order is held. */
function tableState(state: ConsoleState): Span[] {
  const {filter, tagged, heldOrder} = state.tables[state.view];
  const spans: Span[] = [];
  if (filter) spans.push(span(` /${filter}`, 'accent'));
  if (tagged.length > 0) spans.push(span(` ${tagged.length} tagged`, 'warning'));
  if (heldOrder && state.view !== 'overview') spans.push(span(' order held', 'muted'));
  return spans;
}

/** The notice when there is one, else the prompt, else the keys that matter here. */
export function drawFooter(state: ConsoleState, width: number): Line {
  if (state.overlay?.kind === 'prompt') return drawPrompt(state.overlay, width);
  if (state.notice) {
    const role = state.notice.severity === 'info' ? 'accent' : state.notice.severity;
    return {spans: [span(fitText(` ${state.notice.text}`, width), role)]};
  }
  const always =
    state.link.kind === 'lost' ? [span(` retry in ${formatMs(state.link.retry_in_ms)}`, 'muted')] : [];
  const right: Line = {spans: [...always, ...alwaysShown(state)]};
  const spans: Span[] = [];
  for (const hint of footerHints(state)) {
    const drawn = [span(` ${hint.key}`, 'key'), span(` ${hint.label} `, hint.isDisabled ? 'muted' : 'plain')];
    if (lineWidth({spans: [...spans, ...drawn]}) + lineWidth(right) > width) break;
    spans.push(...drawn);
  }
  return spread({spans}, right, width);
}

/** Help and the way out are never cut off. */
function alwaysShown(state: ConsoleState): Span[] {
  if (modeOf(state) !== 'browse') return [];
  return [span(' ?', 'key'), span(' help '), span(' q', 'key'), span(' quit ')];
}

function footerHints(state: ConsoleState): {key: string; label: string; isDisabled: boolean}[] {
  const mode = modeOf(state);
  return bindings
    .filter(
      binding =>
        binding.label !== '' &&
        binding.modes.includes(mode) &&
        (mode !== 'browse' || binding.views === undefined || binding.views.includes(state.view)),
    )
    .map(binding => ({
      key: binding.keys[0] ?? '',
      label: binding.label,
      isDisabled: binding.disabledBecause !== undefined && binding.disabledBecause(state) !== null,
    }))
    .map(hint => ({
      ...hint,
      key:
        hint.key === 'space'
          ? 'Space'
          : hint.key === 'enter'
            ? 'Enter'
            : hint.key === 'escape'
              ? 'Esc'
              : hint.key,
    }));
}

function drawPrompt(
  prompt: {purpose: 'filter' | 'command'; text: string; error: string | null},
  width: number,
): Line {
  const sign = prompt.purpose === 'filter' ? '/' : ':';
  const hint =
    prompt.error ??
    (prompt.purpose === 'filter'
      ? 'words, column:value, !inverse   Enter keeps it, Esc leaves'
      : 'sessions, sort, filter, interval, quit   Esc leaves');
  return spread(
    {spans: [span(` ${sign}`, 'key'), span(prompt.text, 'strong'), span('▏', 'accent')]},
    {spans: [span(` ${hint} `, prompt.error ? 'danger' : 'muted')]},
    width,
  );
}

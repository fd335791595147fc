import {overlayLines} from './components/overlay-lines.ts';
import {type Page, pageOf} from './components/page.ts';
import {replayLines} from './components/replay-page.ts';
import {blankLine, type Line, line, span, wrapText} from './screen/line.ts';
import type {Theme} from './screen/theme.ts';
import type {ConsoleState} from './state/state.ts';
import type {Area} from './views/view.ts';
import {drawWizard} from './wizard/pages.ts';

/** Whether a view is shown, and no page or dialog on top of it. */
export function showsView({overlay, replay, wizard, snapshot, view}: ConsoleState): boolean {
  if ((overlay !== null && overlay.kind !== 'prompt') || replay !== null || wizard !== null) return false;
  return snapshot !== null || view === 'journal';
}

/** The page or dialog on top of the views. To become components. */
export function drawBody(state: ConsoleState, area: Area, theme: Theme): Page {
  const {overlay, replay, wizard} = state;
  if (overlay && overlay.kind !== 'prompt')
    return pageOf(overlayLines(state, overlay, area.width, theme), overlay.scroll, area.height);
  if (replay) return pageOf(replayLines(replay, area.width, theme), replay.scroll, area.height);
  if (wizard) return drawWizard(state, wizard, area, theme);
  return {lines: drawWaiting(state, area), below: 0};
}

/** Before the first snapshot: what the console waits for, and how to quit. */
function drawWaiting(state: ConsoleState, area: Area): Line[] {
  const message = state.link.kind === 'live' ? 'reading the first snapshot' : state.link.message;
  const role = state.link.kind === 'lost' ? 'danger' : 'strong';
  const hint = state.link.kind === 'lost' ? (state.link.hint ?? '') : '';
  const lines = [
    ...wrapText(message, area.width - 4).map(text => line(span(`  ${text}`, role))),
    ...wrapText(hint, area.width - 4).map(text => line(`  ${text}`)),
  ];
  const above = Array.from(
    {length: Math.max(0, Math.floor((area.height - lines.length) / 2))},
    () => blankLine,
  );
  return [...above, ...lines, line(span('  q quits', 'muted'))];
}

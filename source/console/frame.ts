import {overlayLines} from './components/overlay-lines.ts';
import {type Page, pageOf} from './components/page.ts';
import {replayLines} from './components/replay-page.ts';
import type {Theme} from './screen/theme.ts';
import type {ConsoleState} from './state/state.ts';
import type {Area} from './views/view.ts';
import {drawWizard} from './wizard/pages.ts';

/** The dialog on top of the views. To become components. */
export function drawDialog(state: ConsoleState, area: Area, theme: Theme): Page {
  const {overlay, replay, wizard} = state;
  if (overlay && overlay.kind !== 'prompt')
    return pageOf(overlayLines(state, overlay, area.width, theme), overlay.scroll, area.height);
  if (replay) return pageOf(replayLines(replay, area.width, theme), replay.scroll, area.height);
  if (wizard) return drawWizard(state, wizard, area, theme);
  return {lines: [], below: 0};
}

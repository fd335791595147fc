import type {Line} from '../screen/line.ts';
import {createTheme, type Theme} from '../screen/theme.ts';
import {type ConsoleState, type Guide, type Overlay, rowsAround} from '../state.ts';
import {sessionDetailLines, statementDetailLines} from './detail.ts';
import {guideLines, guideRows} from './guide-pages.ts';
import {helpLines} from './help.ts';
import {lastScroll} from './page.ts';
import {replayLines} from './replay-page.ts';
import {runDetailLines} from './run-detail.ts';

/** What is read on top of a view, as long as it is; it is scrolled where it is longer than the screen. */
export function overlayLines(state: ConsoleState, overlay: Overlay, width: number, theme: Theme): Line[] {
  switch (overlay.kind) {
    case 'help':
      return helpLines(width);
    case 'session':
      return sessionDetailLines(state, overlay, width);
    case 'statement':
      return statementDetailLines(state, overlay, width, theme);
    case 'guide':
      return guideLines(state, overlay.guide, width, theme);
    case 'run':
      return runDetailLines(state, overlay, width, theme);
    case 'replay':
      return replayLines(overlay, width, theme);
    case 'prompt':
      return [];
  }
}

/** How far what is open can be scrolled. */
export function mostScroll(state: ConsoleState): number {
  const {overlay} = state;
  if (overlay === null) return 0;
  const {width, height, theme} = pageArea(state, overlay.kind === 'guide' ? overlay.guide : null);
  return lastScroll(overlayLines(state, overlay, width, theme).length, height);
}

/** The same number of lines whatever they look like. */
const anyTheme = createTheme({});

/** What there is for a page to be shown in, a guide's or any other; and what to measure it with. */
export function pageArea(
  state: ConsoleState,
  guide: Guide | null,
): {width: number; height: number; theme: Theme} {
  const {columns, rows, isProduction} = state;
  const border = isProduction ? 2 : 0;
  const width = columns - border;
  const own = guide === null ? 0 : guideRows(state, guide, width, anyTheme);
  return {width, height: Math.max(0, rows - border - rowsAround(state) - own), theme: anyTheme};
}

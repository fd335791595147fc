import type {Line} from '../screen/line.ts';
import {createTheme, type Theme} from '../screen/theme.ts';
import {type ConsoleState, chromeRows, type Overlay} from '../state.ts';
import {sessionDetailLines, statementDetailLines} from './detail.ts';
import {guideLines, guideRows} from './guide-pages.ts';
import {helpLines} from './help.ts';
import {lastScroll} from './page.ts';
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
    case 'prompt':
      return [];
  }
}

/** The same number of lines whatever they look like. */
const anyTheme = createTheme({});

/** How far what is open can be scrolled. */
export function mostScroll(state: ConsoleState): number {
  const {overlay, columns, rows, isProduction} = state;
  if (overlay === null) return 0;
  const border = isProduction ? 2 : 0;
  const width = columns - border;
  const own = overlay.kind === 'guide' ? guideRows(overlay.guide, width, anyTheme) : 0;
  return lastScroll(overlayLines(state, overlay, width, anyTheme).length, rows - border - chromeRows - own);
}

/** A page's worth of lines, less the few that show where one was. */
export function pageStep({rows}: ConsoleState): number {
  return Math.max(1, rows - 8);
}

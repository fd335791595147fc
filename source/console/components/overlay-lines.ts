import type {Line} from '../screen/line.ts';
import {createTheme, type Theme} from '../screen/theme.ts';
import {type ConsoleState, chromeRows, type Overlay} from '../state.ts';
import {sessionDetailLines, statementDetailLines} from './detail.ts';
import {guideLines} from './guide-pages.ts';
import {helpLines} from './help.ts';
import {lastScroll} from './page.ts';

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
    case 'prompt':
      return [];
  }
}

/** The same number of lines whatever they look like. */
const anyTheme = createTheme({});
/** Where one is, its rule, and the keys: a guide's own rows. */
const guideRows = 3;

/** How far what is open can be scrolled. */
export function mostScroll(state: ConsoleState): number {
  const {overlay, columns, rows, isProduction} = state;
  if (overlay === null) return 0;
  const border = isProduction ? 2 : 0;
  const height = rows - border - chromeRows - (overlay.kind === 'guide' ? guideRows : 0);
  return lastScroll(overlayLines(state, overlay, columns - border, anyTheme).length, height);
}

import {keyName} from '../input/key-meaning.ts';
import {bindings} from '../input/keymap.ts';
import {blankLine, fitLine, type Line, line, span, wrapText} from '../screen/line.ts';
import {createTheme, type Theme} from '../screen/theme.ts';
import type {Overlay} from '../state/dialog.ts';
import type {RecipeWizard} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';
import {wizardLines, wizardRows} from '../wizard/pages.ts';
import {sessionDetailLines, statementDetailLines} from './detail.ts';
import {lastScroll, rowsAround} from './page.ts';
import {replayLines} from './replay-page.ts';
import {runDetailLines} from './run-detail.ts';
import {heading} from './text-lines.ts';

/** All lines of a page on top of a view; it is scrolled where it is longer than the screen. */
export function overlayLines(state: ConsoleState, overlay: Overlay, width: number, theme: Theme): Line[] {
  switch (overlay.kind) {
    case 'help':
      return helpLines(width);
    case 'session':
      return sessionDetailLines(state, overlay, width);
    case 'statement':
      return statementDetailLines(state, overlay, width, theme);
    case 'run':
      return runDetailLines(state, overlay, width, theme);
    case 'prompt':
      return [];
  }
}

/** The last scroll position of the open page. */
export function mostScroll(state: ConsoleState): number {
  const {overlay, replay, wizard} = state;
  const isWizard = overlay === null && replay === null && wizard !== null;
  const {width, height, theme} = pageArea(state, isWizard ? wizard : null);
  return lastScroll(topLines(state, width, theme).length, height);
}

/** All lines of the page on top: a page of a view, or a replay, or the wizard. */
function topLines(state: ConsoleState, width: number, theme: Theme): Line[] {
  const {overlay, replay, wizard} = state;
  if (overlay !== null) return overlayLines(state, overlay, width, theme);
  if (replay !== null) return replayLines(replay, width, theme);
  return wizard === null ? [] : wizardLines(state, wizard, width, theme);
}

/** Colours and symbols do not change the number of lines. */
const anyTheme = createTheme({});

/** The area that a page has, a wizard's or another, and the theme to measure it with. */
export function pageArea(
  state: ConsoleState,
  wizard: RecipeWizard | null,
): {width: number; height: number; theme: Theme} {
  const {columns, rows, isProduction} = state;
  const border = isProduction ? 2 : 0;
  const width = columns - border;
  const own = wizard === null ? 0 : wizardRows(state, wizard, width, anyTheme);
  return {width, height: Math.max(0, rows - border - rowsAround(state) - own), theme: anyTheme};
}

/** Rows of the help and of README's key list, one per binding. */
export function keyList(): {keys: string; help: string}[] {
  return bindings.map(({keys, help}) => ({keys: keys.map(keyName).join(' '), help}));
}

const keysWidth = 22;

/** The help, in two columns on a wide terminal. */
function helpLines(width: number): Line[] {
  const isWide = width >= 150;
  const rows = keyList().flatMap(row => helpRow(row, isWide ? Math.floor(width / 2) : width));
  const half = Math.ceil(rows.length / 2);
  const columns = rows.slice(0, half).map(
    (row, index): Line => ({
      spans: [...fitLine(row, Math.floor(width / 2)).spans, ...(rows[half + index]?.spans ?? [])],
    }),
  );
  return [heading('keys'), blankLine, ...(isWide ? columns : rows)];
}

function helpRow({keys, help}: {keys: string; help: string}, width: number): Line[] {
  return wrapText(help, width - keysWidth - 4).map((part, index) =>
    line(span(`  ${(index === 0 ? keys : '').padEnd(keysWidth)}`, 'key'), part),
  );
}

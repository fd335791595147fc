import {keyName} from '../input/key-meaning.ts';
import {bindings} from '../input/keymap.ts';
import {blankLine, fitLine, type Line, line, span, wrapText} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {Overlay} from '../state/dialog.ts';
import type {ConsoleState} from '../state/state.ts';
import {sessionDetailLines, statementDetailLines} from './detail.ts';
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

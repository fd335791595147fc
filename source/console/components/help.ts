import {bindings} from '../keymap.ts';
import {blankLine, fitLine, type Line, span} from '../screen/line.ts';

const keyNames: Record<string, string> = {
  space: 'Space',
  enter: 'Enter',
  escape: 'Esc',
  tab: 'Tab',
  'shift-tab': 'Shift-Tab',
  backspace: 'Backspace',
  up: '↑',
  down: '↓',
  pageup: 'PgUp',
  pagedown: 'PgDn',
  home: 'Home',
  end: 'End',
  'ctrl-c': 'Ctrl-C',
  'ctrl-z': 'Ctrl-Z',
  'ctrl-l': 'Ctrl-L',
  'ctrl-f': 'Ctrl-F',
  'ctrl-b': 'Ctrl-B',
  'ctrl-d': 'Ctrl-D',
  'ctrl-u': 'Ctrl-U',
};

function keyName(key: string): string {
  return keyNames[key] ?? key;
}

/** Rows of the help and of README's key list: one per binding, keys by their names. */
export function keyList(): {keys: string; help: string}[] {
  return bindings.map(({keys, help}) => ({keys: keys.map(keyName).join(' '), help}));
}

/** In two columns where there is room. */
export function helpLines(width: number): Line[] {
  const rows = keyList().map(
    ({keys, help}): Line => ({spans: [span(`  ${keys.padEnd(22)}`, 'key'), span(help)]}),
  );
  const half = Math.ceil(rows.length / 2);
  const columns = rows.slice(0, half).map(
    (row, index): Line => ({
      spans: [...fitLine(row, Math.floor(width / 2)).spans, ...(rows[half + index]?.spans ?? [])],
    }),
  );
  return [{spans: [span('  keys', 'heading')]}, blankLine, ...(width >= 150 ? columns : rows)];
}

import {bindings} from '../keymap.ts';
import {blankLine, type Line, padLines, span} from '../screen/line.ts';

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

export function drawHelp(scroll: number, width: number, height: number): Line[] {
  const rows = keyList().map(
    ({keys, help}): Line => ({spans: [span(`  ${keys.padEnd(22)}`, 'key'), span(help)]}),
  );
  const half = Math.ceil(rows.length / 2);
  const lines =
    width >= 150
      ? rows.slice(0, half).map(
          (row, index): Line => ({
            spans: [...padSpans(row, Math.floor(width / 2)), ...(rows[half + index]?.spans ?? [])],
          }),
        )
      : rows;
  const last = Math.max(0, lines.length - height + 3);
  const from = Math.min(scroll, last);
  const title: Line = {
    spans: [
      span('  keys', 'heading'),
      span(from < last ? '   more below: j or PgDn' : '   Esc goes back', 'muted'),
    ],
  };
  return padLines([title, blankLine, ...lines.slice(from)], height);
}

function padSpans(row: Line, width: number): Line['spans'] {
  const used = row.spans.reduce((sum, {text}) => sum + text.length, 0);
  return [...row.spans, span(' '.repeat(Math.max(1, width - used)))];
}

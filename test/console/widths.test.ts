import {Unicode11Addon} from '@xterm/addon-unicode11';
import xterm from '@xterm/headless';
import {Box} from 'ink';
import {createElement} from 'react';
import {describe, expect, it} from 'vitest';
import {Text} from '../../source/console/components/text.tsx';
import {splitCells, textWidth} from '../../source/console/screen/cell-width.ts';
import {createGrid, drawRow, type Grid} from '../../source/console/screen/grid.ts';
import {createScreen} from '../../source/console/screen/screen.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import {mountElement, rowsOfGrid} from './rendered.tsx';

const columns = 40;
const height = 4;

/** A terminal that counts some characters otherwise than Unicode's tables say. */
function createOddTerminal(widths: Record<string, 0 | 1 | 2>) {
  const terminal = new xterm.Terminal({cols: columns, rows: height, allowProposedApi: true});
  terminal.loadAddon(new Unicode11Addon());
  // The versions registered are private; one of them is asked for whatever this terminal counts as others do.
  const {_core: core} = terminal as unknown as {
    _core: {unicodeService: {_providers: Record<string, {wcwidth(code: number): 0 | 1 | 2}>}};
  };
  const usual = core.unicodeService._providers['11'];
  const wcwidth = (code: number) =>
    widths[String.fromCodePoint(code)] ?? (usual?.wcwidth(code) as 0 | 1 | 2) ?? 1;
  terminal.unicode.register({
    version: 'odd',
    wcwidth,
    charProperties: (code, preceding) => {
      const width = wcwidth(code);
      // As xterm packs it: whether to join, the width, a state. A character without a width joins the one before.
      const joins = width === 0 && preceding !== 0;
      const joinedWidth = joins ? (preceding >> 1) & 3 : width;
      return (joinedWidth << 1) | (joins ? 1 : 0);
    },
  });
  terminal.unicode.activeVersion = 'odd';
  terminal.write('\u001b[?7l');
  return {
    write(bytes: string) {
      terminal.write(bytes);
      return true;
    },
    cell: (x: number, y: number) => terminal.buffer.active.getLine(y)?.getCell(x)?.getChars() || ' ',
    flushed: () => new Promise<void>(resolve => terminal.write('', resolve)),
  };
}

function gridOf(rows: string[]): Grid {
  const grid = createGrid(columns, height);
  for (const [y, text] of rows.entries()) drawRow(grid, 0, y, text, {from: 0, to: columns});
  return grid;
}

const ascii = /^[\x20-\x7e]$/;

describe('text whose width the terminal counts otherwise', () => {
  it.each([
    ['wider', {'\u0e01': 2, ｶ: 2, '\u0928': 2, '👍': 2}],
    ['narrower', {'🙂': 1, '👍': 1}],
    ['wider and narrower', {'\u0e33': 0, '🙂': 1, ﾞ: 0, '\u0e07': 2}],
  ] as const)('moves nothing else and leaves no old characters: %s', async (_name, widths) => {
    const terminal = createOddTerminal(widths as Record<string, 0 | 1 | 2>);
    const screen = createScreen(terminal.write, createTheme({LANG: 'C.UTF-8'}), columns, height);
    const names = ['กำลัง', 'ｶﾞﾊﾞ', 'नि', '👍🏽', '🙂🙂', '漢字', 'plain', ''];
    for (let round = 0; round < 60; round++) {
      const name = (offset: number) => names[(round * offset) % names.length] ?? '';
      const grid = gridOf([
        `Timeout:PgSleep ${name(1)} ${round}s |end`,
        `${name(3)}|postgres ${round % 7}s`,
        `|${name(5)}|`,
        'without any of it',
      ]);
      screen.paint(grid);
      await terminal.flushed();
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < columns; x++) {
          const text = grid.text[y * columns + x] ?? '';
          if (ascii.test(text) && text !== ' ')
            expect(terminal.cell(x, y), `round ${round}, ${x} ${y}`).toBe(text);
          // A cell of ours that is blank may hold the half of a wider character, and nothing of the frame before.
          if (text === ' ' || text === '') expect(terminal.cell(x, y)).not.toMatch(/^[!-~]$/);
        }
      }
    }
  });
});

describe('cells', () => {
  it.each([
    ['กำลัง', ['ก', 'ำ', 'ลั', 'ง'], 4],
    ['ｶﾞﾊﾞ', ['ｶ', 'ﾞ', 'ﾊ', 'ﾞ'], 4],
    ['नि', ['न', 'ि'], 2],
    ['e\u0301', ['e\u0301'], 1],
    ['👍🏽', ['👍🏽'], 2],
    ['🇩🇪', ['🇩🇪'], 2],
    ['한', ['한'], 2],
    ['漢字', ['漢', '字'], 4],
  ])('of %s are those that terminals without clusters draw', (text, cells, width) => {
    expect(splitCells(text).map(cell => cell.text)).toEqual(cells);
    expect(textWidth(text)).toBe(width);
  });
});

/** Stock Ink takes a cell less than terminals for a Thai or Lao AM and for a Devanagari conjunct: see bundled-ink.test.ts. */
describe('stock Ink and the grid', () => {
  it.each([
    ['Thai', 'ที่นี่ '],
    ['Devanagari', 'कुल नमन '],
    ['Arabic', 'مَرْحَبًا '],
    ['joined emoji', '👩‍👩‍👧 '],
    ['flags', '🇩🇪🇹🇭 '],
    ['variation selector 16', '❤\uFE0F☎\uFE0F '],
    ['skin tones', '👍🏽 '],
    ['ideographs', '漢字 '],
  ])('show the same text at 20 to 60 columns: %s', (_name, text) => {
    const theme = createTheme({LANG: 'C.UTF-8'});
    const rows = [text, text.repeat(3), text.repeat(40)].map((each, key) =>
      createElement(
        Box,
        {key},
        createElement(Text, {role: 'strong'}, each),
        createElement(Box, {flexShrink: 0}, createElement(Text, null, '|end')),
      ),
    );
    for (let columns = 20; columns <= 60; columns++) {
      const mounted = mountElement(() => rows, {columns, rows: rows.length, theme});
      const {grid, stock} = mounted.draw();
      const stockRows = stock()
        .replace(/\u001b\[[\d;]*m/g, '')
        .split('\n');
      mounted.unmount();
      expect(rowsOfGrid(grid), `${columns} columns`).toEqual(stockRows);
    }
  });
});

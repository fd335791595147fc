import {Unicode11Addon} from '@xterm/addon-unicode11';
import xterm from '@xterm/headless';
import {describe, expect, it} from 'vitest';
import {PaintedRow, Text} from '../../source/console/components/text.tsx';
import type {Grid} from '../../source/console/screen/grid.ts';
import {fitText, roles, type Span, span, wrapText} from '../../source/console/screen/line.ts';
import {createScreen} from '../../source/console/screen/screen.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import type {ThemeName} from '../../source/core/configuration.ts';
import {renderElement, rowsOfGrid} from './rendered.tsx';

const theme = createTheme({LANG: 'C.UTF-8'});

type Line = {spans: Span[]; isSelected?: boolean};

function line(text: string): Line {
  return {spans: [span(text)]};
}

/** What Ink makes of these lines, in cells. */
function frameOf(lines: Line[], columns: number, rows: number): Grid {
  const elements = lines.map(({spans, isSelected}, index) => {
    const text = spans.map(part => part.text).join('');
    if (isSelected)
      return (
        <Text key={index} role="selected">
          {fitText(text, columns)}
        </Text>
      );
    return <PaintedRow key={index} spans={text === '' ? [span(' ')] : spans} />;
  });
  return renderElement(elements, {columns, rows}).grid;
}

function createEmulator(columns: number, rows: number) {
  const terminal = new xterm.Terminal({cols: columns, rows, allowProposedApi: true});
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  let written = 0;
  // The console turns autowrap off for as long as it has the terminal.
  terminal.write('\u001b[?7l');
  return {
    write: (bytes: string) => {
      written += bytes.length;
      terminal.write(bytes);
      return true;
    },
    bytesWritten: () => written,
    rows: () =>
      new Promise<string[]>(resolve =>
        terminal.write('', () =>
          resolve(
            Array.from(
              {length: rows},
              (_, y) => terminal.buffer.active.getLine(y)?.translateToString(true).trimEnd() ?? '',
            ),
          ),
        ),
      ),
    isBold: (x: number, y: number) => terminal.buffer.active.getLine(y)?.getCell(x)?.isBold() !== 0,
    isInverse: (x: number, y: number) => terminal.buffer.active.getLine(y)?.getCell(x)?.isInverse() !== 0,
  };
}

/** A small seeded generator (mulberry32): the same frames at every run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('screen', () => {
  it('shows on a real emulator exactly the cells of each frame, whatever the previous frame was', async () => {
    const random = createRandom(7);
    const pieces = ['SELECT', ' ', '12s', '漢字', 'é', '…', '█░', 'idle in transaction', '', '한', '🙂'];
    const emulator = createEmulator(60, 12);
    const screen = createScreen(emulator.write, theme, 60, 12);
    let frame: Line[] = [];
    for (let round = 0; round < 60; round++) {
      frame = Array.from({length: 12}, (_, y) => {
        const kept = frame[y];
        if (kept && random() < 0.6) return kept;
        const spans = Array.from({length: Math.floor(random() * 12)}, () =>
          span(
            pieces[Math.floor(random() * pieces.length)] ?? '',
            roles[Math.floor(random() * roles.length)] ?? 'plain',
          ),
        );
        return random() < 0.2 ? {spans, isSelected: true} : {spans};
      });
      const drawn = frameOf(frame, 60, 12);
      const expected = rowsOfGrid(drawn);
      screen.paint(drawn);
      expect(await emulator.rows()).toEqual(expected);
    }
  });

  it('writes nothing for an unchanged frame, and only changed cells for another', () => {
    const emulator = createEmulator(80, 24);
    const screen = createScreen(emulator.write, theme, 80, 24);
    const frame = (age: number) =>
      frameOf(
        Array.from({length: 20}, (_, y) => line(`${4000 + y}  idle in transaction  ${age}s`)),
        80,
        24,
      );
    screen.paint(frame(11));
    const before = emulator.bytesWritten();
    screen.paint(frame(11));
    expect(emulator.bytesWritten()).toBe(before);
    screen.paint(frame(12));
    expect(emulator.bytesWritten() - before).toBeLessThan(20 * 12);
  });

  it.each([
    ['an escape sequence', 'a\u001b[2Jb', 'a·[2Jb'],
    ['a carriage return', 'good\revil', 'good evil'],
    ['a bell and a C1 control', 'x\u0007\u009b31my', 'x··31my'],
    ['a right-to-left override', 'abc\u202Etxt.exe', 'abc·txt.exe'],
    ['a zero-width joiner between letters', 'a\u200bb', 'a·b'],
    ['a newline', 'one\ntwo', 'one two'],
  ])('disarms %s', async (_name, hostile, shown) => {
    const emulator = createEmulator(40, 3);
    createScreen(emulator.write, theme, 40, 3).paint(frameOf([line(hostile)], 40, 3));
    expect((await emulator.rows())[0]).toBe(shown);
  });

  it('survives a statement of a megabyte and a name made of spaces', async () => {
    const emulator = createEmulator(40, 3);
    const lines = [line('x'.repeat(1_000_000)), line('   '), line('字'.repeat(300_000))];
    createScreen(emulator.write, theme, 40, 3).paint(frameOf(lines, 40, 3));
    const rows = await emulator.rows();
    expect(rows[0]).toBe(`${'x'.repeat(39)}…`);
    expect(rows[1]).toBe('');
    expect(rows[2]).toContain('字'.repeat(19));
  });

  it('keeps to ASCII where the terminal does, without moving anything', async () => {
    const emulator = createEmulator(40, 2);
    createScreen(emulator.write, createTheme({TERM: 'dumb'}), 40, 2).paint(
      frameOf([line('漢字 é … 12 ± 3|end')], 40, 2),
    );
    expect((await emulator.rows())[0]).toBe('???? ? ~ 12 ~ 3|end');
  });

  it('marks the selected row across its whole width', async () => {
    const emulator = createEmulator(20, 2);
    const lines = [{spans: [span('chosen', 'strong')], isSelected: true}, line('other')];
    createScreen(emulator.write, theme, 20, 2).paint(frameOf(lines, 20, 2));
    await emulator.rows();
    expect(emulator.isInverse(19, 0)).toBe(true);
    expect(emulator.isBold(0, 0)).toBe(false);
    expect(emulator.isInverse(0, 1)).toBe(false);
  });

  it('paints everything again after a resize', async () => {
    const emulator = createEmulator(30, 3);
    const screen = createScreen(emulator.write, theme, 30, 3);
    screen.paint(frameOf([line('one'), line('two')], 30, 3));
    screen.resize(30, 3);
    screen.paint(frameOf([line('one')], 30, 3));
    expect(await emulator.rows()).toEqual(['one', '', '']);
  });
});

describe('text that must fit', () => {
  it.each([
    ['abc', 5, 'left', 'abc  '],
    ['abc', 5, 'right', '  abc'],
    ['abcdef', 4, 'left', 'abc…'],
    ['漢字漢字', 5, 'left', '漢字…'],
    ['漢字漢字', 4, 'left', '漢 …'],
    ['abc', 0, 'left', ''],
    ['a\tb', 3, 'left', 'a b'],
  ] as const)('%j in %i cells, %s', (text, width, align, fitted) => {
    expect(fitText(text, width, align)).toBe(fitted);
  });

  it.each([
    ['the quick brown fox', 10, ['the quick', 'brown fox']],
    ['abcdefghij', 4, ['abcd', 'efgh', 'ij']],
    ['one\ntwo', 10, ['one', 'two']],
    ['', 10, ['']],
    ['漢字漢字', 1, ['漢', '字', '漢', '字']],
    ['      x', 3, ['', 'x']],
  ])('wraps %j at %i', (text, width, lines) => {
    expect(wrapText(text, width)).toEqual(lines);
  });
});

describe('theme', () => {
  it.each([
    [{NO_COLOR: '1', LANG: 'C.UTF-8'}, false, true],
    [{NO_COLOR: '1', FORCE_COLOR: '1'}, true, true],
    [{TERM: 'dumb'}, false, false],
    [{TERM: 'vt100', LANG: 'en_US.UTF-8'}, false, false],
    [{LANG: 'C'}, true, false],
    [{TERM: 'xterm-256color', LC_ALL: 'de_DE.utf8'}, true, true],
  ])('%j: colour %s, unicode %s', (env, hasColour, isUnicode) => {
    const made = createTheme(env);
    expect(/3[158]/.test(made.sgr.join())).toBe(hasColour);
    expect(made.charset).toBe(isUnicode ? 'unicode' : 'ascii');
  });

  const luminance = (red: number, green: number, blue: number) =>
    [red, green, blue].reduce((sum, value, index) => {
      const share = value / 255;
      const linear = share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      return sum + linear * ([0.2126, 0.7152, 0.0722][index] ?? 0);
    }, 0);
  const backgrounds = {
    white: luminance(255, 255, 255),
    black: luminance(0, 0, 0),
    'Solarized Light': luminance(0xfd, 0xf6, 0xe3),
    'Solarized Dark': luminance(0x00, 0x2b, 0x36),
  };
  /** A colour of xterm's cube. */
  const cube = (colour: number) => {
    const level = (index: number) => (index === 0 ? 0 : 55 + 40 * index);
    const index = colour - 16;
    return luminance(level(Math.floor(index / 36)), level(Math.floor(index / 6) % 6), level(index % 6));
  };

  it.each<[ThemeName, keyof typeof backgrounds]>([
    ['auto', 'white'],
    ['auto', 'black'],
    ['auto', 'Solarized Light'],
    ['auto', 'Solarized Dark'],
    ['dark', 'black'],
    ['dark', 'Solarized Dark'],
    ['light', 'white'],
    ['light', 'Solarized Light'],
  ])('has colours that can be read: %s on %s', (name, background) => {
    const sgr = createTheme({TERM: 'xterm-256color'}, name).sgr.join(' ');
    const colours = [...sgr.matchAll(/38;5;(\d+)/g)].map(([, colour]) => Number(colour));
    expect(colours).toHaveLength(5);
    for (const colour of colours) {
      const [dark = 0, light = 0] = [cube(colour), backgrounds[background]].toSorted((a, b) => a - b);
      expect((light + 0.05) / (dark + 0.05), String(colour)).toBeGreaterThan(3);
    }
  });

  it.each([{TERM: 'xterm'}, {TERM: 'xterm-256color'}, {TERM: 'linux'}, {NO_COLOR: '1'}])(
    'draws nothing in grey, and nothing reversed but what is selected: %j',
    env => {
      const {sgr} = createTheme(env);
      expect(sgr.join(' ')).not.toMatch(/\b9\d\b/);
      expect(sgr.join(' ')).not.toMatch(/(?:^|[ ;])7(?:[ ;]|$)/);
    },
  );

  it.each([
    [{TERM: 'xterm'}, '1;31'],
    [{TERM: 'xterm', COLORTERM: 'truecolor'}, '1;38;5;196'],
    [{TERM: 'xterm', FORCE_COLOR: '2'}, '1;38;5;196'],
    [{TERM: 'linux'}, '1;31'],
    [{TERM: 'xterm-256color', FORCE_COLOR: '0'}, '1;4'],
  ])('has as many colours as the terminal: %j', (env, danger) => {
    expect(createTheme(env).sgr[roles.indexOf('danger')]).toBe(danger);
  });

  it.each<[ThemeName, string]>([
    ['dark', '1;38;5;203'],
    ['light', '1;38;5;160'],
    ['solarized', '1;31'],
    ['none', '1;4'],
  ])('is %s where that is named, whatever the environment says', (name, danger) => {
    for (const env of [{NO_COLOR: '1'}, {FORCE_COLOR: '1'}, {TERM: 'linux'}])
      expect(createTheme(env, name).sgr[roles.indexOf('danger')]).toBe(danger);
  });

  it('marks danger without colour too', () => {
    expect(createTheme({NO_COLOR: '1'}).sgr[roles.indexOf('danger')]).not.toBe('');
  });
});

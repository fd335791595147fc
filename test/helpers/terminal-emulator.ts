import {Unicode11Addon} from '@xterm/addon-unicode11';
import xterm from '@xterm/headless';
import {eastAsianWidth} from 'get-east-asian-width';

export type EmulatorOptions = {
  columns: number;
  rows: number;
  /** GNU screen by default and the Linux console have none. */
  hasAlternateScreen?: boolean | undefined;
  /** Draws characters of ambiguous width two cells wide, as xterm -cjk_width does. */
  isAmbiguousWide?: boolean | undefined;
};

export type Emulator = InstanceType<typeof xterm.Terminal>;

export type Cell = {
  /** '' is the second half of a wide character. */
  char: string;
  width: number;
  fg: string | number;
  bg: string | number;
  isBold: boolean;
  isDim: boolean;
  isUnderline: boolean;
  isInverse: boolean;
};

/** An xterm without a window, and whether its cursor is hidden. */
export function createEmulator({columns, rows, ...options}: EmulatorOptions): {
  emulator: Emulator;
  isCursorHidden(): boolean;
} {
  const emulator = new xterm.Terminal({cols: columns, rows, scrollback: 2000, allowProposedApi: true});
  emulator.loadAddon(new Unicode11Addon());
  emulator.unicode.activeVersion = '11';
  const isCursorHidden = followCursorVisibility(emulator);
  if (options.isAmbiguousWide) drawAmbiguousWide(emulator);
  if (options.hasAlternateScreen === false) ignoreAlternateScreen(emulator);
  return {emulator, isCursorHidden};
}

/** The rows of the screen without trailing blanks: one that was written and a cell that was not look the same. */
export function readRows({buffer: {active}, rows}: Emulator): string[] {
  return Array.from(
    {length: rows},
    (_, y) =>
      active
        .getLine(active.baseY + y)
        ?.translateToString(true)
        .trimEnd() ?? '',
  );
}

export function readCell(emulator: Emulator, x: number, y: number): Cell {
  const cell = emulator.buffer.active.getLine(emulator.buffer.active.baseY + y)?.getCell(x);
  if (!cell) throw new Error(`no cell at column ${x}, row ${y}`);
  const colour = (isDefault: boolean, isRgb: boolean, value: number) =>
    isDefault ? 'default' : isRgb ? `#${value.toString(16).padStart(6, '0')}` : value;
  return {
    char: cell.getChars() || (cell.getWidth() === 0 ? '' : ' '),
    width: cell.getWidth(),
    fg: colour(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor()),
    bg: colour(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor()),
    isBold: cell.isBold() !== 0,
    isDim: cell.isDim() !== 0,
    isUnderline: cell.isUnderline() !== 0,
    isInverse: cell.isInverse() !== 0,
  };
}

/** Reads the cursor's visibility (DECTCEM, `CSI ? 25 h|l`) from the output, because xterm's public modes lack it. */
function followCursorVisibility(emulator: Emulator): () => boolean {
  let isHidden = false;
  const follow = (hidden: boolean) => (params: (number | number[])[]) => {
    if (params.includes(25)) isHidden = hidden;
    return false;
  };
  emulator.parser.registerCsiHandler({prefix: '?', final: 'h'}, follow(false));
  emulator.parser.registerCsiHandler({prefix: '?', final: 'l'}, follow(true));
  emulator.parser.registerEscHandler({final: 'c'}, () => follow(false)([25]));
  return () => isHidden;
}

function drawAmbiguousWide(emulator: Emulator): void {
  const wcwidth = (codePoint: number) =>
    codePoint < 32 ? 0 : eastAsianWidth(codePoint, {ambiguousAsWide: true});
  // As xterm packs it: the width, and above it nothing: no character joins the one before.
  emulator.unicode.register({version: 'cjk', wcwidth, charProperties: code => wcwidth(code) << 1});
  emulator.unicode.activeVersion = 'cjk';
}

function ignoreAlternateScreen(emulator: Emulator): void {
  const isAlternate = (params: (number | number[])[]) => params.includes(1049);
  emulator.parser.registerCsiHandler({prefix: '?', final: 'h'}, isAlternate);
  emulator.parser.registerCsiHandler({prefix: '?', final: 'l'}, isAlternate);
}

import {sanitise} from '../../core/text/sanitise.ts';
import {isOneCellPerUnit, splitCells} from './cell-width.ts';
import {type Line, roles} from './line.ts';
import type {Theme} from './theme.ts';

/**
 * The terminal as a grid of cells. A frame is painted into it and only the cells that changed are written:
 * at one refresh a second over 160x50 that is about a tenth of what rewriting changed lines costs, and there is
 * no moment at which the screen is blank. All text passes the sanitiser here, so nothing a server says can
 * reach the terminal as a control sequence.
 */
export type Screen = {
  paint(lines: Line[]): void;
  /** The terminal has taken what was written: the newest frame painted since then is written. */
  resume(): void;
  resize(columns: number, rows: number): void;
  /** Forgets what is on the terminal: the next paint writes every cell. */
  invalidate(): void;
};

/** Cells between two changes that are cheaper to write again than to jump over. */
const bridgeCells = 3;
/** Blank cells at the end of a row that are cheaper to erase than to write. */
const eraseCells = 4;
const selectedBit = 64;
/** UTF-16 units of a span that can matter on the widest terminal. */
const longestSpan = 8192;

export function createScreen(
  write: (bytes: string) => boolean,
  theme: Theme,
  columns: number,
  rows: number,
): Screen {
  let width = columns;
  let height = rows;
  let shown = createGrid(width, height);
  let next = createGrid(width, height);
  let isBlank = false;
  /** The terminal has not taken the last frame yet; of those painted meanwhile only the newest is kept. */
  let isWaiting = false;
  let newest: Line[] | null = null;
  const showable = theme.isUnicode ? sanitise : (text: string) => toAscii(sanitise(text));

  return {
    paint(lines) {
      newest = isWaiting ? lines : null;
      if (isWaiting) return;
      drawGrid(next, lines, width, height, showable);
      const bytes =
        (isBlank ? '' : '\u001b[0m\u001b[H\u001b[2J') + difference(shown, next, width, height, theme);
      if (!isBlank) isBlank = true;
      [shown, next] = [next, shown];
      // Synchronised output (mode 2026) keeps a large change from being seen half done; others ignore it.
      if (bytes.length > 1500) isWaiting = !write(`\u001b[?2026h${bytes}\u001b[?2026l`);
      else if (bytes !== '') isWaiting = !write(bytes);
    },
    resume() {
      isWaiting = false;
      if (newest !== null) this.paint(newest);
    },
    resize(newColumns, newRows) {
      width = newColumns;
      height = newRows;
      shown = createGrid(width, height);
      next = createGrid(width, height);
      isBlank = false;
    },
    invalidate() {
      shown = createGrid(width, height);
      isBlank = false;
    },
  };
}

/** `text[i]` is the grapheme at cell i, '' for the second cell of a wide one; `style[i]` its role and selection. */
type Grid = {text: string[]; style: Uint8Array};

/** As the terminal is after a clear: blank and plain. */
function createGrid(width: number, height: number): Grid {
  return {text: new Array<string>(width * height).fill(' '), style: new Uint8Array(width * height)};
}

const roleIndex = new Map(roles.map((role, index) => [role, index]));

function drawGrid(
  grid: Grid,
  lines: Line[],
  width: number,
  height: number,
  showable: (text: string) => string,
): void {
  for (let y = 0; y < height; y++) {
    const line = lines[y];
    let x = y * width;
    const end = x + width;
    const selected = line?.isSelected ? selectedBit : 0;
    for (const {text, role} of line?.spans ?? []) {
      x = drawText(
        grid,
        showable(text.length > longestSpan ? text.slice(0, longestSpan) : text),
        (roleIndex.get(role) ?? 0) | selected,
        x,
        end,
      );
    }
    for (; x < end; x++) {
      grid.text[x] = ' ';
      grid.style[x] = selected;
    }
  }
}

/** Our own signs that have a likeness in ASCII; whatever else is not ASCII becomes `?`, as wide as it was. */
const likenesses: Record<string, string> = {
  '…': '~',
  '·': '.',
  '▏': '_',
  '±': '~',
  '–': '-',
  '↑': '^',
  '↓': 'v',
};

/** For terminals that show ASCII alone. */
function toAscii(clean: string): string {
  if (!/[^\x20-\x7e]/.test(clean)) return clean;
  return splitCells(clean)
    .map(({text, width}) =>
      text.length === 1 && text <= '~' ? text : (likenesses[text] ?? '?'.repeat(width)),
    )
    .join('');
}

function drawText(grid: Grid, clean: string, style: number, from: number, end: number): number {
  let x = from;
  if (isOneCellPerUnit(clean)) {
    const stop = Math.min(end, from + clean.length);
    for (let i = 0; x < stop; i++, x++) {
      grid.text[x] = clean.charAt(i);
      grid.style[x] = style;
    }
    return x;
  }
  for (const {text, width} of splitCells(clean)) {
    if (width === 0 || x + width > end) continue;
    grid.text[x] = text;
    grid.style[x] = style;
    if (width === 2) {
      grid.text[x + 1] = '';
      grid.style[x + 1] = style;
    }
    x += width;
  }
  return x;
}

function difference(shown: Grid, next: Grid, width: number, height: number, theme: Theme): string {
  let bytes = '';
  let style = 0;
  let cursor = -1;
  for (let y = 0; y < height; y++) {
    const rowEnd = (y + 1) * width;
    const blankFrom = blankTail(next, y * width, rowEnd);
    let x = y * width;
    while (x < rowEnd) {
      if (shown.text[x] === next.text[x] && shown.style[x] === next.style[x]) {
        x++;
        continue;
      }
      // Half a wide character cannot be written: begin at its first cell.
      while (x > y * width && next.text[x] === '') x--;
      bytes += moveCursor(cursor, x, width);
      if (x >= blankFrom && rowEnd - x > eraseCells) {
        bytes += style === 0 ? '\u001b[K' : '\u001b[0m\u001b[K';
        style = 0;
        cursor = x;
        break;
      }
      const stop = changeEnd(shown, next, x, Math.max(x + 1, Math.min(rowEnd, blankFrom)));
      for (let cell = x; cell < stop; cell++) {
        const cellStyle = next.style[cell] ?? 0;
        if (cellStyle !== style) {
          bytes += selectStyle(cellStyle, theme);
          style = cellStyle;
        }
        bytes += next.text[cell] ?? ' ';
      }
      // After the last column the cursor's place differs between terminals: say it anew.
      cursor = stop === rowEnd ? -1 : stop;
      x = stop;
    }
  }
  return style === 0 ? bytes : `${bytes}\u001b[0m`;
}

/** Where the row has nothing but plain spaces from there on. */
function blankTail(grid: Grid, rowStart: number, rowEnd: number): number {
  let x = rowEnd;
  while (x > rowStart && grid.text[x - 1] === ' ' && grid.style[x - 1] === 0) x--;
  return x;
}

/** The end of a run of changes, short unchanged stretches of the same style included. */
function changeEnd(shown: Grid, next: Grid, from: number, rowEnd: number): number {
  let stop = from + 1;
  let same = 0;
  for (let x = from + 1; x < rowEnd; x++) {
    if (shown.text[x] !== next.text[x] || shown.style[x] !== next.style[x]) {
      stop = x + 1;
      same = 0;
    } else if (++same > bridgeCells || next.style[x] !== next.style[from]) {
      break;
    }
  }
  while (stop < rowEnd && next.text[stop] === '') stop++;
  return stop;
}

/** The shortest way there: nothing, a step down or right, or the whole address. */
function moveCursor(from: number, to: number, width: number): string {
  if (from === to) return '';
  const x = to % width;
  const y = Math.floor(to / width);
  const absolute = `\u001b[${y + 1}${x === 0 ? '' : `;${x + 1}`}H`;
  if (from < 0) return absolute;
  const right = x - (from % width);
  const down = y - Math.floor(from / width);
  let relative: string | undefined;
  if (down === 0 && right > 0) relative = `\u001b[${right === 1 ? '' : right}C`;
  else if (down === 1 && right <= 0 && right >= -4) relative = `\u001b[B${'\b'.repeat(-right)}`;
  return relative !== undefined && relative.length < absolute.length ? relative : absolute;
}

function selectStyle(style: number, theme: Theme): string {
  const role = theme.sgr[style & ~selectedBit] ?? '';
  const selected = style & selectedBit ? theme.selectedSgr : '';
  const parameters = [role, selected].filter(part => part !== '').join(';');
  return parameters === '' ? '\u001b[0m' : `\u001b[0;${parameters}m`;
}

import {likenessOf} from '../../core/text/sanitise.ts';
import {isAmbiguous, isSureOfWidth} from './cell-width.ts';
import {createGrid, type Grid, styles} from './grid.ts';
import type {Charset} from './theme.ts';

/**
 * What is on the terminal, in cells. Only the cells in which a frame differs are written: at one refresh a second over
 * 160x50 that is about a tenth of what rewriting changed lines costs, and there is no moment at which the screen is blank.
 */
export type Screen = {
  paint(frame: Grid): void;
  /** Writes plain text in place of a frame, for a screen reader; nothing where it is the same text. */
  showText(text: string): void;
  /** The terminal has taken what was written: the newest frame painted since then is written. */
  resume(): void;
  resize(columns: number, rows: number): void;
  /** From the next frame on, which is written whole, only what this charset has is shown. */
  setCharset(charset: Charset): void;
  /** Forgets what is on the terminal: the next paint writes every cell. */
  invalidate(): void;
};

/** Cells between two changes that are cheaper to write again than to jump over. */
const bridgeCells = 3;
/** Blank cells at the end of a row that are cheaper to erase than to write. */
const eraseCells = 4;

export function createScreen(
  write: (bytes: string) => boolean,
  {charset}: {charset: Charset},
  columns: number,
  rows: number,
): Screen {
  let shown = createGrid(columns, rows);
  let shownCharset = charset;
  let isBlank = false;
  /** The terminal has not taken the last frame yet; of those painted meanwhile only the newest is kept. */
  let isWaiting = false;
  let newest: Grid | null = null;
  let shownText = '';

  return {
    paint(frame) {
      // A frame from before the last resize: the next one follows.
      if (frame.width !== shown.width || frame.height !== shown.height) return;
      newest = isWaiting ? frame : null;
      if (isWaiting) return;
      if (shownCharset !== 'unicode') limitCharset(frame, shownCharset);
      const bytes = (isBlank ? '' : '\u001b[0m\u001b[H\u001b[2J') + difference(shown, frame);
      isBlank = true;
      shown = frame;
      // Synchronised output (mode 2026) keeps a large change from being seen half done; others ignore it.
      if (bytes.length > 1500) isWaiting = !write(`\u001b[?2026h${bytes}\u001b[?2026l`);
      else if (bytes !== '') isWaiting = !write(bytes);
    },
    showText(text) {
      if (text === shownText && isBlank) return;
      isBlank = true;
      shownText = text;
      // Long rows wrap: nothing is cut that is read aloud.
      write(`\u001b[0m\u001b[?7h\u001b[H\u001b[2J${text.replaceAll('\n', '\r\n')}`);
    },
    resume() {
      isWaiting = false;
      if (newest !== null) this.paint(newest);
    },
    resize(newColumns, newRows) {
      shown = createGrid(newColumns, newRows);
      isBlank = false;
    },
    setCharset(newCharset) {
      shownCharset = newCharset;
      this.invalidate();
    },
    invalidate() {
      shown = createGrid(shown.width, shown.height);
      isBlank = false;
    },
  };
}

/** What cannot be shown becomes its likeness or `?`, as wide as it was. */
function limitCharset({text}: Grid, charset: Charset): void {
  for (const [cell, shown] of text.entries()) {
    if (shown === '') {
      if (text[cell - 1] === '?') text[cell] = '?';
    } else if (/[^\x20-\x7e]/.test(shown) && (charset === 'ascii' || isAmbiguous(shown))) {
      text[cell] = likenessOf(shown);
    }
  }
}

/** The bytes that turn the frame on the terminal into the next one. */
function difference(shown: Grid, next: Grid): string {
  const {width, height} = next;
  const pen: Pen = {bytes: '', style: 0, cell: -1};
  for (let y = 0; y < height; y++) {
    const row = {from: y * width, to: (y + 1) * width};
    const from = firstChange(shown, next, row.from, row.to);
    if (from === row.to) continue;
    if (shown.isUnsure[y] || next.isUnsure[y]) writeRow(pen, next, row);
    else writeChanges(pen, shown, next, {...row, from});
  }
  return pen.style === 0 ? pen.bytes : `${pen.bytes}\u001b[0m`;
}

/** What has been written, the style that is selected, and the cell that the cursor is on; -1 if that is not known. */
type Pen = {bytes: string; style: number; cell: number};
type Stretch = {from: number; to: number};

/** Writes the cells of a row that differ. */
function writeChanges(pen: Pen, shown: Grid, next: Grid, {from, to}: Stretch): void {
  const rowStart = to - next.width;
  const blankFrom = blankTail(next, rowStart, to);
  let cell = from;
  while (cell < to) {
    // Half a wide character cannot be written: begin at its first cell.
    while (cell > rowStart && next.text[cell] === '') cell--;
    moveTo(pen, cell, next.width);
    if (cell >= blankFrom && to - cell > eraseCells) {
      erase(pen);
      return;
    }
    const stop = changeEnd(shown, next, cell, Math.max(cell + 1, Math.min(to, blankFrom)));
    for (; cell < stop; cell++) writeCell(pen, next, cell);
    // After the last column the cursor's place differs between terminals: set it again.
    pen.cell = stop === to ? -1 : stop;
    cell = firstChange(shown, next, stop, to);
  }
}

/**
 * Writes a whole row with text that terminals may count otherwise (Thai, half-width kana, emoji): after it the cursor's
 * position is set again, so that nothing else moves, and what was there before is erased, so that no half of it stays.
 */
function writeRow(pen: Pen, next: Grid, {from, to}: Stretch): void {
  const blankFrom = blankTail(next, from, to);
  moveTo(pen, from, next.width);
  erase(pen);
  for (let cell = from; cell < blankFrom; cell++) {
    const text = next.text[cell] ?? ' ';
    if (text === '') continue;
    if (pen.cell === -1) pen.bytes += `\u001b[${cell - from + 1}G`;
    writeCell(pen, next, cell);
    pen.cell = isSureOfWidth(text) ? cell : -1;
  }
  // Drawn wider than it is, the last of it would stand in the blank cells.
  if (pen.cell === -1 && blankFrom < to) {
    pen.bytes += `\u001b[${blankFrom - from + 1}G`;
    erase(pen);
  }
  pen.cell = -1;
}

function writeCell(pen: Pen, grid: Grid, cell: number): void {
  const style = shownStyle(grid, cell);
  const text = grid.text[cell] ?? ' ';
  if (style !== pen.style && (text !== ' ' || style !== 0 || showsOnBlanks(pen.style))) {
    pen.bytes += selectStyle(style);
    pen.style = style;
  }
  pen.bytes += text;
}

/** To the end of the row. */
function erase(pen: Pen): void {
  pen.bytes += pen.style === 0 ? '\u001b[K' : '\u001b[0m\u001b[K';
  pen.style = 0;
}

function firstChange(shown: Grid, next: Grid, from: number, to: number): number {
  let cell = from;
  while (cell < to && isSame(shown, next, cell)) cell++;
  return cell;
}

function isSame(shown: Grid, next: Grid, cell: number): boolean {
  if (shown.text[cell] !== next.text[cell]) return false;
  return shown.style[cell] === next.style[cell] || shownStyle(shown, cell) === shownStyle(next, cell);
}

/** A blank has no look, unless its row is selected: an underlined or reversed blank is a bar that means nothing. */
function shownStyle({text, style}: Grid, cell: number): number {
  const own = style[cell] ?? 0;
  return own !== 0 && text[cell] === ' ' && !isReversed(own) ? 0 : own;
}

function isReversed(style: number): boolean {
  return has(style, reversed);
}

function showsOnBlanks(style: number): boolean {
  return has(style, reversed) || has(style, underlined);
}

const reversed = /(?:^|;)7(?:;|$)/;
const underlined = /(?:^|;)4(?:;|$)/;

function has(style: number, parameter: RegExp): boolean {
  return style !== 0 && parameter.test(styles[style] ?? '');
}

/** Where the row has nothing but plain spaces from there on. */
function blankTail(grid: Grid, rowStart: number, rowEnd: number): number {
  let cell = rowEnd;
  while (cell > rowStart && grid.text[cell - 1] === ' ' && shownStyle(grid, cell - 1) === 0) cell--;
  return cell;
}

/** The end of a run of changes, short unchanged stretches of the same style included. */
function changeEnd(shown: Grid, next: Grid, from: number, rowEnd: number): number {
  let stop = from + 1;
  let same = 0;
  for (let cell = from + 1; cell < rowEnd; cell++) {
    if (!isSame(shown, next, cell)) {
      stop = cell + 1;
      same = 0;
    } else if (++same > bridgeCells || shownStyle(next, cell) !== shownStyle(next, from)) {
      break;
    }
  }
  while (stop < rowEnd && next.text[stop] === '') stop++;
  return stop;
}

function moveTo(pen: Pen, cell: number, width: number): void {
  pen.bytes += moveCursor(pen.cell, cell, width);
  pen.cell = cell;
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

function selectStyle(style: number): string {
  const parameters = styles[style] ?? '';
  return parameters === '' ? '\u001b[0m' : `\u001b[0;${parameters}m`;
}

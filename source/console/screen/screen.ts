import {createGrid, type Grid, styles} from './grid.ts';

/**
 * What is on the terminal, in cells. Only the cells in which a frame differs are written: at one refresh a second over
 * 160x50 that is about a tenth of what rewriting changed lines costs, and there is no moment at which the screen is blank.
 */
export type Screen = {
  paint(frame: Grid): void;
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

export function createScreen(
  write: (bytes: string) => boolean,
  {isUnicode}: {isUnicode: boolean},
  columns: number,
  rows: number,
): Screen {
  let shown = createGrid(columns, rows);
  let isBlank = false;
  /** The terminal has not taken the last frame yet; of those painted meanwhile only the newest is kept. */
  let isWaiting = false;
  let newest: Grid | null = null;

  return {
    paint(frame) {
      // A frame from before the last resize: the next one follows.
      if (frame.width !== shown.width || frame.height !== shown.height) return;
      newest = isWaiting ? frame : null;
      if (isWaiting) return;
      if (!isUnicode) makeAscii(frame);
      const bytes = (isBlank ? '' : '\u001b[0m\u001b[H\u001b[2J') + difference(shown, frame);
      isBlank = true;
      shown = frame;
      // Synchronised output (mode 2026) keeps a large change from being seen half done; others ignore it.
      if (bytes.length > 1500) isWaiting = !write(`\u001b[?2026h${bytes}\u001b[?2026l`);
      else if (bytes !== '') isWaiting = !write(bytes);
    },
    resume() {
      isWaiting = false;
      if (newest !== null) this.paint(newest);
    },
    resize(newColumns, newRows) {
      shown = createGrid(newColumns, newRows);
      isBlank = false;
    },
    invalidate() {
      shown = createGrid(shown.width, shown.height);
      isBlank = false;
    },
  };
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
function makeAscii({text}: Grid): void {
  for (const [cell, grapheme] of text.entries()) {
    if (grapheme === '') text[cell] = text[cell - 1] ?? '?';
    else if (/[^\x20-\x7e]/.test(grapheme)) text[cell] = likenesses[grapheme] ?? '?';
  }
}

function difference(shown: Grid, next: Grid): string {
  const {width, height} = next;
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
          bytes += selectStyle(cellStyle);
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

function selectStyle(style: number): string {
  const parameters = styles[style] ?? '';
  return parameters === '' ? '\u001b[0m' : `\u001b[0;${parameters}m`;
}

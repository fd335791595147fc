import {sanitise} from '../../core/text/sanitise.ts';
import {isOneCellPerUnit, isSureOfWidth, splitCells} from './cell-width.ts';

/**
 * A frame in cells: `text[i]` is the grapheme at cell i, '' for the second cell of a wide one; `style[i]` is the index
 * of its SGR parameters in `styles`.
 */
export type Grid = {
  width: number;
  height: number;
  text: string[];
  style: Uint16Array;
  /** By row: 1 where it holds text whose width terminals do not agree on. */
  isUnsure: Uint8Array;
};

/** SGR parameters by their index, `1;31`; '' at index 0 is plain. */
export const styles: string[] = [''];
const indexOfStyle = new Map([['', 0]]);

/** Blank and plain, as a terminal is after a clear. */
export function createGrid(width: number, height: number): Grid {
  const cells = width * height;
  return {
    width,
    height,
    text: new Array<string>(cells).fill(' '),
    style: new Uint16Array(cells),
    isUnsure: new Uint8Array(height),
  };
}

/** The cells of a row that may be drawn on, `from` inclusive, `to` exclusive. */
export type Stretch = {from: number; to: number};

const sgrStart = '\u001b[';

/** UTF-16 units of a row that can matter on the widest terminal, SGR sequences included. */
const longestRow = 65_536;

/**
 * Draws one row of text that holds SGR sequences and nothing else that a terminal would obey: other controls become `·`.
 * `x` may lie left of the stretch: then the row's beginning is cut.
 */
export function drawRow(grid: Grid, x: number, y: number, text: string, {from, to}: Stretch): void {
  const row = text.length > longestRow ? text.slice(0, longestRow) : text;
  const rowStart = y * grid.width;
  const stretch = {from: rowStart + Math.max(0, from), to: rowStart + Math.min(grid.width, to)};
  let cell = rowStart + x;
  let parameters = '';
  let at = 0;
  while (at < row.length && cell < stretch.to) {
    const sequence = row.indexOf(sgrStart, at);
    const end = sequence === -1 ? row.length : sequence;
    if (end > at) cell = drawText(grid, row.slice(at, end), styleOf(parameters), cell, stretch);
    if (sequence === -1) return;
    const last = row.indexOf('m', sequence);
    if (last === -1) return;
    parameters = addParameters(parameters, row.slice(sequence + sgrStart.length, last));
    at = last + 1;
  }
}

/** What a terminal makes of further SGR parameters: 0 resets, the rest adds up. */
function addParameters(before: string, added: string): string {
  if (added === '' || added === '0') return '';
  if (added.startsWith('0;')) return added.slice(2);
  return before === '' ? added : `${before};${added}`;
}

function styleOf(parameters: string): number {
  const known = indexOfStyle.get(parameters);
  if (known !== undefined) return known;
  styles.push(parameters);
  indexOfStyle.set(parameters, styles.length - 1);
  return styles.length - 1;
}

function drawText(grid: Grid, text: string, style: number, from: number, stretch: Stretch): number {
  let cell = from;
  if (isOneCellPerUnit(text)) {
    const stop = Math.min(stretch.to, from + text.length);
    for (let unit = 0; cell < stop; unit++, cell++) {
      if (cell < stretch.from) continue;
      grid.text[cell] = text.charAt(unit);
      grid.style[cell] = style;
    }
    return cell;
  }
  for (const {text: grapheme, width} of splitCells(sanitise(text))) {
    if (width === 0 || cell + width > stretch.to) continue;
    if (cell >= stretch.from) {
      grid.text[cell] = grapheme;
      grid.style[cell] = style;
      if (!isSureOfWidth(grapheme)) grid.isUnsure[Math.floor(cell / grid.width)] = 1;
      if (width === 2) {
        grid.text[cell + 1] = '';
        grid.style[cell + 1] = style;
      }
    }
    cell += width;
  }
  return cell;
}

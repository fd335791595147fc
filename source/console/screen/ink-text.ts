import {isOneCellPerUnit, splitCells, textWidth} from './cell-width.ts';

// Stands in for what Ink measures and cuts text with (`string-width`, `cli-truncate`; by `build/ink-on-a-grid.mjs`). Both
// count a cluster as its first character: กำ as one cell, where a terminal takes two. The grid draws what the terminal
// takes, so the end of such a row, with its `…`, would not fit into its box.

const sgr = /(\u001b\[[\d;]*m)/;

/** Cells of a row of sanitised text with SGR sequences. */
export function rowWidth(row: string): number {
  return textWidth(row.includes('\u001b') ? row.split(sgr).filter(isText).join('') : row);
}

function isText(_part: string, index: number): boolean {
  return index % 2 === 0;
}

/** Rows, each with at most `width` cells: `…` is the last one where a row was cut. */
export function cutRows(rows: string, width: number): string {
  return rows
    .split('\n')
    .map(row => cutRow(row, width))
    .join('\n');
}

function cutRow(row: string, width: number): string {
  if (width < 1) return '';
  if (rowWidth(row) <= width) return row;
  let cut = '';
  let room = width - 1;
  let isCut = false;
  for (const [index, part] of row.split(sgr).entries()) {
    if (!isText(part, index)) cut += part;
    if (isCut || !isText(part, index)) continue;
    const taken = takeCells(part, room);
    cut += taken;
    room -= textWidth(taken);
    isCut = taken.length < part.length;
    if (isCut) cut += '…';
  }
  return cut;
}

/** The beginning of a text that fits. */
function takeCells(text: string, room: number): string {
  if (isOneCellPerUnit(text)) return text.slice(0, room);
  let taken = '';
  let used = 0;
  for (const cell of splitCells(text)) {
    used += cell.width;
    if (used > room) break;
    taken += cell.text;
  }
  return taken;
}

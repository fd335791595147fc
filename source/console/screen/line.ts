import {sanitise} from '../../core/text/sanitise.ts';
import {type Cell, splitCells, textWidth} from './cell-width.ts';

/** What a piece of text means; the theme decides how that looks, and NO_COLOR that it still reads. */
export const roles = [
  'plain',
  'muted',
  'strong',
  'accent',
  'good',
  'warning',
  'danger',
  'key',
  'heading',
  'reserved',
] as const;

export type Role = (typeof roles)[number];

export type Span = {text: string; role: Role};

export function span(text: string, role: Role = 'plain'): Span {
  return {text, role};
}

/**
 * Exactly `width` cells: cut with `…` where it is too long, padded where it is short. Sanitised first, so that
 * what is measured is what is shown.
 */
export function fitText(
  text: string,
  width: number,
  align: 'left' | 'right' = 'left',
  ellipsis = '…',
): string {
  const clean = sanitise(bound(text, width));
  const length = textWidth(clean);
  if (length <= width) {
    const padding = ' '.repeat(width - length);
    return align === 'left' ? clean + padding : padding + clean;
  }
  if (width <= 0) return '';
  return cut(clean, width - textWidth(ellipsis)) + ellipsis;
}

/** No grapheme needs more UTF-16 units: cut to this many for each cell, a text of a megabyte costs no more than its cells. */
export const unitsPerCell = 16;

/** As much of a text as could be shown in `width` cells, and a little more, so that it is seen to be cut. */
function bound(text: string, width: number): string {
  const most = (width + 2) * unitsPerCell;
  return text.length > most ? text.slice(0, most) : text;
}

/** At most `width` cells of sanitised text, padded when a wide character did not fit. */
function cut(clean: string, width: number): string {
  let taken = '';
  let used = 0;
  for (const cell of splitCells(bound(clean, width))) {
    if (used + cell.width > width) break;
    taken += cell.text;
    used += cell.width;
  }
  return taken + ' '.repeat(width - used);
}

const shortestRemark = 8;

/**
 * At most `width` characters: first the longest text in brackets is cut, then
 * the middle, because the end of a sentence says what follows from it.
 */
export function shorten(text: string, width: number, ellipsis: string): string {
  if (text.length <= width) return text;
  const [remark = ''] = [...(text.match(/\([^()]*\)/g) ?? [])].sort((a, b) => b.length - a.length);
  const left = remark.length - (text.length - width);
  if (left >= shortestRemark) return text.replace(remark, () => `${remark.slice(0, left - 2)}${ellipsis})`);
  const tail = text.slice(-Math.floor(width / 3)).replace(/^\S*\s/, '');
  const head = text.slice(0, Math.max(0, width - tail.length - ellipsis.length - 1)).trimEnd();
  return `${head}${ellipsis} ${tail}`;
}

/** Longer text is cut before it is wrapped: nothing this long is read, and wrapping it is slow. */
const mostWrappedLength = 65_536;

/** Breaks text into lines of at most `width` cells at spaces where there are any. */
export function wrapText(text: string, width: number): string[] {
  const atMost = Math.max(2, width);
  const shown = text.length > mostWrappedLength ? `${text.slice(0, mostWrappedLength)}\n… cut here` : text;
  return shown.split(/\r\n|\n|\r/).flatMap(paragraph => wrapParagraph(sanitise(paragraph), atMost));
}

/** The cells are split once: a statement of 64 kB takes as long as its cells, also where they are wide. */
function wrapParagraph(clean: string, width: number): string[] {
  const cells = splitCells(clean);
  const wrapped: string[] = [];
  for (let from = 0; ; ) {
    const most = endOfRow(cells, from, width);
    if (most === cells.length) return [...wrapped, joinCells(cells, from, most)];
    let end = most;
    while (end > from && isBlank(cells[end - 1])) end--;
    let space = end - 1;
    while (space > from && cells[space]?.text !== ' ') space--;
    if (space - from > width / 3) end = space;
    wrapped.push(joinCells(cells, from, end));
    from = end;
    while (from < cells.length && isBlank(cells[from])) from++;
  }
}

/** Behind the last cell that fits. */
function endOfRow(cells: Cell[], from: number, width: number): number {
  let used = 0;
  let end = from;
  for (; end < cells.length; end++) {
    used += cells[end]?.width ?? 0;
    if (used > width) break;
  }
  return end;
}

function joinCells(cells: Cell[], from: number, to: number): string {
  let text = '';
  for (let cell = from; cell < to; cell++) text += cells[cell]?.text ?? '';
  return text;
}

function isBlank(cell: Cell | undefined): boolean {
  return cell?.text.trim() === '';
}

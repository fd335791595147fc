import {sanitise} from '../../core/text/sanitise.ts';
import {splitCells, textWidth} from './cell-width.ts';

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

/** One row of the screen. Text may be hostile and of any length: the screen sanitises and cuts it. */
export type Line = {spans: Span[]; isSelected?: boolean};

export function span(text: string, role: Role = 'plain'): Span {
  return {text, role};
}

/** A line of plain strings and spans. */
export function line(...parts: (string | Span)[]): Line {
  return {spans: parts.map(part => (typeof part === 'string' ? span(part) : part))};
}

export const blankLine: Line = {spans: []};

export function lineWidth(of: Line): number {
  let width = 0;
  for (const {text} of of.spans) width += textWidth(sanitise(text));
  return width;
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

/** No grapheme needs more than this many UTF-16 units: a statement of a megabyte costs no more than its cells. */
const unitsPerCell = 16;

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

/** Pads or cuts a line to exactly `width` cells. */
export function fitLine(of: Line, width: number): Line {
  const spans: Span[] = [];
  let left = width;
  for (const {text, role} of of.spans) {
    if (left === 0) break;
    const clean = sanitise(bound(text, left));
    const length = textWidth(clean);
    if (length > left) {
      spans.push({text: fitText(clean, left), role});
      left = 0;
    } else {
      spans.push({text: clean, role});
      left -= length;
    }
  }
  if (left > 0) spans.push(span(' '.repeat(left)));
  return of.isSelected ? {spans, isSelected: true} : {spans};
}

/** `left` at the left edge and `right` at the right one; `left` is cut first when both do not fit. */
export function spread(left: Line, right: Line, width: number): Line {
  const rightWidth = Math.min(lineWidth(right), width);
  const leftWidth = Math.max(0, width - rightWidth);
  return {spans: [...fitLine(left, leftWidth).spans, ...fitLine(right, rightWidth).spans]};
}

/** Longer text is cut before it is wrapped: nothing this long is read, and wrapping it is slow. */
const mostWrappedLength = 65_536;

/** Breaks text into lines of at most `width` cells at spaces where there are any. */
export function wrapText(text: string, width: number): string[] {
  const atMost = Math.max(2, width);
  const shown = text.length > mostWrappedLength ? `${text.slice(0, mostWrappedLength)}\n… cut here` : text;
  return shown.split(/\r\n|\n|\r/).flatMap(paragraph => wrapParagraph(sanitise(paragraph), atMost));
}

function wrapParagraph(clean: string, width: number): string[] {
  const wrapped: string[] = [];
  let rest = clean;
  while (textWidth(bound(rest, width)) > width) {
    const head = cut(rest, width).trimEnd();
    const space = head.lastIndexOf(' ');
    const taken = space > width / 3 ? head.slice(0, space) : head;
    wrapped.push(taken);
    rest = rest.slice(taken.length).trimStart();
  }
  wrapped.push(rest);
  return wrapped;
}

/** Exactly `height` lines. */
export function padLines(lines: Line[], height: number): Line[] {
  return Array.from({length: Math.max(0, height)}, (_, index) => lines[index] ?? blankLine);
}

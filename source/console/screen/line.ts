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

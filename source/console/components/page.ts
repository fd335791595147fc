import type {Line} from '../screen/line.ts';

/** A part of a longer text, and how many lines there are below it. */
export type Page = {lines: Line[]; below: number};

/** As much of a longer text as fits, from `scroll` on. */
export function pageOf(lines: Line[], scroll: number, height: number): Page {
  const from = Math.min(scroll, lastScroll(lines.length, height));
  return {lines: lines.slice(from, from + height), below: Math.max(0, lines.length - from - height)};
}

/** Where the end of the text is in sight: scrolling further would only make the way back longer. */
export function lastScroll(length: number, height: number): number {
  return Math.max(0, length - height);
}

/** As near to `scroll` as brings the block at `index` into sight, its first line where it is longer than the page. */
export function inSight(scroll: number, blocks: Line[][], index: number, height: number): number {
  const from = blocks.slice(0, index).flat().length;
  const to = from + (blocks[index]?.length ?? 0);
  return Math.min(from, Math.max(scroll, to - height));
}

/** A page's worth of lines, less the few that show where one was; `rows` is the terminal's height. */
export function pageStep({rows}: {rows: number}): number {
  return Math.max(1, rows - 8);
}

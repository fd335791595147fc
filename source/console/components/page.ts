import type {Line} from '../screen/line.ts';
import type {ConsoleState} from '../state/state.ts';

/** A part of a longer text, and how many lines follow it. */
export type Page = {lines: Line[]; below: number};

/** As many lines as fit, from `scroll` on. */
export function pageOf(lines: Line[], scroll: number, height: number): Page {
  const from = Math.min(scroll, lastScroll(lines.length, height));
  return {lines: lines.slice(from, from + height), below: Math.max(0, lines.length - from - height)};
}

/** The scroll position that shows the last line. */
export function lastScroll(length: number, height: number): number {
  return Math.max(0, length - height);
}

/** The scroll position nearest to `scroll` that shows the block at `index`, or its first line if it is longer than the page. */
export function inSight(scroll: number, blocks: Line[][], index: number, height: number): number {
  const from = blocks.slice(0, index).flat().length;
  const to = from + (blocks[index]?.length ?? 0);
  return Math.min(from, Math.max(scroll, to - height));
}

/** Header, tabs and key line. */
const chromeRows = 3;

/** Rows for header, tabs and keys, and for the scrubber while the past is shown. */
export function rowsAround({past}: Pick<ConsoleState, 'past'>): number {
  return chromeRows + (past === null ? 0 : 1);
}

/** How many lines PgDn moves: a page less a few lines of overlap. `rows` is the terminal's height. */
export function pageStep({rows}: {rows: number}): number {
  return Math.max(1, rows - 8);
}

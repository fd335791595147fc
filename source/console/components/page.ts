import {type Line, line, padLines, span} from '../screen/line.ts';

/** As much of a longer text as fits, from `scroll` on, and how much there is below. */
export function drawPage(lines: Line[], scroll: number, height: number): Line[] {
  const from = Math.min(scroll, lastScroll(lines.length, height));
  const shown = padLines(lines.slice(from), height);
  const below = lines.length - from - height;
  if (below > 0 && height > 0)
    shown[height - 1] = line(span(`  ${below + 1} more lines below: PgDn`, 'muted'));
  return shown;
}

/** Where the end of the text is in sight: scrolling further would only make the way back longer. */
export function lastScroll(length: number, height: number): number {
  return Math.max(0, length - height);
}

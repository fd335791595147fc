import {eastAsianWidth} from 'get-east-asian-width';

export type Cell = {text: string; width: 0 | 1 | 2};

/**
 * One cell per UTF-16 unit: ASCII, Latin, Greek, Cyrillic, punctuation, arrows, box drawing and our own symbols,
 * without anything that combines. Intl.Segmenter would say the same, but takes 15 ms to load at the first frame.
 */
const isSingleCells =
  /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2500-\u25fc\u2713-\u2718]*$/;
let segmenter: Intl.Segmenter | undefined;

/** Cells that sanitised text takes on a terminal. */
export function textWidth(text: string): number {
  if (isSingleCells.test(text)) return text.length;
  let width = 0;
  for (const cell of splitCells(text)) width += cell.width;
  return width;
}

/** Whether each UTF-16 unit of sanitised text is one cell: the common case, and cheap to draw. */
export function isOneCellPerUnit(text: string): boolean {
  return isSingleCells.test(text);
}

/** Graphemes with their widths: what a person takes for one character is one cell, or two. */
export function splitCells(text: string): Cell[] {
  if (isSingleCells.test(text)) return text.split('').map(character => ({text: character, width: 1}));
  segmenter ??= new Intl.Segmenter(undefined, {granularity: 'grapheme'});
  return Array.from(segmenter.segment(text), ({segment}) => ({text: segment, width: graphemeWidth(segment)}));
}

function graphemeWidth(grapheme: string): 0 | 1 | 2 {
  const codePoint = grapheme.codePointAt(0) ?? 0;
  if (codePoint < 0x300) return 1;
  if (/^\p{Mark}/u.test(grapheme)) return 0;
  // An emoji sequence (ZWJ, regional indicators, keycaps) is drawn two cells wide whatever its first code point.
  if (grapheme.length > 2 && /\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(grapheme)) return 2;
  return eastAsianWidth(codePoint);
}

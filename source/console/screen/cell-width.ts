import {eastAsianWidth} from 'get-east-asian-width';

export type Cell = {text: string; width: 0 | 1 | 2};

const isPlainAscii = /^[\x20-\x7e]*$/;
let segmenter: Intl.Segmenter | undefined;

/** Cells that sanitised text takes on a terminal. */
export function textWidth(text: string): number {
  if (isPlainAscii.test(text)) return text.length;
  let width = 0;
  for (const cell of splitCells(text)) width += cell.width;
  return width;
}

/** Graphemes with their widths: what a person takes for one character is one cell, or two. */
export function splitCells(text: string): Cell[] {
  if (isPlainAscii.test(text)) return Array.from(text, character => ({text: character, width: 1}));
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

import {eastAsianWidth} from 'get-east-asian-width';

export type Cell = {text: string; width: 0 | 1 | 2};

/**
 * One cell per UTF-16 unit: ASCII, Latin, Greek, Cyrillic, punctuation, arrows, box drawing and our own symbols,
 * without anything that combines. Intl.Segmenter would say the same, but takes 15 ms to load at the first frame.
 */
const isSingleCells =
  /^[\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2500-\u25fc\u2713-\u2718]*$/;
/** Ideographs, Hangul syllables and kana are two cells wide everywhere. */
const isWideEverywhere = /^[\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]$/;
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

/** Whether all terminals agree on the width of a cell's text. */
export function isSureOfWidth(text: string): boolean {
  return text <= '~' || (text.length === 1 && (isSingleCells.test(text) || isWideEverywhere.test(text)));
}

/** Whether some terminals draw the text of a cell one cell wide, and others two. */
export function isAmbiguous(text: string): boolean {
  const codePoint = text.codePointAt(0) ?? 0;
  return eastAsianWidth(codePoint) !== eastAsianWidth(codePoint, {ambiguousAsWide: true});
}

/**
 * What a terminal puts into one cell, or into two: a character with the marks that take no room. Most terminals count
 * characters and know no clusters: a Thai vowel, a Devanagari one and the mark of half-width kana have a cell of their own.
 */
export function splitCells(text: string): Cell[] {
  if (isSingleCells.test(text)) return text.split('').map(character => ({text: character, width: 1}));
  const cells: Cell[] = [];
  for (let from = 0; from < text.length; ) {
    const piece = pieceOf(text, from);
    segmenter ??= new Intl.Segmenter(undefined, {granularity: 'grapheme'});
    for (const {segment} of segmenter.segment(piece)) cells.push(...cellsOf(segment));
    from += piece.length;
  }
  return cells;
}

/** Intl.Segmenter takes a time for each grapheme that grows with its text: seconds for 64 kB. */
const longestPiece = 256;

/** The next part of a text, which ends before a character that begins a grapheme. */
function pieceOf(text: string, from: number): string {
  const most = from + longestPiece;
  if (most >= text.length) return text.slice(from);
  for (let end = most; end > from; end--) {
    if (isBegin.test(text.charAt(end))) return text.slice(from, end);
  }
  return text.slice(from, most);
}

const isBegin = /^[\x20-\x7e\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]$/;

function cellsOf(grapheme: string): Cell[] {
  if (grapheme.length === 1) return [{text: grapheme, width: characterWidth(grapheme)}];
  // An emoji sequence (regional indicators, keycaps, skin tones) is drawn as one.
  if (/\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(grapheme)) return [{text: grapheme, width: 2}];
  // A syllable of conjoining Hangul letters.
  if (/^[\u1100-\u115f]/.test(grapheme)) return [{text: grapheme, width: 2}];
  const cells: Cell[] = [];
  for (const character of grapheme) {
    const width = characterWidth(character);
    const last = cells.at(-1);
    if (width === 0 && last) last.text += character;
    else cells.push({text: character, width});
  }
  return cells;
}

function characterWidth(character: string): 0 | 1 | 2 {
  const codePoint = character.codePointAt(0) ?? 0;
  if (codePoint < 0x300) return 1;
  return /^[\p{Mn}\p{Me}]/u.test(character) ? 0 : eastAsianWidth(codePoint);
}

/** A line being typed; `cursor` is an index into `text`, between two graphemes. */
export type InputLine = {text: string; cursor: number};

/** What a key does to a line, by readline's names where it has one. */
export type LineEdit =
  | 'backward-char'
  | 'forward-char'
  | 'backward-word'
  | 'forward-word'
  | 'beginning-of-line'
  | 'end-of-line'
  | 'backward-delete-char'
  | 'delete-char'
  | 'backward-kill-word'
  | 'kill-word'
  /** Back to a space: Ctrl-W. */
  | 'unix-word-rubout'
  | 'unix-line-discard'
  | 'kill-line';

/** A line with the cursor at its end. */
export function atEnd(text: string): InputLine {
  return {text, cursor: text.length};
}

/** Inserts text at the cursor. */
export function insert({text, cursor}: InputLine, inserted: string): InputLine {
  return {text: text.slice(0, cursor) + inserted + text.slice(cursor), cursor: cursor + inserted.length};
}

export function edit(line: InputLine, how: LineEdit): InputLine {
  const {text, cursor} = line;
  switch (how) {
    case 'backward-char':
      return {text, cursor: graphemeBefore(line)};
    case 'forward-char':
      return {text, cursor: graphemeAfter(line)};
    case 'backward-word':
      return {text, cursor: wordBefore(line)};
    case 'forward-word':
      return {text, cursor: wordAfter(line)};
    case 'beginning-of-line':
      return {text, cursor: 0};
    case 'end-of-line':
      return atEnd(text);
    case 'backward-delete-char':
      return without(line, graphemeBefore(line), cursor);
    case 'delete-char':
      return without(line, cursor, graphemeAfter(line));
    case 'backward-kill-word':
      return without(line, wordBefore(line), cursor);
    case 'kill-word':
      return without(line, cursor, wordAfter(line));
    case 'unix-word-rubout':
      return without(line, spaceBefore(line), cursor);
    case 'unix-line-discard':
      return without(line, 0, cursor);
    case 'kill-line':
      return without(line, cursor, text.length);
  }
}

function without({text}: InputLine, from: number, to: number): InputLine {
  return {text: text.slice(0, from) + text.slice(to), cursor: from};
}

// Intl.Segmenter takes 15 ms to load, so plain ASCII does without.
const isAscii = /^[\x20-\x7e]*$/;
let segmenter: Intl.Segmenter | undefined;

/** The grapheme at an index, what a person takes for one character: `é`, `👍🏽`. */
function graphemeAt(text: string, index: number): {from: number; to: number} {
  if (isAscii.test(text)) return {from: index, to: index + 1};
  segmenter ??= new Intl.Segmenter(undefined, {granularity: 'grapheme'});
  const found = segmenter.segment(text).containing(index);
  return found ? {from: found.index, to: found.index + found.segment.length} : {from: index, to: index};
}

function graphemeBefore({text, cursor}: InputLine): number {
  return cursor === 0 ? 0 : graphemeAt(text, cursor - 1).from;
}

function graphemeAfter({text, cursor}: InputLine): number {
  return cursor === text.length ? cursor : graphemeAt(text, cursor).to;
}

/** As in readline, a word is letters and digits. */
const isWord = (character: string) => /[\p{L}\p{N}\p{M}]/u.test(character);
const isBetween = (character: string) => !isWord(character);
const isSpace = (character: string) => /\s/.test(character);

function wordBefore({text, cursor}: InputLine): number {
  return cursor - lengthOf([...text.slice(0, cursor)].reverse(), isBetween, isWord);
}

function wordAfter({text, cursor}: InputLine): number {
  return cursor + lengthOf([...text.slice(cursor)], isBetween, isWord);
}

function spaceBefore({text, cursor}: InputLine): number {
  return cursor - lengthOf([...text.slice(0, cursor)].reverse(), isSpace, character => !isSpace(character));
}

/** The length of the characters at the beginning for which `first` holds, and of those after them for which `then` does. */
function lengthOf(
  characters: string[],
  first: (character: string) => boolean,
  then: (character: string) => boolean,
): number {
  const begun = countWhile(characters, 0, first);
  const end = countWhile(characters, begun, then);
  return characters.slice(0, end).join('').length;
}

function countWhile(characters: string[], from: number, holds: (character: string) => boolean): number {
  const end = characters.findIndex((character, index) => index >= from && !holds(character));
  return end === -1 ? characters.length : end;
}

import {describe, expect, it} from 'vitest';
import {edit, type InputLine, insert, type LineEdit} from '../../../source/console/state/line-editor.ts';

/** `ab|cd`: the cursor before c. */
function parse(shown: string): InputLine {
  const cursor = shown.indexOf('|');
  return {text: shown.replace('|', ''), cursor};
}

function show({text, cursor}: InputLine): string {
  return `${text.slice(0, cursor)}|${text.slice(cursor)}`;
}

const graphemes = {
  'a thumb with a skin tone': '👍🏽',
  'a family joined by ZWJ': '👨‍👩‍👧',
  'a flag': '🇩🇪',
  'a combining accent': 'e\u0301',
  'Devanagari with a vowel sign': 'कि',
  'Thai with a tone mark': 'ก่',
  CJK: '日',
};

describe('the line editor', () => {
  it.each<[LineEdit, string, string]>([
    ['backward-char', 'ab|c', 'a|bc'],
    ['backward-char', '|abc', '|abc'],
    ['forward-char', 'a|bc', 'ab|c'],
    ['forward-char', 'abc|', 'abc|'],
    ['beginning-of-line', 'one tw|o', '|one two'],
    ['end-of-line', 'o|ne two', 'one two|'],
    ['backward-word', 'one  two|', 'one  |two'],
    ['backward-word', 'one  |two', '|one  two'],
    ['backward-word', 'on|e', '|one'],
    ['backward-word', 'app=web-1 |', 'app=web-|1 '],
    ['backward-word', 'größe|', '|größe'],
    ['backward-word', '|', '|'],
    ['forward-word', '|one  two', 'one|  two'],
    ['forward-word', 'one|  two', 'one  two|'],
    ['forward-word', 'public|.t', 'public.t|'],
    ['forward-word', 'one two|', 'one two|'],
    ['backward-delete-char', 'ab|c', 'a|c'],
    ['backward-delete-char', '|abc', '|abc'],
    ['delete-char', 'a|bc', 'a|c'],
    ['delete-char', 'abc|', 'abc|'],
    ['backward-kill-word', 'sort by-mean|', 'sort by-|'],
    ['backward-kill-word', 'sort by |mean', 'sort |mean'],
    ['kill-word', 'sort| by mean', 'sort| mean'],
    ['kill-word', 'so|rt by', 'so| by'],
    ['unix-word-rubout', 'sort by-mean|', 'sort |'],
    ['unix-word-rubout', 'sort by  |mean', 'sort |mean'],
    ['unix-word-rubout', '|sort', '|sort'],
    ['unix-line-discard', 'sort |mean', '|mean'],
    ['kill-line', 'sort |mean', 'sort |'],
  ])('%s: %s to %s', (how, before, after) => {
    expect(show(edit(parse(before), how))).toBe(after);
  });

  it.each(Object.entries(graphemes))('takes %s for one character', (_name, grapheme) => {
    expect(show(edit(parse(`a${grapheme}|b`), 'backward-delete-char'))).toBe('a|b');
    expect(show(edit(parse(`a|${grapheme}b`), 'delete-char'))).toBe('a|b');
    expect(show(edit(parse(`a${grapheme}|b`), 'backward-char'))).toBe(`a|${grapheme}b`);
    expect(show(edit(parse(`a|${grapheme}b`), 'forward-char'))).toBe(`a${grapheme}|b`);
  });

  it('inserts at the cursor, which is then after the inserted text', () => {
    expect(show(insert(parse('a|d'), 'bc'))).toBe('abc|d');
    expect(show(insert(parse('|'), '👍🏽'))).toBe('👍🏽|');
  });

  it('takes a grapheme typed in parts for one character', () => {
    const typed = ['👍', '🏽'].reduce(insert, parse('a|b'));
    expect(show(edit(typed, 'backward-delete-char'))).toBe('a|b');
  });

  it.each<LineEdit>(['backward-word', 'unix-word-rubout', 'backward-kill-word', 'backward-delete-char'])(
    'takes a pasted text of 64 kB at once: %s',
    how => {
      const text = 'é'.repeat(65_536);
      // A backtracking search would take longer than a test may.
      expect(edit({text, cursor: text.length}, how).cursor).toBe(
        how === 'backward-delete-char' ? text.length - 1 : 0,
      );
    },
  );
});

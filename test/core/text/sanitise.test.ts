import {expect, it} from 'vitest';
import {sanitise} from '../../../source/core/text/sanitise.ts';

it.each([
  ['plain text', 'SELECT "naïve" — 日本 🙂', 'SELECT "naïve" — 日本 🙂'],
  ['a tab and line ends', 'a\tb\nc\r', 'a b c '],
  ['an escape sequence', '\u001b[2J\u001b]52;c;x\u0007', '·[2J·]52;c;x·'],
  ['a C1 control', '\u009b31m', '·31m'],
  ['DEL', 'a\u007f', 'a·'],
  ['bidirectional marks', '\u202Eevil\u2066', '·evil·'],
  ['a mark before a number', '\u0600', '·'],
  ['zero-width characters', 'a\u200bb\ufeffc', 'a·b·c'],
  ['line separators', 'a\u2028b\u2029c', 'a·b·c'],
  ['invisible fillers', 'a\u3164b\u115fc', 'a·b·c'],
  ['tag characters', 'a\u{e0041}', 'a·'],
  ['a lone surrogate', 'a\ud800b', 'a·b'],
])('sanitised text shows %s', (_, text, shown) => {
  expect(sanitise(text)).toBe(shown);
});

import {expect, it} from 'vitest';
import {escapeJson, jsonText} from '../../../source/core/text/json.ts';

it.each([
  ['a C1 control', '\u009b31m', '"\\u009b31m"'],
  ['DEL', '\u007f', '"\\u007f"'],
  ['a C0 control', '\u001b[2J', '"\\u001b[2J"'],
  ['a line separator', 'a\u2028b\u2029', '"a\\u2028b\\u2029"'],
  ['a bidirectional mark', '\u202eabc\u2066\u061c', '"\\u202eabc\\u2066\\u061c"'],
  ['a zero-width character', 'a\u200bb\ufeff\u200d', '"a\\u200bb\\ufeff\\u200d"'],
  ['a tag beyond the first plane', '\u{e0041}', '"\\udb40\\udc41"'],
  ['what is visible', 'Zoë 😀 中', '"Zoë 😀 中"'],
])('JSON escapes %s and keeps the value', (_, value, json) => {
  expect(jsonText(value)).toBe(json);
  expect(JSON.parse(jsonText({[value]: [value]}, 2))).toEqual({[value]: [value]});
});

it('escaping does not change the layout of JSON', () => {
  expect(jsonText({a: [1]}, 2)).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(escapeJson('{"a":"\u0085"}\n')).toBe('{"a":"\\u0085"}\n');
});

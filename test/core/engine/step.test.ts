import {expect, it} from 'vitest';
import {holds} from '../../../source/core/engine/step.ts';

it.each([
  ['=', 0, {n: 0}, true],
  ['=', 0, {n: 1}, false],
  ['=', 0, {n: '0'}, false],
  ['=', null, {n: null}, true],
  ['<>', 0, {n: 1}, true],
  ['<>', 0, {n: null}, true],
  ['<>', null, {n: null}, false],
  ['<>', null, {n: 0}, true],
  ['<', 2, {n: 1}, true],
  ['<=', 1, {n: 1}, true],
  ['>', 1, {n: 1}, false],
  ['>=', 1, {n: 1}, true],
  ['>', 1, {n: '2'}, false],
  ['<', 1, {n: null}, false],
  ['>', 'a', {n: 'b'}, true],
  ['=', 0, {other: 0}, false],
  ['<>', 0, undefined, false],
] as const)('n %s %j, %j', (op, value, row, expected) => {
  expect(holds({column: 'n', op, value}, row)).toBe(expected);
});

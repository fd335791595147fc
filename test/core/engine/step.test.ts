import {describe, expect, it} from 'vitest';
import {applyChange, holds, invertChange} from '../../../source/core/engine/step.ts';
import type {FileChange} from '../../../source/model/step.ts';

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
] as const)('the expectation n %s %j on the row %j holds or fails', (op, value, row, expected) => {
  expect(holds({column: 'n', op, value}, row)).toBe(expected);
});

const replace: FileChange = {kind: 'replace', before: 'max: 5', after: 'max: 7'};
const parameters: FileChange = {
  kind: 'url_parameters',
  variable: 'DATABASE_URL',
  before: {connection_limit: null},
  after: {connection_limit: '7'},
};

describe('applyChange', () => {
  it.each<[string, string | null, FileChange, string | null | undefined]>([
    ['creates a missing file', null, {kind: 'create', text: 'a'}, 'a'],
    ['does not overwrite a file', 'b', {kind: 'create', text: 'a'}, undefined],
    ['removes a file with this text', 'a', {kind: 'remove', text: 'a'}, null],
    ['does not remove a changed file', 'ab', {kind: 'remove', text: 'a'}, undefined],
    ['does not remove a missing file', null, {kind: 'remove', text: 'a'}, undefined],
    ['replaces', '{max: 5}', replace, '{max: 7}'],
    ['does not replace a text that occurs twice', '{max: 5}{max: 5}', replace, undefined],
    ['does not replace a missing text', '{max: 6}', replace, undefined],
    ['does not replace an empty text', 'a', {kind: 'replace', before: '', after: 'b'}, undefined],
    ['does not replace in a missing file', null, replace, undefined],
    ['inserts $& literally', 'max: 5', {...replace, after: '$&$1'}, '$&$1'],
    [
      'sets parameters',
      'DATABASE_URL=postgres://h/d',
      parameters,
      'DATABASE_URL=postgres://h/d?connection_limit=7',
    ],
    ['sets no parameter in a missing file', null, parameters, undefined],
  ])('%s', (_, text, change, expected) => expect(applyChange(text, change)).toBe(expected));
});

describe('invertChange', () => {
  it.each<[string, string | null, FileChange]>([
    ['a creation', null, {kind: 'create', text: 'a'}],
    ['a creation with its folder', null, {kind: 'create', text: 'a', folder: 'new'}],
    [
      'parts of a query',
      'U=postgres://h/d?&a=+5\n',
      {
        kind: 'url_query',
        variable: 'U',
        edits: [
          {before: 'a=+5', after: 'a=5'},
          {before: '', after: '&b=1'},
        ],
      },
    ],
    ['a removal', 'a', {kind: 'remove', text: 'a'}],
    ['a replacement', 'x {max: 5} y', replace],
    ['parameters', 'A=1\nDATABASE_URL="postgres://u:p@h/d" # c\n', parameters],
  ])('inverts %s, and restores it by inverting twice', (_, text, change) => {
    const changed = applyChange(text, change);
    if (changed === undefined) throw new Error('it fits');
    expect(changed).not.toBe(text);
    expect(applyChange(changed, invertChange(change))).toBe(text);
    expect(invertChange(invertChange(change))).toEqual(change);
  });
});

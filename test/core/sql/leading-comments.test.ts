import {expect, it} from 'vitest';
import {withoutLeadingComments} from '../../../source/core/sql/leading-comments.ts';

it.each([
  ['SELECT 1', 'SELECT 1'],
  [' /* a */ /* b*\n */ Select 1', 'Select 1'],
  ['-- why\n/**/UPDATE t', 'UPDATE t'],
  ['SELECT /* kept */ 1', 'SELECT /* kept */ 1'],
  ['/* never closed', '/* never closed'],
  ['-- alone', ''],
  ['', ''],
])('%j begins with %j', (sql, statement) => {
  expect(withoutLeadingComments(sql)).toBe(statement);
});

it('ends for a text of many comments', () => {
  expect(withoutLeadingComments(`${'/**/'.repeat(20_000)}x`)).toBe('x');
  expect(withoutLeadingComments('/* '.repeat(20_000))).toBe('/* '.repeat(20_000));
});

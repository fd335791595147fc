import {describe, expect, it} from 'vitest';
import {arrangeRows, createFilter} from '../../../source/console/rows/arrange.ts';
import {columns, idOf, type Row, rows, table} from '../table-of-three.ts';

const idsOf = (arranged: Row[]) => arranged.map(row => row.id).join('');

describe('filter', () => {
  it.each([
    ['', 'abc'],
    ['idle', 'ac'],
    ['!idle', 'b'],
    ['state:act', 'bc'],
    ['state:active', 'b'],
    ['!state:active', 'ac'],
    ['state=idle', 'a'],
    ['!state=idle', 'bc'],
    ['st:idle "in transaction"', 'c'],
    ['idle !transaction', 'a'],
    ['IDLE', 'ac'],
    ['state:', 'abc'],
    ['nocolumn:x', ''],
    ['!', 'abc'],
  ])('%j keeps %j', (filter, kept) => {
    expect(idsOf(rows.filter(createFilter(filter, columns)))).toBe(kept);
  });
});

describe('order', () => {
  it('sorts in both directions, with unknown values last in both', () => {
    expect(idsOf(arrangeRows(rows, table, columns, idOf))).toBe('cab');
    expect(
      idsOf(arrangeRows(rows, {...table, sort: {column: 'age', isDescending: false}}, columns, idOf)),
    ).toBe('acb');
  });

  it('is frozen while a row is selected: known rows keep their places, new ones come last', () => {
    const frozen = {...table, frozenOrder: ['b', 'a']};
    expect(idsOf(arrangeRows(rows, frozen, columns, idOf))).toBe('bac');
  });
});

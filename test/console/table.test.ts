import {describe, expect, it} from 'vitest';
import {
  arrangeRows,
  type Column,
  createFilter,
  drawTable,
  fitColumns,
} from '../../source/console/components/table.ts';
import {lineWidth} from '../../source/console/screen/line.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import type {TableState} from '../../source/console/state/browsing.ts';

type Row = {id: string; state: string; age: number | null};

const columns: Column<Row>[] = [
  {id: 'id', title: 'ID', width: 5, priority: 1, text: row => row.id, sortValue: row => row.id},
  {id: 'state', title: 'STATE', width: 10, priority: 2, text: row => row.state, sortValue: row => row.state},
  {
    id: 'age',
    title: 'AGE',
    width: 6,
    priority: 4,
    align: 'right',
    text: row => String(row.age),
    sortValue: row => row.age,
  },
  {
    id: 'query',
    title: 'QUERY',
    width: 10,
    priority: 3,
    grows: true,
    text: row => `select ${row.id}`,
    sortValue: () => null,
  },
];
const rows: Row[] = [
  {id: 'a', state: 'idle', age: 5},
  {id: 'b', state: 'active', age: null},
  {id: 'c', state: 'idle in transaction', age: 9},
];
const table: TableState = {
  sort: {column: 'age', isDescending: true},
  filter: '',
  cursor: null,
  tagged: [],
  frozenOrder: null,
};
const theme = createTheme({LANG: 'C.UTF-8'});
const idsOf = (arranged: Row[]) => arranged.map(row => row.id).join('');
const idOf = (row: Row) => row.id;

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
  it('sorts either way and puts what is unknown last both times', () => {
    expect(idsOf(arrangeRows(rows, table, columns, idOf))).toBe('cab');
    expect(
      idsOf(arrangeRows(rows, {...table, sort: {column: 'age', isDescending: false}}, columns, idOf)),
    ).toBe('acb');
  });

  it('holds still while a row is held: known rows keep their places, new ones come last', () => {
    const held = {...table, frozenOrder: ['b', 'a']};
    expect(idsOf(arrangeRows(rows, held, columns, idOf))).toBe('bac');
  });
});

describe('columns', () => {
  it.each([
    [80, ['id', 'state', 'age', 'query']],
    [30, ['id', 'state', 'query']],
    [20, ['id', 'state']],
    [5, ['id']],
  ])('at %i cells keeps %j', (width, ids) => {
    expect(fitColumns(columns, width).map(({column}) => column.id)).toEqual(ids);
  });

  it('gives names that would be cut up to half of what is left, and no more than they need', () => {
    const named = columns.map(column => (column.id === 'state' ? {...column, widest: 15} : column));
    const widthOf = (width: number) =>
      fitColumns(named, width, rows).find(({column}) => column.id === 'state')?.width;
    expect([36, 40, 44, 80].map(widthOf)).toEqual([10, 12, 14, 15]);
    expect(fitColumns(named, 80, rows.slice(0, 2)).map(({width}) => width)[1]).toBe(10);
  });

  it('drops columns for the share that the growing one is to have', () => {
    const shared = columns.map(column => (column.grows ? {...column, leastShare: 0.6} : column));
    const fitted = (width: number) =>
      fitColumns(shared, width).map(({column, width: own}) => [column.id, own]);
    expect(fitted(60)).toEqual([
      ['id', 5],
      ['state', 10],
      ['query', 41],
    ]);
    expect(fitted(16)).toEqual(fitColumns(columns, 16).map(({column, width: own}) => [column.id, own]));
  });

  it('gives what is left to the growing column', () => {
    const widths = fitColumns(columns, 80).map(({width}) => width);
    expect(widths.reduce((sum, width) => sum + width, 0) + columns.length - 1 + 2).toBe(80);
  });
});

describe('drawing', () => {
  it('says whole why it is empty', () => {
    const emptyText = 'it is not installed: CREATE EXTENSION pg_stat_statements;';
    const lines = drawTable({rows: [], table, columns, idOf, emptyText}, 40, 6, theme);
    const text = lines.map(({spans}) => spans.map(each => each.text.trim()).join('')).join(' ');
    expect(text).toContain(emptyText);
    for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(40);
  });

  it('keeps the cursor in sight and every line within the width', () => {
    const many = Array.from({length: 200}, (_, index): Row => ({id: `r${index}`, state: '漢字', age: index}));
    for (const cursor of ['r0', 'r7', 'r100', 'r199']) {
      const lines = drawTable(
        {rows: many, table: {...table, cursor}, columns, idOf, emptyText: 'none'},
        40,
        10,
        theme,
      );
      expect(lines).toHaveLength(10);
      expect(lines.filter(line => line.isSelected).map(line => line.spans[1]?.text.trim())).toEqual([cursor]);
      for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(40);
    }
  });

  it('names what it is sorted by where that column had to give way', () => {
    const header = (width: number) =>
      drawTable({rows, table, columns, idOf, emptyText: 'none'}, width, 5, theme)[0]
        ?.spans.map(({text}) => text)
        .join('')
        .trimEnd();
    expect(header(30)).toMatch(/ by AGE▼$/);
    expect(header(80)).not.toContain('by AGE');
    expect(header(80)).toContain('AGE▼');
  });

  it('says why it is empty', () => {
    const lines = drawTable({rows: [], table, columns, idOf, emptyText: 'nobody here'}, 40, 5, theme);
    expect(lines.map(line => line.spans.map(span => span.text).join('')).join('\n')).toContain('nobody here');
  });
});

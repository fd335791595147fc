import {describe, expect, it} from 'vitest';
import {fitColumns, Table} from '../../source/console/components/table.tsx';
import {styles} from '../../source/console/screen/grid.ts';
import {renderElement, rowsOfGrid, rowsOfStock} from './rendered.tsx';
import {columns, idOf, type Row, rows, table} from './table-of-three.ts';

describe('columns', () => {
  it.each([
    [80, ['id', 'state', 'age', 'query']],
    [30, ['id', 'state', 'query']],
    [20, ['id', 'state']],
    [5, ['id']],
  ])('at %i cells keeps %j', (width, ids) => {
    expect(fitColumns(columns, width).map(({column}) => column.id)).toEqual(ids);
  });

  it('gives truncated names up to half of the remaining width, before a less important column is shown', () => {
    const named = columns.map(column => (column.id === 'state' ? {...column, widest: 15} : column));
    const widthOf = (width: number) =>
      fitColumns(named, width, rows).find(({column}) => column.id === 'state')?.width;
    expect([36, 40, 44, 80].map(widthOf)).toEqual([13, 15, 15, 15]);
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

  it('gives the remaining width to the growing column', () => {
    const widths = fitColumns(columns, 80).map(({width}) => width);
    expect(widths.reduce((sum, width) => sum + width, 0) + columns.length - 1 + 2).toBe(80);
  });
});

describe('table', () => {
  /** Its rows on the screen, and which of them are selected. */
  function draw(width: number, height: number, props: Partial<Parameters<typeof Table<Row>>[0]> = {}) {
    const all = {rows, table, columns, idOf, emptyText: 'none', ...props};
    const terminal = {columns: width, rows: height};
    const {grid} = renderElement(<Table {...all} />, terminal);
    const isSelected = (y: number) => styles[grid.style[y * width + 3] ?? 0] === '7';
    const shown = rowsOfStock(<Table {...all} />, terminal);
    expect(rowsOfGrid(grid)).toEqual(shown);
    return {shown, selected: shown.filter((_, y) => isSelected(y))};
  }

  it('says whole why it is empty', () => {
    const emptyText = 'it is not installed: CREATE EXTENSION pg_stat_statements;';
    const {shown} = draw(40, 6, {rows: [], emptyText});
    expect(shown.map(row => row.trim()).join(' ')).toContain(emptyText);
  });

  it.each(['r0', 'r7', 'r100', 'r199'])('keeps the selected row %s in sight', cursor => {
    const many = Array.from({length: 200}, (_, index): Row => ({id: `r${index}`, state: '漢字', age: index}));
    const {shown, selected} = draw(40, 10, {rows: many, table: {...table, cursor}});
    expect(shown.filter(row => row.includes('select r'))).toHaveLength(9);
    expect(selected.map(row => row.trim().split(' ').slice(0, 2))).toEqual([['>', cursor]]);
  });

  it('names what it is sorted by where that column is not shown', () => {
    const header = (width: number) => draw(width, 5).shown[0];
    expect(header(30)).toMatch(/ by AGE▼$/);
    expect(header(80)).not.toContain('by AGE');
    expect(header(80)).toContain('AGE▼');
  });

  it('gives no look to cells without text', () => {
    const danger = columns.map(column => ({...column, role: () => 'danger' as const}));
    const {grid} = renderElement(
      <Table rows={rows} table={table} columns={danger} idOf={idOf} emptyText="none" />,
      {columns: 80, rows: 4},
    );
    for (const [cell, text] of grid.text.entries()) {
      // The titles, then the selected row, which is inverse to its end.
      if (cell >= 160 && text === ' ' && grid.text[cell + 1] === ' ') expect(grid.style[cell]).toBe(0);
    }
    expect(grid.style.some(style => styles[style] === '1;31')).toBe(true);
  });
});

import {describe, expect, it} from 'vitest';
import {Chart} from '../../source/console/components/chart.tsx';
import {styles} from '../../source/console/screen/grid.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import {renderElement, rowsOfGrid} from './rendered.tsx';

const theme = createTheme({LANG: 'C.UTF-8'});

describe('chart', () => {
  function draw(values: number[], {columns = 30, rows = 6, ...props} = {}) {
    const points = values.map((value, index) => ({at_ms: index * 2000, value}));
    const chart: Parameters<typeof Chart>[0] = {title: 'commits', unit: '/s', points, role: 'good', ...props};
    return rowsOfGrid(renderElement(<Chart {...chart} />, {columns, rows, theme}).grid);
  }

  it('has an axis that ends at 0, not below it', () => {
    // 1.6 in five rows: floating point makes the lowest label -2.2e-16.
    const rows = draw([1.6, 0.8], {rows: 7}).join('\n');
    expect(rows).toContain(' 1.6 ┤');
    expect(rows).toContain('   0 ┤');
    expect(rows).not.toContain('-0');
  });

  it('says its unit and the time it covers, the newest value at the right edge', () => {
    expect(draw([1, 2, 3, 4, 5, 4, 3, 4, 5, 6, 7, 8])).toEqual([
      'commits 8',
      '   8 ┤                      ╭─',
      ' 5.3 ┤               ╭──╮╭──╯',
      ' 2.7 ┤             ╭─╯  ╰╯',
      '   0 ┤             ╯',
      '/s                 -22s    now',
    ]);
  });

  it('names the time range that it shows if there are more values than columns', () => {
    expect(draw(Array.from({length: 500}, (_, index) => index)).at(-1)).toMatch(/^\/s +-48s +now$/);
  });

  it.each([0, 1, 2])('of %i values is whole', count => {
    const rows = draw([7, 9].slice(0, count));
    expect(rows[0]).toBe(['commits', 'commits 7', 'commits 9'][count]);
    expect(rows.at(-1)).toBe(['', `/s${' '.repeat(25)}now`, `/s${' '.repeat(21)}-2s now`][count]);
  });

  it('is only its title if there is no room for it', () => {
    expect(draw([3, 4], {rows: 3})).toEqual(['commits 4', '', '']);
  });

  it('gives no look to cells without a part of the line', () => {
    const points = [1, 9, 1, 9].map((value, index) => ({at_ms: index * 2000, value}));
    const chart: Parameters<typeof Chart>[0] = {title: 'used', unit: 'slots', points, role: 'danger'};
    const monochrome = createTheme({LANG: 'C.UTF-8', NO_COLOR: '1'});
    const {grid} = renderElement(<Chart {...chart} />, {columns: 30, rows: 6, theme: monochrome});
    const underlined = [...grid.text].filter((_, cell) => styles[grid.style[cell] ?? 0]?.includes('4'));
    expect(underlined.join('')).toMatch(/^[╭╮╰╯│─]+$/);
  });
});

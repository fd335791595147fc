import {describe, expect, it, onTestFinished} from 'vitest';
import {useStore} from 'zustand';
import {createStore} from 'zustand/vanilla';
import {Chart, chooseTicks} from '../../source/console/components/chart.tsx';
import {styles} from '../../source/console/screen/grid.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import {formatCount} from '../../source/core/text/format.ts';
import {mountElement, renderElement, rowsOfGrid, rowsOfStock} from './rendered.tsx';

const theme = createTheme({LANG: 'C.UTF-8'});

type Terminal = {columns?: number; rows?: number; end?: string; isWhole?: boolean};

describe('chart', () => {
  function draw(values: number[], {columns = 30, rows = 6, ...props}: Terminal = {}) {
    const points = values.map((value, index) => ({at_ms: index * 2000, value}));
    const chart: Parameters<typeof Chart>[0] = {title: 'commits', unit: '/s', points, role: 'good', ...props};
    return rowsOfStock(<Chart {...chart} />, {columns, rows, theme});
  }

  it('has an axis that ends at 0, not below it', () => {
    const rows = draw([1.6, 0.8], {rows: 7}).join('\n');
    expect(rows).toContain('   2 ┤');
    expect(rows).toContain('   0 ┤');
    expect(rows).not.toContain('-0');
  });

  it('says its unit and since when, from the axis to the newest value', () => {
    expect(draw([1, 2, 3, 4, 5, 4, 3, 4, 5, 6, 7, 8])).toEqual([
      'commits 8',
      '  10 ┤',
      '   5 ┤   ╭╮  ╭───',
      '     │╭──╯╰──╯',
      '   0 ┤╯',
      '/s    since 00:00:00Z',
    ]);
  });

  it('has its ticks in the rows in which their values are drawn, and no label in the others', () => {
    expect(draw([0, 1, 1, 0, 1], {rows: 8, isWhole: true, columns: 20})).toEqual([
      'commits 1',
      '   1 ┤╭─╮╭',
      ...Array(4).fill('     ││ ││'),
      '   0 ┤╯ ╰╯',
      '/s    00:00:00Z-',
    ]);
  });

  it('names the time range that it shows where its end is not now', () => {
    expect(draw([1, 2, 3], {end: '00:00:04Z'}).at(-1)).toBe('/s    00:00:00Z-00:00:04Z');
  });

  it('shows the newest values if there are more than columns, with room for those that follow', () => {
    const rows = draw(Array.from({length: 500}, (_, index) => index));
    expect(rows.at(-1)).toBe('/s    since 00:16:02Z');
    expect(Math.max(...rows.slice(1, -1).map(({length}) => length))).toBe(6 + 18);
  });

  it('stays where it is until its line reaches the right edge', () => {
    let count = 20;
    const elementOf = () => {
      const points = Array.from({length: count}, (_, index) => ({at_ms: index * 2000, value: index % 2}));
      return <Chart title="commits" unit="/s" points={points} role="good" />;
    };
    const shown = createStore(elementOf);
    const Shown = () => useStore(shown);
    const mounted = mountElement(() => <Shown />, {columns: 30, rows: 6, theme});
    onTestFinished(mounted.unmount);
    const begins = [];
    for (; count <= 32; count++) {
      shown.setState(elementOf(), true);
      begins.push(rowsOfGrid(mounted.draw().grid).at(-1)?.slice(-9));
    }
    expect(begins.join(' ')).toBe([...Array(6).fill('00:00:00Z'), ...Array(7).fill('00:00:14Z')].join(' '));
  });

  it.each([0, 1, 2])('of %i values is whole', count => {
    const rows = draw([7, 9].slice(0, count));
    expect(rows[0]).toBe(['commits', 'commits 7', 'commits 9'][count]);
    expect(rows.at(-1)).toBe(count === 0 ? '' : '/s    since 00:00:00Z');
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

describe('the ticks of an axis', () => {
  it.each([
    [1, 8, true, '0 1'],
    [2, 8, true, '0 1 2'],
    [3, 3, true, '0 2 4'],
    [7, 5, true, '0 2 4 6 8'],
    [11, 5, true, '0 5 10 15'],
    [97, 6, true, '0 20 40 60 80 100'],
    [97, 2, true, '0 100'],
    [100, 6, true, '0 20 40 60 80 100'],
    [1, 8, false, '0 0.2 0.4 0.6 0.8 1'],
    [1.6, 5, false, '0 0.5 1 1.5 2'],
    [8, 4, false, '0 5 10'],
    [1234, 6, false, '0 500 1.0k 1.5k'],
    [12_345, 9, false, '0 5.0k 10k 15k'],
    [3e9, 9, false, '0 1.0G 2.0G 3.0G'],
  ] as const)('up to %d in %i rows, whole: %s', (largest, rows, isWhole, expected) => {
    expect(chooseTicks(largest, {rows, isWhole}).map(formatCount).join(' ')).toBe(expected);
  });

  it('reach every largest value, fit into the rows, and are all different', () => {
    for (const rows of [2, 3, 4, 5, 8, 30])
      for (const isWhole of [true, false])
        for (let largest = 1; largest < 1e7; largest = isWhole ? Math.ceil(largest * 1.07) : largest * 1.07) {
          const ticks = chooseTicks(largest, {rows, isWhole});
          const labels = ticks.map(formatCount);
          expect(ticks.at(-1), `${largest}`).toBeGreaterThanOrEqual(largest * (1 - 1e-9));
          expect(ticks.length, `${largest}`).toBeLessThanOrEqual(rows);
          expect(new Set(labels).size, labels.join(' ')).toBe(labels.length);
          if (isWhole) expect(ticks.every(Number.isInteger), labels.join(' ')).toBe(true);
        }
  });
});

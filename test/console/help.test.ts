import {describe, expect, it} from 'vitest';
import {type Size, start} from './dialog-states.ts';
import {open, press, rowsOf} from './played.ts';

it('explains in the help what the header shows', () => {
  const state = press(open(160, 90), '?');
  expect(rowsOf(state).join('\n')).toMatch(/5\.20ms 31K +round trip of the last snapshot/);
});

describe('the help', () => {
  const help = (key: string, size: Size) => rowsOf(press(start(size), key, '?'));

  it('begins with the keys of the view that is open, then explains its columns and the header', () => {
    const rows = help('2', [80, 120]);
    const headings = rows.filter(row => /^ {2}(keys|on|in|header)\b/.test(row)).map(row => row.trim());
    expect(headings).toEqual([
      'keys of Sessions',
      'on Sessions',
      'header and tabs',
      'keys of every view',
      'keys of other views',
      'on a page and in a recipe',
      'in a field',
    ]);
    expect(rows[3]).toMatch(/^ {2}Space +tag the selected row$/);
    expect(rows.join('\n')).toMatch(/on Sessions\n {2}PID +process id/);
    expect(help('3', [80, 100]).join('\n')).toMatch(/on Statements\n {2}LOAD +share of all execution time/);
  });

  it.each(['1', '2', '3', '4', '5', '6', '7'])('in view %s says nothing twice and cuts nothing', key => {
    const rows = help(key, [80, 160])
      .slice(2, -1)
      .map(row => row.trim());
    const named = rows.filter(row => / {2,}/.test(row));
    expect(new Set(named).size).toBe(named.length);
    expect(rows.join(' ')).toContain('delete from the cursor on');
    expect(rows.join(' ')).not.toContain('…');
  });

  it('has two columns on a wide terminal', () => {
    expect(help('2', [160, 50])[2]).toMatch(/^ {2}keys of Sessions +keys of every view$/);
  });
});

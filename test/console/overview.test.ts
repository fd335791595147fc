import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {createFinding, createRecipe, open, play, press, read, rowsOf, screenOf} from './played.ts';

/** After half a minute, with so many findings and groups of sessions. */
function overview(size: {columns: number; rows: number; findings: number; groups: number}): ConsoleState {
  const found = Array.from({length: size.findings}, (_, index) =>
    createFinding({subject: `backend:${index}`, summary: `session ${index} waits`}),
  );
  const backends = Array.from({length: 30}, (_, index) =>
    createBackend({pid: 5000 + index, application_name: `app-${index % size.groups}`}),
  );
  const statements = Array.from({length: 20}, (_, index) =>
    createStatement({queryid: String(index), query: `SELECT ${index}`}),
  );
  const snapshots = Array.from({length: 15}, (_, index) =>
    createSnapshot({
      backends,
      statements,
      at: new Date(Date.UTC(2026, 0, 1, 0, 0, 2 * index)).toISOString(),
    }),
  );
  const opened = open(size.columns, size.rows, {recipes: [createRecipe({findings: () => found})]});
  return play(opened, ...snapshots.map(snapshot => read(snapshot))).state;
}

const count = (rows: string[], pattern: RegExp) => rows.filter(row => pattern.test(row)).length;
const findings = /^.[ >].*session \d+ waits/;
const groups = /^[ >]?(?:app-|pp-)\d/;
/** Rows with an axis, with a tick or without. */
const charts = /[┤│]/;

describe('overview', () => {
  it.each([
    ['80x24, few of each', {columns: 80, rows: 24, findings: 3, groups: 2}, [3, 2, 7]],
    ['80x24, many of each', {columns: 80, rows: 24, findings: 12, groups: 10}, [9, 3, 0]],
    ['100x30', {columns: 100, rows: 30, findings: 6, groups: 12}, [6, 12, 0]],
    ['60x15', {columns: 60, rows: 15, findings: 3, groups: 3}, [3, 1, 0]],
  ])('shows findings first, then those that hold slots, then charts: %s', (_, size, shown) => {
    const rows = rowsOf(overview(size));
    expect([count(rows, findings), count(rows, groups), count(rows, charts)]).toEqual(shown);
  });

  it.each([6, 7, 8, 9, 10])(
    'has no title of a chart without its chart, beside %d groups on 80x24',
    number => {
      const rows = rowsOf(overview({columns: 80, rows: 24, findings: 4, groups: number}));
      expect(count(rows, /^.?slots used .* active .* idle in transaction/) > 0).toBe(count(rows, charts) > 0);
    },
  );

  it.each([
    ['idle', {states: 'idle'}],
    ['idle in transaction', {}],
  ] as const)('K on a group of sessions that are %s opens what ends these', (state, states) => {
    const backends = [
      createBackend({pid: 5, application_name: 'web', usename: 'app', client_addr: '10.0.0.7', state}),
    ];
    const recipes = [createRecipe({id: 'kill-idle-sessions'})];
    const shown = play(open(100, 30, {recipes}), read(createSnapshot({backends}))).state;
    expect(screenOf(shown)).toContain('K end idle ones');
    const params = {application: 'web', role: 'app', client: '10.0.0.7', ...states};
    expect(press(shown, 'K').wizard).toMatchObject({recipe: 'kill-idle-sessions', params});
  });

  it('has groups and statements to the left of the charts on a wide screen', () => {
    const rows = rowsOf(overview({columns: 160, rows: 43, findings: 2, groups: 10}));
    expect([count(rows, findings), count(rows, groups)]).toEqual([2, 10]);
    expect(count(rows, /SELECT \d+ .*[┤│]/)).toBeGreaterThan(3);
    for (const title of ['slots used 30', 'active 0', 'idle in transaction 0', 'commits/s'])
      expect(count(rows, new RegExp(`^.{97} ${title}`))).toBe(1);
    expect(count(rows, /slots +since 00:00:00Z$/)).toBe(3);
  });

  it('has the statements in the whole width below both on a high one', () => {
    const rows = rowsOf(overview({columns: 160, rows: 50, findings: 10, groups: 14}));
    expect([count(rows, findings), count(rows, groups)]).toEqual([10, 14]);
    expect(count(rows, /SELECT \d+/)).toBe(12);
    expect(rows.at(-2)).toMatch(/SELECT \d+/);
    expect(count(rows, /SELECT \d+ .*[┤│]/)).toBe(0);
    expect(count(rows, /^.{97} slots used 30 +active 0$/)).toBe(1);
    expect(count(rows, /^.{97} idle in transaction 0 +commits\/s/)).toBe(1);
  });

  it('draws whole charts where three do not share the columns evenly', () => {
    const rows = rowsOf(overview({columns: 61, rows: 30, findings: 1, groups: 2}));
    expect(count(rows, /^(?:slots (?:since 00:00:\d\dZ|00:00:\d\dZ-) *){3}$/)).toBe(1);
    expect(count(rows, /^ [ \d]{3} [┤│].* [ \d]{3} [┤│].* [ \d]{3} [┤│]/)).toBe(8);
  });

  it('keeps the selected finding in sight', () => {
    const state = overview({columns: 80, rows: 24, findings: 12, groups: 10});
    const rows = rowsOf(press(state, ...Array.from({length: 11}, () => 'j')));
    expect(count(rows, /session 10 waits/)).toBe(1);
    expect(count(rows, /session 0 waits/)).toBe(0);
  });

  it('says the time at which the charts end where that is not now', () => {
    const lost = {kind: 'lost', message: 'connection refused', hint: null, retry_in_ms: 200} as const;
    const state = overview({columns: 160, rows: 43, findings: 1, groups: 2});
    expect(count(rowsOf(play(state, lost).state), /slots +00:00:00Z-00:00:28Z$/)).toBe(3);
  });

  it('shows with o what it has cut', () => {
    const query = `SELECT ${'x'.repeat(90)} FROM orders`;
    const snapshot = createSnapshot({
      backends: [createBackend({application_name: 'scoring-recalculation-worker', usename: 'scoring_owner'})],
      statements: [createStatement({query})],
      unavailable: [
        {
          section: 'databases',
          sqlstate: '42501',
          reason: Array(6).fill('permission denied').join(', '),
          remedy: 'GRANT it;',
        },
      ],
    });
    const view = play(open(60, 40), read(snapshot)).state;
    const cut = rowsOf(view).join('\n');
    const whole = rowsOf(press(view, 'o')).join(' ').replaceAll(/\s+/g, ' ');
    for (const text of [
      'scoring-recalculation-worker, role scoring_owner',
      'permission denied. GRANT it;',
      'FROM orders',
    ]) {
      expect(cut).not.toContain(text);
      expect(whole).toContain(text);
    }
    expect(rowsOf(view).at(-1)).toContain('o all');
    expect(rowsOf(press(view, 'o', 'escape'))).toEqual(rowsOf(view));
  });
});

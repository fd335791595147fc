import {describe, expect, it} from 'vitest';
import {styles} from '../../source/console/screen/grid.ts';
import {createTheme} from '../../source/console/screen/theme.ts';
import {views} from '../../source/console/views/index.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {key, open, play, press, read, rowsOf, screenOf, theme} from './played.ts';
import {expectSameCells, gridOf, rowsOfGrid} from './rendered.tsx';
import {viewState} from './view-states.ts';

const incident = createSnapshot({
  max_connections: 60,
  backends: [
    ...Array.from({length: 40}, (_, index) =>
      createBackend({
        pid: 5000 + index,
        state: 'idle in transaction',
        xact_age_ms: 90_000 + index,
        state_age_ms: 80_000,
      }),
    ),
    createBackend({
      pid: 6000,
      state: 'active',
      wait_event_type: 'Lock',
      wait_event: 'transactionid',
      blocked_by: [5000],
    }),
    createBackend({
      pid: 6001,
      state: 'active',
      wait_event_type: 'Lock',
      wait_event: 'tuple',
      blocked_by: [6000, 6000],
    }),
    createBackend({pid: 6002, state: null, backend_start: null, query: null, usename: 'other'}),
  ],
  lock_waits: [
    {
      pid: 6000,
      blocked_by: [5000],
      locktype: 'transactionid',
      mode: 'ShareLock',
      relation: null,
      wait_age_ms: 12_000,
    },
    {
      pid: 6001,
      blocked_by: [6000],
      locktype: 'tuple',
      mode: 'ExclusiveLock',
      relation: 'orders',
      wait_age_ms: 9000,
    },
  ],
});

const hostileText = `\u001b]0;owned\u0007\u001b[2J\u202E\u0000漢字\n\t${'x'.repeat(1_000_000)}`;
const hostile = createSnapshot({
  backends: [
    createBackend({
      application_name: hostileText,
      usename: '   ',
      query: hostileText,
      client_addr: '::1',
      tags: {route: hostileText},
    }),
  ],
  statements: [createStatement({query: hostileText, usename: null, datname: null})],
  unavailable: [{section: 'databases', sqlstate: '42501', reason: hostileText, remedy: hostileText}],
});

const empty = createSnapshot({backends: [], statements: [], databases: [], statements_info: null});

describe('without colour', () => {
  const nearlyFull = {...incident, budget: {...incident.budget, used: 56, used_ratio: 56 / 57, headroom: 1}};
  const noColour = createTheme({NO_COLOR: '1', LANG: 'C.UTF-8'});

  it.each(views)('only the selected row is reversed in $id, and it is marked', view => {
    const state = play(open(120, 30), read(nearlyFull), key(view.key), key('down')).state;
    const grid = gridOf(state, noColour);
    const isReversed = (cell: number) => styles[grid.style[cell] ?? 0]?.split(';').includes('7') === true;
    const rows = rowsOfGrid(grid);
    const selected = [...rows.keys()].filter(y => isReversed(y * grid.width));
    // A finding goes on in the rows below its first.
    const [first] = selected;
    expect(selected).toEqual(selected.map((_, index) => (first ?? 0) + index));
    for (const y of selected) expect(rows[y]).toMatch(y === first ? /^.?>/ : /^ {2,}\S/);
    for (let y = 0; y < grid.height; y++) {
      const reversed = Array.from({length: grid.width}, (_, x) => isReversed(y * grid.width + x));
      expect(new Set(reversed).size).toBe(1);
    }
  });

  it('the full part of a gauge is drawn full', () => {
    const state = play(open(120, 30), read(nearlyFull)).state;
    expect(rowsOfGrid(gridOf(state, noColour))[2]).toMatch(/\[█{90,}░+▒+\]/);
  });
});

describe('frames', () => {
  const sizes = [
    [80, 24],
    [160, 50],
    [40, 8],
  ] as const;
  const readings: [string, Snapshot | null][] = [
    ['before the first reading', null],
    ['an incident', incident],
    ['hostile text', hostile],
    ['nothing at all', empty],
  ];

  it.each(
    sizes.flatMap(([columns, rows]) =>
      readings
        // What is empty has the same cells at any size.
        .filter(([name]) => columns === 80 || name === 'an incident' || name === 'hostile text')
        .map(([name, snapshot]) => ({columns, rows, name, snapshot})),
    ),
  )(
    'are the same cells by stock Ink and by the grid at $columns x $rows: $name',
    async ({columns, rows, snapshot}) => {
      const opened = open(columns, rows, {isProduction: columns === 80});
      const start = snapshot ? play(opened, read(snapshot)).state : opened;
      await expectSameCells(play(start, key('?')).state, theme);
      await expectSameCells(play(start, key('enter')).state, theme);
      for (const view of views) {
        const browsing = play(start, key(view.key), key('down')).state;
        await expectSameCells(browsing, theme);
        await expectSameCells(play(browsing, key('enter')).state, theme);
        await expectSameCells(play(browsing, key('/')).state, theme);
      }
    },
  );

  it.each(views.flatMap(view => sizes.map(([columns, rows]) => ({view, columns, rows}))))(
    'are the same cells where $view.title shows all that it can, at $columns x $rows',
    async ({view, columns, rows}) => {
      const state = viewState(view, [columns, rows]);
      expect(state.view).toBe(view.id);
      for (const keys of [[], ['enter'], ['o']]) await expectSameCells(press(state, ...keys), theme);
    },
  );

  it('say on the Overview how many slots are used, free and reserved, and slots by application, role and client', () => {
    const text = screenOf(play(open(), read(incident)).state);
    expect(text).toContain('43 of 57 used (75%), 14 free, 3 reserved, max_connections 60');
    expect(text).toContain('idle in transaction 40');
    expect(text).toContain('seen: active 2  idle 0  idle in transaction 40; 1 hidden');
    expect(text).toMatch(/shop\s+shop_app\s+10\.0\.0\.7\s+42/);
  });

  it('say who uses reserved slots, and when slots run out only while some are free', () => {
    const sessions = (count: number) =>
      Array.from({length: count}, (_, index) => createBackend({pid: index + 1, is_superuser: index < 3}));
    const history = (to: number) =>
      Array.from({length: 20}, (_, index) =>
        read(
          createSnapshot({
            at: new Date(index * 1000).toISOString(),
            backends: sessions(to - 19 + index),
            max_connections: 60,
          }),
        ),
      );
    expect(screenOf(play(open(), ...history(50)).state)).toMatch(/50 of 57 used .*, full in ~\d+s/);
    const full = screenOf(play(open(), ...history(59)).state);
    expect(full).toContain('59 of 57 used (104%), 2 of 3 reserved (3 superusers), max_connections 60');
    expect(full).not.toContain('full in');
  });

  it("say which of the used slots is poolctl's own", () => {
    const snapshot = createSnapshot({backends: [createBackend()]});
    const budget = {...snapshot.budget, used: 2};
    expect(screenOf(play(open(), read({...snapshot, budget})).state)).toMatch(
      /active 0 {2}idle 1 .* poolctl 1$/m,
    );
  });

  it('count aborted transactions among those idle in one, as the chart does', () => {
    const states = ['idle in transaction', 'idle in transaction', 'idle in transaction (aborted)'] as const;
    const backends = states.map((state, index) => createBackend({pid: index + 1, state}));
    const text = screenOf(play(open(), read(createSnapshot({backends}))).state);
    expect(text).toContain('idle in transaction 3 (1 aborted)');
    expect(text).toMatch(/idle in transaction 3$/m);
  });

  it('do not take a client that is hidden for a local one, nor its state for none', () => {
    const shown = (state: 'idle' | null) =>
      screenOf(
        play(open(), read(createSnapshot({backends: [createBackend({state, client_addr: null})]}))).state,
      );
    expect(shown(null)).toMatch(/shop_app +\? +1 +\? +\? +\?\n/);
    expect(shown('idle')).toMatch(/shop_app +local +1 +0 +1 +0\n/);
  });

  it('say how many more hold slots than are shown', () => {
    const backends = Array.from({length: 40}, (_, index) =>
      createBackend({pid: index + 1, application_name: `app-${index % 20}`}),
    );
    const rows = rowsOf(play(open(), read(createSnapshot({backends}))).state);
    const shown = rows.filter(row => /^app-/.test(row)).length;
    expect(shown).toBeGreaterThan(2);
    expect(rows).toContain(`${20 - shown} more, with ${2 * (20 - shown)} slots`);
  });

  it('put host, database and role into a red frame on a target marked production', () => {
    const [edge] = rowsOf(play(open(80, 24, {isProduction: true}), read(incident)).state);
    expect(edge).toContain('PRODUCTION db.example database shop as oncall');
  });

  it('say which environment it is where that is no production', () => {
    const header = (environment: string | null) =>
      rowsOf(play(open(80, 24, {environment}), read(incident)).state)[0];
    expect(header('staging')).toMatch(/^poolctl staging oncall@db.example:5432\/shop .* ● 2s/);
    expect(header(null)).toMatch(/^poolctl oncall@/);
  });

  it('name the rescue URL in the header when connected by it', () => {
    const header = (viaRescueUrl: boolean) => rowsOf(play(open(), read(incident, viaRescueUrl)).state)[0];
    expect(header(true)).toMatch(/oncall@db.example:5432\/shop .*via rescue ● 2s/);
    expect(header(false)).not.toContain('rescue');
  });

  it('keep the last snapshot, marked stale, when the connection is lost', () => {
    const lost = {kind: 'lost', message: 'connection refused', hint: null, retry_in_ms: 200} as const;
    const text = screenOf(play(open(100, 24), read(incident), lost).state);
    expect(text).toContain('stale 00:01:00Z connection refused');
    expect(text).toContain('43 of 57 used');
  });

  it('ask for a larger terminal instead of drawing nonsense', () => {
    expect(screenOf(open(20, 5))).toContain('poolctl needs 40x8');
  });
});

describe('the keys in the footer', () => {
  const footer = (...keys: string[]) =>
    rowsOf(press(play(open(200, 24), read(incident)).state, '2', ...keys)).at(-1) ?? '';

  it('offer Enter and K on the first row, and say why not where there is none', () => {
    expect(footer()).toMatch(/Enter detail .*K terminate/);
    expect(footer()).not.toContain('there is no row');
    const none = footer('/', ...'nowhere', 'enter');
    expect(none).toContain('Enter: there is no row');
    expect(none).not.toContain('Enter detail');
  });
});

describe('tabs', () => {
  const tabs = (columns: number) =>
    rowsOf(press(play(open(columns, 24), read(incident)).state, '2', 'g'))[1] ?? '';

  it('say that the order is frozen, by a sign where words would cost the counts', () => {
    expect(tabs(132)).toMatch(/2 Sessions 43 .* order frozen$/);
    expect(tabs(118)).toMatch(/2 Sessions 43 .*0 Server +≡$/);
    expect(tabs(108)).toMatch(/^1 Overview 1! 2 Sessions 3 Statements .*9 Waits 0 Server +≡$/);
    expect(tabs(100)).toMatch(/^1Overview 1! 2Sessions 3Statements .*9Waits 0Server +≡$/);
    expect(tabs(88)).toMatch(/^1 Over 1! 2 Sessions .*9 Wait 0 Serv +≡$/);
    expect(tabs(74)).toMatch(/^1 Ove 1! 2 Sessions .*9 Wai 0 Ser +≡$/);
  });
});

describe('the line being typed', () => {
  const typed = (columns: number, text: string) =>
    rowsOf(press(play(open(columns, 24), read(incident)).state, ':', ...text, 'enter')).at(-1) ?? '';

  it('stays in sight beside what is wrong with it', () => {
    expect(typed(60, 'nonsense')).toMatch(/^ :nonsense▏ +no command "nonsense": over/);
  });

  it('is completed by Tab, and says beside it what it may become', () => {
    const shown = press(play(open(100, 24), read(incident)).state, '2');
    const lastRow = (...keys: string[]) => rowsOf(press(shown, ...keys)).at(-1) ?? '';
    expect(lastRow(':')).toMatch(/^ :▏ +Tab: recipe {2}sort {2}filter .* Esc cancels$/);
    expect(lastRow(':', 's')).toMatch(
      /^ :s▏ +Tab: sort {2}speed {2}sessions {2}statements {2}server {3}Esc cancels$/,
    );
    expect(lastRow(':', ...'stat', 'tab')).toMatch(/^ :statements▏ +Esc cancels$/);
    expect(lastRow(':', 's', 'o', 'tab', 'a', 'tab')).toMatch(/^ :sort a▏ +Tab: age {2}application {3}Esc/);
    expect(lastRow(':', 's', 'o', 'tab', 'a', 'p', 'tab')).toMatch(/^ :sort application▏ +Esc cancels$/);
    expect(lastRow(':', ...'filter !sta', 'tab')).toMatch(
      /^ :filter !state▏ +Tab: state: {2}statement: {3}Esc/,
    );
    expect(lastRow('/', ...'idle !app', 'tab')).toMatch(/^ \/idle !application:▏ +words, column:value/);
    expect(lastRow('/', ...'nothing', 'tab')).toMatch(/^ \/nothing▏ +words, column:value/);
  });

  it('shows its end where it is longer than the screen', () => {
    expect(typed(40, `${'x'.repeat(80)}end`)).toMatch(/^ :….*end▏ no comm/);
  });

  it('shows the cursor at its place, and what is around it', () => {
    const prompt = press(play(open(40, 24), read(incident)).state, ':', ...`begin${'x'.repeat(80)}end`);
    const lastRow = (...keys: string[]) => rowsOf(press(prompt, ...keys)).at(-1) ?? '';
    expect(lastRow('home')).toMatch(/^ :▏beginx+… +Esc cancels$/);
    expect(lastRow('left', 'left', 'left')).toMatch(/^ :…x+▏end +Esc cancels$/);
    expect(lastRow('home', 'right', 'right')).toMatch(/^ :be▏ginx+… +Esc cancels$/);
    expect(lastRow(...Array(30).fill('left'))).toMatch(/^ :…x+▏x+… +Esc cancels$/);
  });
});

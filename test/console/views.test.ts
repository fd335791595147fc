import {describe, expect, it} from 'vitest';
import {oneLine} from '../../source/console/rows/one-line.ts';
import {statementKey} from '../../source/core/activity/rates.ts';
import {createBackend, createSnapshot, createStatement, noRates} from '../helpers/snapshot.ts';
import {key, mount, open, play, press, read, rowsOf, screenOf} from './played.ts';

describe('sessions and statements by the tags of their statements', () => {
  const of = (pid: number, route: string, overrides = {}) =>
    createBackend({
      ...{pid, state: 'active', wait_event_type: null, query_id: String(pid), xact_age_ms: pid * 1000},
      tags: route === '' ? {} : {route, prismaQuery: `Order.${route.slice(1)}:e30`},
      ...overrides,
    });
  const backends = [
    of(11, '/cart', {state: 'idle in transaction'}),
    of(12, '/list', {wait_event_type: 'Lock', wait_event: 'transactionid', blocked_by: [11]}),
    of(13, '/list'),
    of(14, '', {state: 'idle', xact_age_ms: null}),
  ];
  const opened = (columns = 140) => play(open(columns, 24), read(createSnapshot({backends}))).state;

  it('shows sessions by route: what holds connections, what waits and what blocks', () => {
    const grouped = press(opened(), '2', 'B');
    const screen = screenOf(grouped);
    expect(screen).toMatch(/SESSIONS +ACTIVE +IDLE TX +WAITING +BLOCKS +XACT ROUTE\n/);
    expect(screen).toMatch(/> +2 +2 +1 +13s \/list\n +1 +1 +1 +11s \/cart\n +1 +- \(no tag\)/);
    expect(screenOf(press(grouped, 'B'))).toMatch(/OPERATION\n.* Order\.list\n/);
    expect(screenOf(press(grouped, 'B', 'B'))).toContain('STATEMENT');
    expect(screenOf(press(opened(180), '2'))).toMatch(/ROUTE +OPERATION +STATEMENT.*\n.*\/list +Order\.list/);
  });

  it('opens the sessions of a group, those without a tag, too', () => {
    const cart = press(opened(), '2', 'B', 'down', 'enter');
    expect(rowsOf(cart)[1]).toContain('/route=/cart');
    expect(screenOf(cart).match(/^[ >] +1\d /gm)).toEqual([expect.stringContaining('11')]);
    const others = screenOf(press(opened(), '2', 'B', 'down', 'down', 'enter'));
    expect(others.match(/^[ >] +1\d /gm)).toEqual([expect.stringContaining('14')]);
  });

  it.each<[string, string[], string]>([
    ['all of them', ['B'], ''],
    ['those of a group of slots', ['end', 'B'], 'application=shop role=shop_app client=10.0.0.7'],
    ['those of a pool', ['8', 'B'], 'application=shop role=shop_app database=shop'],
  ])('shows which endpoint holds connections in one key: %s', (_, keys, filter) => {
    const grouped = press(opened(), ...keys);
    expect(grouped).toMatchObject({view: 'sessions', tables: {sessions: {groupBy: 'route', filter}}});
    expect(screenOf(grouped)).toMatch(/> +2 +2 +1 +13s \/list\n/);
  });

  it('says where no session has a tag', () => {
    const state = play(open(140, 24), read(createSnapshot({backends: [createBackend({})]}))).state;
    expect(press(state, 'B').view).toBe('overview');
    expect(screenOf(press(state, 'B'))).toContain('no tags here: poolctl/kit or sqlcommenter');
    expect(screenOf(press(state, '2', 'B'))).toContain('no route tag here: poolctl/kit or sqlcommenter');
    expect(screenOf(press(state, '2', 'B', 'B', 'B'))).not.toContain('tag here');
  });

  it('goes to the operations where statements have no route', () => {
    const backend = createBackend({tags: {prismaQuery: 'Order.list:e30'}});
    const state = play(open(140, 24), read(createSnapshot({backends: [backend]}))).state;
    expect(press(state, 'B')).toMatchObject({view: 'sessions', tables: {sessions: {groupBy: 'operation'}}});
  });

  it('acts on no group, nor on what was tagged before', () => {
    const grouped = press(opened(), '2', 'space', 'B');
    for (const name of ['K', 'C', 'space', 'T', 's'])
      expect(screenOf(press(grouped, name)), name).toContain(
        'these are groups: Enter shows their rows, B all rows',
      );
    expect(press(grouped, 'B', 'B').tables.sessions?.tagged).toEqual([]);
  });

  it('shows what statements cost by route, and opens their load', () => {
    const grouped = press(opened(), '3', 'B');
    expect(screenOf(grouped)).toMatch(/BUSY +SHARE ROUTE[\s\S]*2\.00 +100\.0% \/list +Lock 50%, CPU 50%/);
    const list = press(grouped, 'enter');
    expect(rowsOf(list)[1]).toContain('/route=/list');
    expect(screenOf(list)).toContain('STATEMENT');
  });

  it('filters what statements cost by the dimensions of the load, names its window, and takes the filter along', () => {
    const grouped = press(opened(), '3', 'B');
    expect(screenOf(grouped)).toContain('2.0 busy sessions on average of 1 snapshot in ');
    const locked = press(grouped, '/', ...'class=Lock', 'enter');
    expect(screenOf(locked)).toContain('1.0 busy sessions on average of 1 snapshot in ');
    expect(screenOf(locked)).toMatch(/1\.00 +100\.0% \/list +Lock 100%/);
    expect(rowsOf(press(locked, 'enter'))[1]).toContain('/class=Lock route=/list');
    expect(screenOf(press(grouped, '/', ...'route=/none', 'enter'))).toContain(
      'no busy session matches the filter',
    );
    expect(screenOf(press(grouped, '/', ...'calls>1', 'enter'))).toContain('no column "calls": event,');
  });

  it('has no column for tags that no session has', () => {
    const [, , , untagged] = backends;
    const state = play(open(140, 24), read(createSnapshot({backends: untagged ? [untagged] : []}))).state;
    expect(screenOf(press(state, '2'))).not.toContain('ROUTE');
  });
});

describe('statements', () => {
  it.each([
    [0, 'no statement has been recorded yet'],
    [22, '22 statements recorded, none that this role may see: GRANT pg_monitor TO "web";'],
  ])('say whether none is recorded or none may be seen: %i', (entries, text) => {
    const statements_info = {dealloc: 0, stats_reset: null, entries, max_entries: 5000, is_evicting: false};
    const remedy = 'GRANT pg_monitor TO "web";';
    const unavailable = [{section: 'backends', sqlstate: null, reason: 'hidden', remedy}] as const;
    const snapshot = createSnapshot({statements: [], statements_info, unavailable: [...unavailable]});
    expect(screenOf(press(play(open(120, 24), read(snapshot)).state, '3'))).toContain(text);
  });
});

describe('sessions', () => {
  it('show a long application name in full if there is room', () => {
    const backends = [createBackend({application_name: 'scoring-recalculation-worker'})];
    const shown = (columns: number) =>
      screenOf(press(play(open(columns, 24), read(createSnapshot({backends}))).state, '2'));
    expect(shown(190)).toContain('scoring-recalculation-worker');
    expect(shown(80)).not.toContain('scoring-recalculation-worker');
  });
});

describe('statements', () => {
  const rates = {...noRates, interval_ms: 2000};
  const statement = createStatement({rates});
  const id = statementKey(statement);
  const selected = press(play(open(80, 24), read(createSnapshot({statements: [statement]}))).state, '3', 'g');

  it.each([
    [199, false],
    [20_050, true],
  ])('are said to be chosen only where not all are listed: of %i', (entries, isChosen) => {
    const statements_info = {dealloc: 0, stats_reset: null, entries, max_entries: 50_000, is_evicting: false};
    const snapshot = createSnapshot({statements: [statement], statements_info});
    const screen = screenOf(press(play(open(120, 24), read(snapshot)).state, '3'));
    expect(screen.includes('1 of 20,050 statements: the busiest and slowest of the last 2s')).toBe(isChosen);
    expect(screen.includes(' statements: ')).toBe(isChosen);
  });

  it('that are not being called say so, and show no mean', () => {
    const screen = screenOf(press(selected, 'enter'));
    expect(screen).toMatch(/over 2s +no calls\n/);
    expect(screen).not.toContain('0.00ms ±');
  });

  it('open at their plan with x, from the list and from the bottom of the detail', () => {
    const lines = ['Seq Scan on orders', '(generic plan: the statement was not executed)'];
    const text = Array.from({length: 60}, (_, index) => `line ${index}`);
    for (const keys of [['x'], ['enter', 'G', 'x']]) {
      const shown = mount(selected);
      shown.play(...keys, {kind: 'explained', id, lines}, {kind: 'statement-formatted', id, lines: text});
      expect(shown.rows().join('\n')).toContain('Seq Scan on orders');
    }
  });

  it('of many pages are wrapped once for a width, not for every frame', () => {
    const text = Array.from({length: 2000}, (_, index) => `select ${index} from somewhere`);
    let walks = 0;
    const counted = new Proxy(text, {
      get(target, key) {
        if (key === 'flatMap') walks++;
        return Reflect.get(target, key);
      },
    });
    const shown = mount(selected);
    shown.play('enter', {kind: 'statement-formatted', id, lines: counted});
    const walked = walks;
    expect(walked).toBeGreaterThan(0);
    shown.play('g', read(createSnapshot({statements: [createStatement({rates})]})), 'G');
    expect(shown.rows().join('\n')).toContain('select 1999 ');
    expect(walks).toBe(walked);
    shown.play({kind: 'resized', columns: 60, rows: 24});
    expect(walks).toBeGreaterThan(walked);
  });
});

describe('a statement in a list', () => {
  it.each([
    ['is as it is where it is short', 'SELECT 1', 'SELECT 1'],
    [
      'keeps the first of its columns',
      'SELECT "public"."users"."id", "public"."users"."name", "public"."users"."email" FROM "public"."users" WHERE "id" = $1',
      'SELECT users.id… FROM users WHERE id = $1',
    ],
    [
      "names the table that Prisma's count is of",
      'SELECT COUNT(*) AS "_count$_all" FROM (SELECT "public"."users"."id" FROM "public"."users" WHERE 1=1 OFFSET $1) AS "sub"',
      'SELECT COUNT(*)… FROM users WHERE 1=1 OFFSET $1) AS sub',
    ],
    ['keeps a few short columns', 'SELECT depot, count(*) FROM a', 'SELECT depot, count(*) FROM a'],
    ['keeps a subquery', 'SELECT * FROM (SELECT id FROM a) AS b', 'SELECT * FROM (SELECT id FROM a) AS b'],
    [
      'keeps a single column',
      'SELECT id FROM a WHERE x IN (SELECT y FROM b)',
      'SELECT id FROM a WHERE x IN (SELECT y FROM b)',
    ],
    [
      'is not cut in the middle of a call',
      'SELECT id, name, extract(year FROM due), email FROM a',
      'SELECT id, name, extract(year FROM due), email FROM a',
    ],
    ['has one line', 'UPDATE "a"\n  SET "B" = $1', 'UPDATE a SET "B" = $1'],
  ])('%s', (_, text, expected) => {
    expect(oneLine(text)).toBe(expected);
  });

  it('is found by its truncated part', () => {
    const statements = [createStatement({query: 'SELECT id, name, secret_column FROM a'})];
    const {state} = play(open(), read(createSnapshot({statements})), key('3'));
    expect(screenOf(press(state, '/', ...'secret_col', 'enter'))).toContain('SELECT id… FROM a');
    expect(screenOf(press(state, '/', ...'nowhere', 'enter'))).not.toContain('SELECT id');
  });
});

describe('a narrow terminal', () => {
  const backends = [
    createBackend({application_name: 'shop-worker', usename: 'shop_app', query: 'SELECT 42'}),
  ];
  const snapshot = createSnapshot({backends, statements: [createStatement({query: 'SELECT 42'})]});
  const shown = (columns: number, key: string) =>
    screenOf(press(play(open(columns, 15), read(snapshot)).state, key));

  it('shows the user of a session before its statement', () => {
    expect(shown(60, '2')).toMatch(/shop-worker +shop_app/);
    expect(shown(60, '2')).not.toContain('SELECT 42');
    expect(shown(80, '2')).toMatch(/shop-worker +shop_app +SELECT 42/);
  });

  it.each([40, 42])('shows statements at %i columns', columns => {
    expect(shown(columns, '3')).toContain('SELECT 42');
  });
});

import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../source/console/state/state.ts';
import type {Act, Finding} from '../../source/model/recipe.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {createFinding, createRecipe, open, play, press, read, screenOf} from './played.ts';

const act: Act = {recipe: 'end-them', params: {}, title: 'End them', frees: null, costs: ''};
const lockQueue = createFinding({
  severity: 'critical',
  cause: 'lock-queue',
  subject: 'relation:public.orders',
  summary:
    'ALTER TABLE orders (migrator, 40s) waits behind a SELECT (reporting, 7m); 21 sessions queue behind it',
  harm: {kind: 'waiting', sessions: 21.4, share: 0.9, since: '2026-01-01T12:00:00.000Z'},
  confidence: 'certain',
  reasons: ['ALTER TABLE needs an AccessExclusiveLock, which waits for the SELECT.'],
  changes: [{at: '2026-01-01T11:59:20.000Z', what: 'migrator connected'}],
  acts: [
    {
      recipe: 'end-them',
      params: {pid: '4711'},
      title: 'Cancel the ALTER TABLE',
      frees: 'unblocks 21 sessions immediately',
      costs: 'the migration fails and has to be run again, with a lock_timeout',
    },
    {
      recipe: 'end-them',
      params: {pid: '4712'},
      title: 'Cancel the SELECT',
      frees: 'unblocks 21 sessions once the ALTER TABLE is done',
      costs: 'the report is lost',
    },
    {recipe: null, params: {}, title: 'Set lock_timeout in migrations', frees: null, costs: ''},
  ],
});

/** A console that reads these findings, one list per snapshot. */
function reading(...lists: Finding[][]): ConsoleState {
  const left = [...lists];
  const recipes = [createRecipe({findings: () => left.shift() ?? []})];
  const snapshot = createSnapshot({at: '2026-01-01T12:00:40.000000Z'});
  return play(open(100, 40, {recipes}), ...lists.map(() => read(snapshot))).state;
}

describe("a finding's page", () => {
  it('has the keys of the finding as the last reading found it', () => {
    const [first] = lockQueue.acts ?? [];
    const left = [{...lockQueue, acts: first ? [first] : []}, lockQueue];
    const recipes = [createRecipe({findings: () => left.splice(0, 1)})];
    const page = press(play(open(100, 40, {recipes}), read(createSnapshot())).state, 'a');
    expect(press(page, 'b').wizard).toBeNull();
    const next = play(page, read(createSnapshot({at: '2026-01-01T12:00:42.000000Z'}))).state;
    expect(press(next, 'b').wizard?.params).toMatchObject({pid: '4712'});
  });

  it('says what is affected, by what, why, since when, how sure, and the acts side by side', () => {
    const page = screenOf(press(reading([lockQueue]), 'a'));
    for (const text of [
      'ALTER TABLE orders (migrator, 40s) waits behind a SELECT',
      '12:00:00Z, 40s ago',
      '21.4 sessions on average, in 90% of the snapshots',
      'certain: read from the server',
      'needs an AccessExclusiveLock',
      '11:59:20Z',
      '[a] Cancel the ALTER TABLE',
      'unblocks 21 sessions immediately',
      '[b] Cancel the SELECT',
      'the report is lost',
      'Set lock_timeout in migrations',
    ])
      expect(page).toContain(text);
    expect(page).not.toContain('[c]');
  });

  it.each([
    ['a', '4711'],
    ['b', '4712'],
  ])('%s opens its act with the parameters of that act', (letter, pid) => {
    const {wizard} = press(reading([lockQueue]), 'a', letter);
    expect(wizard).toMatchObject({recipe: 'end-them', params: {pid}});
  });

  it('has no key for advice', () => {
    const state = press(reading([lockQueue]), 'a', 'c');
    expect(state.wizard).toBeNull();
    expect(state.notice?.text).toBe('c: no such fix');
  });

  it.each<[string, Partial<Finding>, string | null]>([
    ['the sessions that it names', {explains: ['backend:2', 'backend:9']}, 'pid=2'],
    ['its subject and what it explains', {subject: 'backend:1', explains: ['backend:3']}, 'pid=1,3'],
    ['a pool', {subject: 'application:web api/role:app/runaway'}, 'application="web api" role=app'],
    ['several pools', {explains: ['application:web api/role:app', 'application:b/role:app']}, 'pid=1,2,3'],
    ['a role', {subject: 'role:app/chatty'}, 'role=app'],
    ['whom an act names', {subject: 'lock:x', acts: [{...act, params: {pid: '3@2026-01-01'}}]}, 'pid=3'],
    ['none that is still there', {subject: 'backend:9'}, null],
  ])('s shows %s in Sessions', (_, changes, filter) => {
    const backends = [
      createBackend({pid: 1, application_name: 'web api', usename: 'app'}),
      createBackend({pid: 2, application_name: 'web api', usename: 'app'}),
      createBackend({pid: 3, application_name: 'b', usename: 'app'}),
    ];
    const finding = {...lockQueue, acts: [], ...changes};
    const opened = press(
      play(
        open(100, 40, {recipes: [createRecipe({findings: () => [finding]})]}),
        read(createSnapshot({backends})),
      ).state,
      'a',
    );
    const state = press(opened, 's');
    if (filter === null) {
      expect(state).toMatchObject({
        view: 'overview',
        notice: {text: 's: no session that is still there is named'},
      });
      return;
    }
    expect(state).toMatchObject({view: 'sessions', overlay: null, tables: {sessions: {filter}}});
    expect(screenOf(state)).not.toContain('no session matches');
  });

  it('says when the finding is gone', () => {
    const opened = press(reading([lockQueue]), 'a');
    const after = play(opened, read(createSnapshot({at: '2026-01-01T12:00:50.000000Z'}))).state;
    expect(screenOf(after)).toContain('not in the last snapshot any more');
  });
});

it('on 80 columns the first two findings are shown in whole, the others in one row', () => {
  const other = createFinding({subject: 'server', summary: `${'a long summary '.repeat(12)}ends here`});
  const third = {...other, subject: 'role:app'};
  const left = [[lockQueue, other, third]];
  const recipes = [createRecipe({findings: () => left.shift() ?? []})];
  const rows = screenOf(play(open(80, 24, {recipes}), read(createSnapshot())).state).split('\n');
  const first = rows.findIndex(row => row.includes('ALTER TABLE orders'));
  expect(rows[first]).toMatch(/\[a\]$/);
  expect(
    rows
      .slice(first, first + 2)
      .join(' ')
      .replaceAll(/\s+|\[a\]/g, ' '),
  ).toContain('behind a SELECT');
  expect(rows[first + 1]?.trim()).toMatch(/21 sessions queue behind it$/);
  expect(rows.filter(row => row.includes('a long summary'))).toHaveLength(4);
  expect(rows.filter(row => row.includes('[c]'))).toHaveLength(1);
});

it('the Overview lists what explains no harm below the findings, without a key', () => {
  const harmless = createFinding({
    cause: 'open-transaction',
    subject: 'backend:1',
    summary: 'psql/bob has been idle in transaction for 12m: blocks no session, holds back no vacuum',
    acts: [],
  });
  const screen = screenOf(reading([harmless, lockQueue]));
  const rows = screen.split('\n');
  expect(rows.find(row => row.includes('ALTER TABLE orders'))).toMatch(/\[a\]$/);
  expect(rows.find(row => row.includes('psql/bob'))).not.toMatch(/\[\w\]$/);
});

it('without a finding the Overview says over what none was found, and what cannot be seen', () => {
  const screen = screenOf(reading([]));
  expect(screen).toContain('none in one snapshot');
  expect(screen).toContain("an application's queue for its pool");
});

it.each([
  ['waiting', false],
  ['slow', true],
  ['chatty', true],
] as const)(
  'on a narrow screen the Overview shows first what a finding of harm %s is about',
  (kind, isAboutStatements) => {
    const finding = createFinding({harm: {kind, sessions: 3, share: 1, since: null}, cause: 'example'});
    const screen = screenOf(reading([finding]));
    const [statements, groups] = [
      screen.indexOf('costliest statements'),
      screen.indexOf('slots by application'),
    ];
    expect(groups).toBeGreaterThan(0);
    expect(statements > 0 && statements < groups).toBe(isAboutStatements);
  },
);

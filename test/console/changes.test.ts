import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {noLoad} from '../../source/core/activity/session-load.ts';
import type {JournalEntry} from '../../source/model/journal-entry.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {key, open, play, press, read, rowsOf} from './played.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString();
const orders = createStatement({stats_since: '2025-12-01T00:00:00.000000Z'});
const added = createStatement({
  queryid: '77',
  query: 'UPDATE orders SET n = $1',
  stats_since: at(5),
  calls: 3,
});
const sessions = (count: number, backend_age_ms: number) =>
  Array.from({length: count}, (_, index) => createBackend({pid: 100 + index, backend_age_ms}));
const readings: Partial<Snapshot>[] = [
  {at: at(0), statements: [orders], backends: sessions(4, 60_000)},
  {at: at(10), statements: [orders, added], backends: sessions(4, 70_000)},
  {
    at: at(20),
    statements: [orders, added],
    backends: [...sessions(4, 80_000), createBackend({pid: 9, usename: 'other', application_name: 'psql'})],
  },
  {at: at(30), statements: [orders, added], backends: [...sessions(4, 90_000), ...sessions(8, 2000)]},
];
const messages = readings.map(reading => read(createSnapshot(reading)));

const entry = (overrides: object) =>
  ({
    schema_version: 1,
    hash: '',
    previous: '',
    actor: 'ann@bastion',
    target: 'db.example:5432/shop',
    run: 'f00',
    ...overrides,
  }) as JournalEntry;
const journal: ConsoleState['journal'] = {
  problem: null,
  unfinished: 0,
  entries: [
    entry({
      seq: 1,
      at: at(15),
      event: 'run',
      recipe: 'kill-idle-sessions',
      plan: 'abc',
      params: {},
      step_count: 2,
      before: {used: 1},
    }),
    entry({seq: 2, at: at(16), event: 'end', status: 'done', reason: null, after: {used: 1}}),
    entry({
      seq: 3,
      at: at(15),
      run: 'f01',
      target: 'another:5432/shop',
      event: 'run',
      recipe: 'vacuum',
      plan: 'abc',
      params: {},
      step_count: 1,
      before: {used: 1},
    }),
  ],
};

function shown(columns = 120, rows = 24): ConsoleState {
  return {...press(play(open(columns, rows), ...messages).state, '7'), journal};
}
const body = (state: ConsoleState) => rowsOf(state).slice(2, 7);

it('lists what changed, the newest first, with time, figures and who', () => {
  expect(body(shown())).toEqual([
    expect.stringMatching(/^what changed in 30s, since 12:00:00Z/),
    expect.stringMatching(/TIME▼ +KIND +WHAT +FIGURES +BY/),
    expect.stringMatching(
      /12:00:28Z sessions +opened 8 sessions from 10.0.0.7 +4 -> 12 sessions +shop\/shop_app/,
    ),
    expect.stringMatching(/12:00:15Z run +kill-idle-sessions ran 2 steps +done +ann@bastion/),
    expect.stringMatching(/12:00:05Z statement new: UPDATE orders SET n = \$1 +3 calls +shop_app/),
  ]);
});

it.each([
  [80, 24],
  [160, 50],
])('has time, what, figures and who at %i x %i', (columns, rows) => {
  expect(body(shown(columns, rows))[2]).toMatch(
    /12:00:28Z .*opened 8 sessions .*4 -> 12 sessions.* shop\/shop/,
  );
});

it('o shows a change uncut, on a narrow terminal too', () => {
  const page = rowsOf(press(shown(40, 24), 'o')).join('\n');
  expect(rowsOf(shown(40, 24)).join('\n')).not.toContain('opened 8 sessions from 10.0.0.7');
  expect(page).toMatch(/what +opened 8 sessions\n +from 10\.0\.0\.7/);
  expect(page).toMatch(/by +shop\/shop_app/);
});

describe('Enter on a change', () => {
  it('of sessions shows these sessions', () => {
    const state = press(shown(), 'enter');
    expect(state.view).toBe('sessions');
    expect(rowsOf(state).filter(row => row.includes('shop_app'))).not.toHaveLength(0);
    expect(rowsOf(state).filter(row => row.includes('psql'))).toHaveLength(0);
  });

  it('of poolctl opens the run in the Journal', () => {
    const state = press(shown(), 'down', 'enter');
    expect(state).toMatchObject({view: 'journal', overlay: {kind: 'run', run: 'f00'}});
    expect(state.tables.journal?.cursor).toBe('1');
  });

  it('of a statement opens the statement', () => {
    const state = press(shown(), 'end', 'enter');
    expect(state).toMatchObject({view: 'statements', overlay: {kind: 'statement', id: '10/5/77/true'}});
  });
});

it('can be filtered', () => {
  expect(rowsOf(press(shown(), '/', ...'kind:run', 'enter')).slice(4, 6)).toEqual([
    expect.stringContaining('kill-idle-sessions'),
    '',
  ]);
});

it('shows at once what was read a moment after the sessions of the same reading', () => {
  const statements = Array.from({length: 10}, (_, index) => ({...added, queryid: String(80 + index)}));
  const {statements_info} = createSnapshot();
  const reading = (second: number, count: number) =>
    read(
      createSnapshot({
        at: at(second),
        statements: [orders, ...statements.slice(0, count)],
        statements_info: statements_info && {...statements_info, at: at(second + 1)},
      }),
    );
  const {state} = play(open(120, 24), reading(4, 0), reading(8, 10));
  expect(rowsOf(press(state, '7'))[4]).toMatch(/12:00:09Z statement new: 2 other statements/);
});

it('shows the past up to its time, from the log up to now', () => {
  const past = play(shown(), key('left'), {
    kind: 'past-read',
    times: [0, 10].map(second => ({at_ms: Date.parse(at(second)), severity: null})),
    snapshots: readings.slice(0, 2).map(createSnapshot),
    outage: null,
  });
  expect(past.state.past).not.toBeNull();
  expect(body(past.state)).toEqual([
    expect.stringContaining('what changed in 10s'),
    expect.stringContaining('TIME'),
    expect.stringContaining('new: UPDATE orders'),
    '',
    '',
  ]);
});

it('asks for what changed in a recording when it is opened, and shows what came before the snapshot', () => {
  const times = [0, 10].map(second => ({at_ms: Date.parse(at(second)), severity: null}));
  const snapshots = [createSnapshot(readings[1])];
  const playing = play(
    open(120, 24, {
      past: {times, at_ms: 0, outage: null, isPlaying: false, speed: 1, now: null, whole: null},
    }),
    {
      kind: 'past-read',
      times,
      snapshots,
      outage: null,
    },
  ).state;
  const {state, effects} = play(playing, key('7'));
  expect(effects).toContainEqual({kind: 'read-whole-recording'});
  expect(body(state).join('\n')).not.toContain('UPDATE orders');
  const {log} = play(open(), ...messages).state.samples.at(-1) ?? {};
  const known = play(state, {
    kind: 'whole-recording',
    whole: {changes: log?.entries ?? [], load: noLoad},
  }).state;
  expect(body(known)[2]).toContain('new: UPDATE orders');
  expect(body(known)[3]).toBe('');
});

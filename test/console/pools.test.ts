import {expect, it} from 'vitest';
import killIdleSessions from '../../recipes/kill-idle-sessions.ts';
import tuneConnectionLimit from '../../recipes/tune-connection-limit.ts';
import {recipeOfPool} from '../../source/console/rows/pools.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {poolReadings, poolReport} from './example-readings.ts';
import {open, play, press, read, rowsOf, screenOf} from './played.ts';

/** After eleven readings, one a second. */
function readings(columns: number, rows: number) {
  return press(play(open(columns, rows, {recipes: [tuneConnectionLimit]}), ...poolReadings()).state, '8');
}

it.each([
  [80, 24],
  [160, 50],
])('Pools has a row for each application, at %i by %i', (columns, height) => {
  const rows = rowsOf(readings(columns, height));
  expect(rows[1]).toMatch(/8 ?Pools 1/);
  expect(rows[2]).toMatch(/^ +APPLICATION .*VERDICT +SESS▼ +BUSY ALL BUSY +QUEUE/);
  expect(rows[3]).toMatch(/^> jobs +shop_app .*oversized +6 +0\.0 +0% +-/);
  expect(rows[4]).toMatch(/^ {2}web +app .*saturated +5 +5\.0 +100% +34 1\.20s/);
  if (columns > 80) expect(rows[4]).toMatch(/34 requests wait for its pool of 5 \(p95 wait/);
});

it('Enter says what the verdict rests on, r opens the finding or the recipe', () => {
  const state = press(readings(120, 40), 'j', 'enter');
  const page = screenOf(state);
  expect(page).toMatch(/pool of web\/app in shop/);
  expect(page).toMatch(/saturated +34 requests wait for its pool of 5 \(p95 wait 1\.20s\); the server/);
  expect(page).toMatch(/sessions +5; at most 5 in 11 snapshots over 10s/);
  expect(page).toMatch(
    /reported +5 of 5 connections checked out, 34 requests waiting, 95 % of them at most 1\.20s/,
  );
  expect(page).toMatch(/10\.0\.0\.5 +5 sessions, 5 busy/);
  expect(page).toMatch(/r +tune-connection-limit, for role=app instances=1/);
  expect(press(state, 'r').overlay).toMatchObject({kind: 'finding', id: expect.stringContaining('web')});
  expect(press(readings(120, 40), 'r').wizard?.recipe).toBe(tuneConnectionLimit.id);
});

/** Eleven readings of `web` in two databases, with both recipes. */
function inTwoDatabases(sessions: readonly Partial<Backend>[]) {
  const backends = sessions.map((of, index) =>
    createBackend({pid: index + 1, application_name: 'web', usename: 'app', ...of}),
  );
  const all = Array.from({length: 11}, (_, second) =>
    read({...createSnapshot({backends}), at: `2026-01-01T00:02:${String(second + 10)}.000000Z`}),
  );
  const recipes = [tuneConnectionLimit, killIdleSessions];
  return press(play(open(120, 40, {recipes}), ...all).state, '8');
}

const leaked = {state: 'idle in transaction', state_age_ms: 60_000, xact_age_ms: 60_000} as const;

it.each([
  ['shop', {application: 'web', role: 'app', database: 'shop'}],
  ['archive', {application: 'web', role: 'app', database: 'archive'}],
])('r ends leaked sessions of the database of the row, %s', (database, params) => {
  const rows = inTwoDatabases([leaked, {}, {...leaked, datname: 'archive'}]);
  const state = press(rows, ...(database === 'shop' ? ['r'] : ['j', 'r']));
  expect(state.wizard).toMatchObject({recipe: 'kill-idle-sessions', params});
});

it('r ends the silent sessions of the verdict, not those of another address', () => {
  const silent = {state_age_ms: 3_600_000, backend_age_ms: 7_200_000};
  const newer = {state_age_ms: 1000, backend_age_ms: 600_000};
  const state = press(inTwoDatabases([silent, newer, {...silent, client_addr: '10.0.0.99'}]), 'r');
  expect(state.wizard?.params.pid).toMatch(/^1@/);
  expect(state.wizard?.params.pid).not.toContain(',');
});

it("r opens no finding of the application's pool in another database", () => {
  const busy = Array.from(
    {length: 5},
    (): Partial<Backend> => ({
      ...{state: 'active', wait_event_type: null, pool_report: poolReport},
    }),
  );
  const state = inTwoDatabases([...busy, ...Array(6).fill({datname: 'archive'})]);
  expect(state.findings).toMatchObject([{cause: 'pool-saturated'}]);
  expect(press(state, 'r')).toMatchObject({overlay: null, wizard: {recipe: 'tune-connection-limit'}});
});

it.each([
  [null, '5'],
  ['saturated', undefined],
] as const)('r proposes a size by what was busy unless requests may wait: %s', (may_be, most_busy) => {
  const {assessment, snapshot} = readings(120, 40);
  const pool = assessment?.applications.find(each => each.application_name === 'web');
  if (pool === undefined || snapshot === null) throw new Error('no pool');
  const {recipe, params} = recipeOfPool({...pool, verdict: null, may_be}, snapshot);
  expect(recipe).toBe('tune-connection-limit');
  expect(params).toMatchObject({role: 'app', max_instances: '1'});
  expect(params.most_busy).toBe(most_busy);
});

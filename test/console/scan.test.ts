import {expect, it} from 'vitest';
import replayEndpoint from '../../recipes/replay-endpoint.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {endpoint, scanResult} from './example-readings.ts';
import {key, open, play, press, read, rowsOf, screenOf} from './played.ts';

const scan = {directory: '/srv/shop', result: null, problem: null};

function shown(columns = 80, rows = 24) {
  const opened = open(columns, rows, {scan, recipes: [replayEndpoint]});
  return play(press(play(opened, read(createSnapshot())).state, 'A'), {kind: 'scanned', result: scanResult})
    .state;
}

it('there is no Scan without a folder, and its key says what to give', () => {
  const state = press(play(open(120, 24), read(createSnapshot())).state, 'A');
  expect(state.view).toBe('overview');
  expect(screenOf(state)).toContain("'poolctl --source DIR'");
  expect(rowsOf(state)[1]).not.toContain('Scan');
  expect(screenOf(press(state, 'shift-tab'))).toMatch(/TOPIC +VERDICT/);
});

it('scans when it is shown, and says so while it lasts', () => {
  const read80 = play(open(80, 24, {scan}), read(createSnapshot())).state;
  const {state, effects} = play(read80, key('A'));
  expect(effects).toContainEqual({kind: 'scan'});
  expect(screenOf(state)).toContain('reading the source in another process');
  const failed = play(state, {kind: 'scan-failed', message: '/srv/shop is not a directory'}).state;
  expect(screenOf(failed)).toContain('/srv/shop is not a directory');
});

it.each([
  [80, 24],
  [160, 50],
])('at %i by %i what costs most on the server comes first', (columns, height) => {
  const rows = rowsOf(shown(columns, height));
  expect(rows[1]).toMatch(/A ?Scan/);
  expect(rows[2]).toMatch(/^\/srv\/shop {2}3 endpoints with queries in 30 files/);
  expect(rows[3]).toMatch(/^ +SEVERITY +EXEC▼ .*CONN SEQ .*ENDPOINT +ISSUES/);
  expect(rows[4]).toMatch(/^> high +1m01s .*1 +n .*GET \/orders +query-in-loop/);
  expect(rows[5]).toMatch(/^ {2}low +40\.0ms .*1 +1 .*GET \/cheap/);
  expect(rows[6]).toMatch(/^ {2}critical .*9 +1 .*GET \/never/);
  expect(rows[7]).toMatch(/^ {2}medium .*\(the application\) +no-shutdown/);
});

it('Enter shows each issue with its place and fix, r replays the endpoint', () => {
  const state = press(shown(120, 40), 'enter');
  const page = screenOf(state);
  expect(page).toMatch(/on the server +1m01s in 12k calls of 2 statements; 1 other endpoint/);
  expect(page).toMatch(/query-in-loop\n +app\/orders\/route\.ts:12\n +2 queries per pass of the loop/);
  expect(page).toMatch(/poolctl scan --fix/);
  const {wizard} = press(state, 'r');
  expect(wizard).toMatchObject({
    recipe: 'replay-endpoint',
    params: {endpoint: '/srv/shop/orders.endpoint.ts'},
  });
});

it('r finds the file of a route in another form', () => {
  const files = {'GET /shop/api/orders/:id/': '/srv/shop/order.sql'};
  const report = {...scanResult.report, endpoints: [endpoint('GET /api/orders/[id]', {})]};
  const before = shown(160, 24);
  const {state} = play(before, {kind: 'scanned', result: {...scanResult, report, endpoint_files: files}});
  expect(press(state, 'r').wizard).toMatchObject({params: {endpoint: '/srv/shop/order.sql'}});
});

it('r says how to get an endpoint file where there is none', () => {
  const state = press(shown(160, 24), 'j', 'r');
  expect(state.wizard).toBeNull();
  expect(screenOf(state)).toContain("poolctl replay --capture 'GET /cheap' writes one");
});

import {describe, expect, it} from 'vitest';
import {addLoad, noLoad} from '../../source/core/activity/session-load.ts';
import type {ServerState} from '../../source/model/server-state.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {key, open, play, press, read, rowsOf, screenOf} from './played.ts';

const active = {state: 'active', wait_event_type: null, wait_event: null} as const;
const reading = {state: 'active', wait_event_type: 'IO', wait_event: 'DataFileRead'} as const;

function waits(size: [number, number], ...readings: Partial<Backend>[][]) {
  const messages = readings.map((backends, second) =>
    read(
      createSnapshot({
        at: new Date(Date.UTC(2026, 0, 1, 12, 0, second * 5)).toISOString(),
        backends: backends.map((backend, index) => createBackend({pid: index + 1, ...backend})),
      }),
    ),
  );
  return press(play(open(...size), ...messages).state, '9');
}

const orders = {...reading, query_id: '7', query: 'SELECT * FROM orders', application_name: 'web'};
const items = {...reading, query_id: '8', query: 'UPDATE items SET n = 1', application_name: 'job'};

describe('the Waits view', () => {
  it.each<[number, number]>([
    [80, 24],
    [160, 50],
  ])('shows busy sessions by wait event, on average of the readings (%ix%i)', (columns, rows) => {
    const shown = rowsOf(
      waits([columns, rows], [orders, items, active], [orders], [orders, active], [active]),
    );
    const text = shown.join('\n');
    expect(text).toContain('1.8 busy sessions on average of 4 snapshots in 15s');
    expect(text).toMatch(/C CPU 0\.8 +D disk 1\.0/);
    expect(text).toMatch(/> +1\.00 +57\.1% IO:DataFileRead .*IO 100%/);
    expect(text).toMatch(/0\.75 +42\.9% CPU .*CPU 100%/);
    // One cell of CPU below one of disk, at the time of the first reading.
    expect(text).toMatch(/│ +D[D ]/);
  });

  it('looks into a row: its sessions by the next dimension in which they differ', () => {
    const by_statement = press(waits([120, 40], [orders, items, active]), 'enter');
    expect(screenOf(by_statement)).toMatch(
      /1\.00 +50\.0% SELECT \* FROM orders[\s\S]*1\.00 +50\.0% UPDATE items/,
    );
    expect(rowsOf(by_statement)[1]).toContain('/event=IO:DataFileRead');
    const same = press(by_statement, 'enter');
    expect(screenOf(same)).toContain('these sessions differ in nothing else');
  });

  it('draws the cores as a line, where they are known and not far above the load', () => {
    const of = (cores: number) => {
      const now = createSnapshot({
        backends: [createBackend({pid: 1, ...orders}), createBackend({pid: 2, ...active})],
      });
      return rowsOf(press(play(open(120, 40), read({...now, target: {...now.target, cores}})).state, '9'));
    };
    const near = of(4);
    expect(near.filter(row => /^ {3}4 │─+$/.test(row))).toHaveLength(1);
    expect(near.join('\n')).toContain('─ 4 cores');
    const far = of(64);
    expect(far.some(row => /│─+$/.test(row))).toBe(false);
    expect(far.join('\n')).toContain('─ 64 cores');
    expect(screenOf(waits([120, 40], [orders]))).not.toContain('core');
  });

  it('has the cores read once, from the host', () => {
    const state = press(play(open(120, 40), read(createSnapshot())).state, '9');
    const shown = (server?: ServerState) => {
      const later = createSnapshot({at: '2026-01-01T12:00:09.000Z', ...(server && {server})});
      return play(state, read(later)).effects.find(({kind}) => kind === 'show');
    };
    expect(shown()).toMatchObject({server: 'host'});
    expect(shown({host: {kind: 'elsewhere', reason: 'over the network'}})).toMatchObject({server: null});
  });

  it('reads the whole of a recording once, and shows it or the time before the snapshot on show', () => {
    const at_ms = (minute: number) => Date.UTC(2026, 0, 1, 12, minute);
    const busy = [[orders], [orders, items], [active], [active, active, active]];
    const snapshots = busy.map((backends, minute) =>
      createSnapshot({
        at: new Date(at_ms(minute * 30)).toISOString(),
        backends: backends.map((backend, index) => createBackend({pid: index + 1, ...backend})),
      }),
    );
    const times = snapshots.map((_, minute) => ({at_ms: at_ms(minute * 30), severity: null}));
    const past = {times, at_ms: 0, outage: null, isPlaying: false, speed: 1, now: null, whole: null};
    const {state, effects} = play(
      open(120, 40, {past}),
      {kind: 'past-read', times, snapshots: snapshots.slice(1, 2), outage: null},
      key('9'),
    );
    expect(effects).toContainEqual({kind: 'read-whole-recording'});
    const load = snapshots.reduce((all, each) => addLoad(all, each, {isWhole: true}), noLoad);
    const known = play(state, {kind: 'whole-recording', whole: {changes: [], load}}).state;
    expect(play(known, key('1'), key('9')).effects).not.toContainEqual({kind: 'read-whole-recording'});
    expect(screenOf(known)).toContain('2.0 busy sessions on average of 1 snapshot in');
    const shown = (window: 'reset' | '60min') => screenOf({...known, window});
    expect(shown('60min')).toContain('1.5 busy sessions on average of 2 snapshots in 30m00s');
    expect(shown('reset')).toContain(
      '1.8 busy sessions on average of 4 snapshots in 1h30m, the whole recording',
    );
  });

  it('shows of the past what was up to then, over all windows', () => {
    const live = waits([120, 40], [orders], [orders, items], [active, active, active]);
    const snapshot = createSnapshot({
      at: new Date(Date.UTC(2026, 0, 1, 12, 0, 5)).toISOString(),
      backends: [],
    });
    const times = [{at_ms: Date.parse(snapshot.at), severity: null}];
    const {state} = play(live, {kind: 'past-read', times, snapshots: [snapshot], outage: null});
    expect(screenOf({...state, window: 'reset'})).toContain(
      '1.5 busy sessions on average of 2 snapshots in 5s',
    );
  });

  it('starts over on another server', () => {
    const of = (system_identifier: string, second: number) => {
      const now = createSnapshot({
        at: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(),
        backends: [createBackend(orders)],
      });
      return read({...now, target: {...now.target, server: {...exampleServer, system_identifier}}});
    };
    const state = play(open(120, 40), of('1', 0), of('1', 5), of('2', 10)).state;
    expect(screenOf(press(state, '9'))).toContain('average of 1 snapshot');
  });

  it('goes through the windows by the clock, each of which shows something else', () => {
    const minutes = Array.from({length: 9}, (_, minute) =>
      createSnapshot({
        at: new Date(Date.UTC(2026, 0, 1, 12, minute)).toISOString(),
        backends: [createBackend({pid: 1, ...orders})],
      }),
    );
    let state = press(play(open(120, 40), ...minutes.map(each => read(each))).state, '9');
    const shown = ['1m00s', '5m00s', '8m00s', '8m00s', '1m00s'].map(span => {
      const isShown = rowsOf(state)[2]?.includes(`in ${span} (samples of poolctl`);
      state = press(state, 't');
      return isShown;
    });
    expect(shown).toEqual([true, true, true, true, true]);
  });

  it('groups by another dimension', () => {
    const by_application = press(waits([120, 40], [orders, orders, items]), 's', 's', 's', 's');
    expect(screenOf(by_application)).toMatch(/APPLICATION[\s\S]*2\.00 +66\.7% web[\s\S]*1\.00 +33\.3% job/);
  });

  it('shows a row uncut on o', () => {
    const query = `SELECT ${'x'.repeat(150)} FROM orders`;
    const rows = press(waits([80, 24], [{...orders, query}, items]), 's');
    expect(screenOf(rows)).not.toContain('FROM orders');
    const page = screenOf(press(rows, 'o'));
    expect(page.replace(/\s+/g, '')).toContain(query.replace(/\s+/g, ''));
    expect(page).toMatch(/busy +1\.00/);
  });

  it('names what a filter cannot mean', () => {
    const filtered = press(waits([120, 40], [orders]), '/', ...'foo=1');
    expect(screenOf(filtered)).toContain('no column "foo": event, statement');
  });

  it('says how many sessions are hidden from the role', () => {
    const text = screenOf(waits([120, 40], [{state: null}, {state: null}, active]));
    expect(text).toContain('1.0 busy sessions on average of 1 snapshot');
    expect(text).toContain('and 2.0 sessions whose state is hidden');
  });

  it('has no row where no session is busy', () => {
    expect(screenOf(waits([120, 40], [{}]))).toContain('no session was busy');
  });
});

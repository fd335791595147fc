import {describe, expect, it} from 'vitest';
import {serverRows} from '../../source/core/server/topics/index.ts';
import type {ServerState} from '../../source/model/server-state.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {serverReading, slot} from './example-readings.ts';
import {key, open, play, press, read, rowsOf, screenOf} from './played.ts';

/** The view, with what was read of the server. */
function server(state: ServerState | null, [columns, rows]: [number, number] = [100, 30]) {
  const snapshot = createSnapshot({...(state !== null && {server: state})});
  const opened = play(press(play(open(columns, rows), read(snapshot)).state, '0'), {
    kind: 'server-rows',
    serverRows,
  });
  return opened.state;
}

describe('the Server view', () => {
  it('asks for its lines when it is opened, and for what it shows until it is left', () => {
    const shown = play(open(), read(createSnapshot()), key('0'));
    expect(shown.effects).toContainEqual({kind: 'load-server-rows'});
    expect(shown.effects.findLast(({kind}) => kind === 'show')).toMatchObject({server: 'shown'});
    const left = play(shown.state, key('1'));
    expect(left.effects.findLast(({kind}) => kind === 'show')).toMatchObject({server: null});
  });

  it.each<[number, number]>([
    [80, 24],
    [160, 50],
  ])('has a verdict a line, the first one selected, and ? for what was not read (%ix%i)', (columns, rows) => {
    const screen = rowsOf(server(serverReading, [columns, rows])).join('\n');
    expect(screen).toMatch(/^> horizon +\? +not read yet$/m);
    expect(screen).toMatch(/^ {2}replication warning +logical slot cdc, without a consumer, retains 3\.0G/m);
    expect(screen).toMatch(/^ {2}WAL +ok +pg_wal is 64M; rate available after the next refresh$/m);
    expect(screen).toMatch(/^ {2}checkpoints ok +1 checkpoint of 4 requested since 2026-01-01 12:04:00Z/m);
  });

  it('filters its lines by topic and verdict', () => {
    const filtered = press(server(serverReading), '/', ...'verdict=warning', 'enter');
    expect(screenOf(filtered)).toContain('slot cdc');
    expect(screenOf(filtered)).not.toContain('pg_wal is');
  });

  it('shows the figures of a line, and opens the recipe that answers it', () => {
    const page = press(server(serverReading), '/', ...'cdc', 'enter', 'enter');
    expect(screenOf(page)).toMatch(/replication slot cdc[\s\S]*consumer +none[\s\S]*retains +3\.0G of WAL/);
    expect(screenOf(page)).toMatch(/limit +none \(max_slot_wal_keep_size = -1\)/);
    expect(screenOf(page)).toMatch(/r +drop replication slot cdc, if its consumer is gone for good/);
    expect(screenOf(press(page, 'r'))).toContain('no recipe "drop-replication-slot"');
  });

  it('says on the page when the subject is gone', () => {
    const page = press(server(serverReading), '/', ...'cdc', 'enter', 'enter');
    const gone = play(page, read(createSnapshot({server: {replication: {slots: [], standbys: []}}}))).state;
    expect(screenOf(gone)).toMatch(/not there any more[\s\S]*slot cdc/);
  });

  it('shows a line as it is now, also where the filter hides it', () => {
    const page = press(server(serverReading), '/', ...'verdict=warning', 'enter', 'enter');
    const replication = {
      slots: [{...slot, retained_bytes: 0, wal_status: 'reserved', is_active: true}],
      standbys: [],
    };
    const changed = play(page, read(createSnapshot({server: {...serverReading, replication}}))).state;
    expect(screenOf(press(changed, 'escape'))).toContain('nothing matches verdict=warning');
    expect(screenOf(changed)).toMatch(/replication slot cdc|slot cdc/);
    expect(screenOf(changed)).not.toContain('not there any more');
  });

  it('is not read while paused nor while the past is shown, and says so', () => {
    const live = server(null);
    const shows = (...messages: Parameters<typeof play>) =>
      play(...messages).effects.findLast(({kind}) => kind === 'show');
    expect(shows(live, key('p'))).toMatchObject({server: null});
    const paused = press(live, 'p');
    expect(screenOf(paused)).toMatch(/horizon +\? +paused: p resumes/);
    expect(shows(paused, key('p'))).toMatchObject({server: 'shown'});
    const snapshots = [createSnapshot()];
    const earlier = {
      kind: 'past-read',
      times: [{at_ms: 0, severity: null}],
      snapshots,
      outage: null,
    } as const;
    expect(shows(live, earlier)).toMatchObject({server: null});
    expect(shows(play(live, earlier).state, key('L'))).toMatchObject({server: 'shown'});
  });
});

it.each([
  [createBackend({xmin_age: null}), /vacuum +pins nothing: it has neither a snapshot nor a transaction id/],
  [
    createBackend({xmin_age: 12, backend_xid: null}),
    /vacuum +pins rows deleted in the last 12 transactions \(its snapshot\)/,
  ],
  [
    createBackend({xmin_age: 1, backend_xid: '4711'}),
    /vacuum +pins rows deleted in the last 1 transaction \(transaction 4711\)/,
  ],
])('a page of a session says what it pins', (backend, text) => {
  const {state} = play(open(120, 40), read(createSnapshot({backends: [backend]})));
  expect(screenOf(press(state, '2', 'enter'))).toMatch(text);
});

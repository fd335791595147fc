import {describe, expect, it} from 'vitest';
import {createFilter, filterProblem} from '../../source/console/rows/arrange.ts';
import {sessionColumns, sessionRows} from '../../source/console/rows/sessions.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {open, play, press, read, rowsOf, screenOf} from './played.ts';

const backends = [
  createBackend({pid: 1, application_name: 'web', state: 'active', xact_age_ms: 90_000, query: 'SELECT 1'}),
  createBackend({pid: 2, application_name: '', state: 'idle', xact_age_ms: null, query: 'see lock:tuple'}),
  createBackend({
    pid: 3,
    application_name: 'batch job',
    state: 'idle',
    xact_age_ms: 5_000,
    query: 'SELECT 3',
  }),
  createBackend({
    pid: 4,
    application_name: 'Web',
    state: 'active',
    wait_event_type: 'Lock',
    blocked_by: [1],
    xact_age_ms: 60_000,
    query: 'UPDATE t',
  }),
];

describe('a filter', () => {
  it.each([
    ['xact>1m', [1]],
    ['xact>=1m', [1, 4]],
    ['xact<10s', [3]],
    ['!xact>10s', [2, 3]],
    ['pid>2 pid<4', [3]],
    ['application=""', [2]],
    ['application=', [1, 2, 3, 4]],
    ['pid=1,3', [1, 3]],
    ['!pid=1,3', [2, 4]],
    ['application=web,"batch job",""', [1, 2, 3, 4]],
    ['application="web,batch job"', []],
    ['application="batch job"', [3]],
    ['"application=batch job"', [3]],
    ['statement:update', [4]],
    ['blocked:1', [4]],
    ['state:waiting', [4]],
    ['state:active', [1, 4]],
    ['"lock:tuple"', [2]],
    ['xact>', [1, 2, 3, 4]],
    ['foo:bar', []],
    ['xact>soon', []],
  ])('%s matches %j', (filter, pids) => {
    const matches = createFilter(filter, sessionColumns);
    expect(backends.filter(matches).map(({pid}) => pid)).toEqual(pids);
  });

  it.each([
    ['foo:bar', /^no column "foo": pid, state, /],
    ['pid:1 xact>soon', /^"soon" is not a number: use/],
    ['application=""', null],
    ['statement:x', null],
    ['"lock:tuple"', null],
  ])('%s: what is wrong with it', (filter, problem) => {
    const found = filterProblem(filter, sessionColumns);
    if (problem === null) expect(found).toBeNull();
    else expect(found).toMatch(problem);
  });

  it('says on the screen that there is no such column', () => {
    const state = play(open(100, 24), read(createSnapshot({backends}))).state;
    expect(screenOf(press(state, '2', '/', ...'foo:bar', 'enter'))).toContain('no column "foo": pid, state');
  });
});

describe('sessions', () => {
  const shown = (...keys: string[]) =>
    press(play(open(80, 24), read(createSnapshot({backends}))).state, '2', ...keys);

  it('name at 80 columns whom a session waits for', () => {
    expect(rowsOf(shown()).find(row => /^ +4 /.test(row))).toContain('waits 1');
  });

  it('are sorted by text from A, by figures from the greatest', () => {
    const sorted = (column: string) =>
      sessionRows(
        shown(
          ':',
          ...`sort ${column}`
            .replaceAll(' ', ' ')
            .split('')
            .map(key => (key === ' ' ? 'space' : key)),
          'enter',
        ),
      ).map(({pid}) => pid);
    expect(sorted('pid')).toEqual([4, 3, 2, 1]);
    expect(sorted('application')).toEqual([2, 4, 3, 1]);
  });

  it('put an aborted transaction in its place by the age of its state', () => {
    const aborted = createBackend({
      pid: 9,
      state: 'idle in transaction (aborted)',
      xact_age_ms: null,
      state_age_ms: 70_000,
    });
    const state = play(open(80, 24), read(createSnapshot({backends: [...backends, aborted]}))).state;
    expect(sessionRows(state).map(({pid}) => pid)).toEqual([1, 9, 4, 3, 2]);
  });

  it('are tagged all at once with T, and a tag that the filter hides is named before an act', () => {
    const all = shown('/', ...'state:idle', 'enter', 'T');
    expect(all.tables.sessions?.tagged.map(id => Number.parseInt(id, 10)).sort()).toEqual([2, 3]);
    expect(press(all, 'T').tables.sessions?.tagged).toEqual([]);
    const hidden = press(all, '/', 'ctrl-u', ...'pid=2', 'enter');
    expect(hidden.tables.sessions?.tagged).toHaveLength(2);
  });
});

describe('a group of the Overview', () => {
  const snapshot = createSnapshot({
    backends: [
      createBackend({pid: 1, application_name: '', usename: 'app', client_addr: '10.0.0.1'}),
      createBackend({pid: 2, application_name: '', usename: 'app', client_addr: '10.0.0.1'}),
      createBackend({pid: 3, application_name: 'web', usename: 'app', client_addr: '10.0.0.1'}),
    ],
  });
  const overview = play(open(80, 24), read(snapshot)).state;

  it('opens its sessions with Enter, and no others', () => {
    const sessions = press(overview, 'enter');
    expect(sessions.view).toBe('sessions');
    expect(sessions.tables.sessions?.filter).toBe('application="" role=app client=10.0.0.1');
    expect(
      sessionRows(sessions)
        .map(({pid}) => pid)
        .sort(),
    ).toEqual([1, 2]);
  });
});

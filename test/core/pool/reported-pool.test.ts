import {describe, expect, it} from 'vitest';
import {
  poolWaitMs,
  queueOf,
  type Reporting,
  readApplicationName,
} from '../../../source/core/pool/reported-pool.ts';
import type {Backend, PoolReport} from '../../../source/model/snapshot.ts';
import {createBackend} from '../../helpers/snapshot.ts';

const report = {instance: 'k3f', turn: 10, size: 9, busy: 9, waiting: 34, wait_p95_ms: 1200};

describe('readApplicationName', () => {
  it.each([
    ['web[9/9 w34 p95 1.2s #k3f.a]', 'web', report],
    ['web[3/9 w0 #k3f.1]', 'web', {...report, turn: 1, busy: 3, waiting: 0, wait_p95_ms: 0}],
    ['web[9/9 w34 #k3f.a]', 'web', {...report, wait_p95_ms: null}],
    ['web[9/9 w34 p95 850ms #k3f.zz]', 'web', {...report, turn: 1295, wait_p95_ms: 850}],
    ['web[9/9 w34 p95 34s #000.0]', 'web', {...report, instance: '000', turn: 0, wait_p95_ms: 34_000}],
    ['[0/1 w0 #a1b.0]', '', {instance: 'a1b', turn: 0, size: 1, busy: 0, waiting: 0, wait_p95_ms: 0}],
    ['web[eu-1][9/9 w34 p95 1.2s #k3f.a]', 'web[eu-1]', report],
    ['web[3/9 w0 #k3f.1][9/9 w34 p95 1.2s #k3f.a]', 'web[3/9 w0 #k3f.1]', report],
    ['two\nlines[9/9 w34 p95 1.2s #k3f.a]', 'two\nlines', report],
  ])('takes the report off %j', (text, name, expected) => {
    expect(readApplicationName(text)).toEqual({name, report: expected});
  });

  it.each([
    ...['', 'web', 'web[9/9]', 'web[9/9 w34]', '[]', ']', 'psql [1/2 w3 #abc.d', 'web[9/9 w34 p95 1.2s #k3'],
    ...['web[9/9 w34 p95 1.2s #k3f.a] ', 'web[9/9 w34 p95 1.2s #k3f.a]\n', 'web[9/9 w34  #k3f.a]'],
    ...['web[-9/9 w34 #k3f.a]', 'web[9/9 w34 #K3F.a]', 'web[9/9 w34 #k3f.aaa]', 'web[9/9 w34 #k3fx.a]'],
    ...['web[9/9 w34 p95 1.25s #k3f.a]', 'web[9/9 w34 p95 2min #k3f.a]', 'web[9/9 w34 p95 1e9s #k3f.a]'],
    ...['web[9/9 w99999999999999999999 #k3f.a]', 'web[٩/٩ w0 #k3f.a]', 'web(9/9 w34 #k3f.a)'],
    'web[9/9 w34 p95 1.2s #k3f.a][x]',
    '['.repeat(5000),
  ])('leaves %j alone', text => {
    expect(readApplicationName(text)).toEqual({name: text, report: null});
  });

  it('masks a secret in the name, with a report or without', () => {
    expect(readApplicationName('web password=hunter2').name).not.toContain('hunter2');
    expect(readApplicationName('web password=hunter2[9/9 w34 #k3f.a]').name).not.toContain('hunter2');
  });
});

describe('queueOf', () => {
  type Session = Partial<Omit<Reporting, 'pool_report'>> & Partial<PoolReport>;
  const queue = (...sessions: Session[]) =>
    queueOf(
      sessions.map(({state = 'active', state_age_ms = 100, client_addr = null, ...reported}) => ({
        ...{state, state_age_ms, client_addr, application_name: 'web', usename: 'app', datname: 'shop'},
        pool_report: {...report, ...reported},
      })),
    );
  const full = {size: 9, busy: 9, waiting: 34, wait_p95_ms: 1200};

  it.each([
    {of: 'the newest of an instance', turns: [3, 5, 4], current: 5},
    {of: 'one that started over', turns: [1295, 0, 1290], current: 0},
    {of: 'the first after a long silence', turns: [1200, 40], current: 40},
    {of: 'a single one', turns: [7], current: 7},
  ])('takes $of', ({turns, current}) => {
    const sessions = turns.map(turn => ({turn, waiting: turn}));
    expect(queue(...sessions)).toMatchObject({waiting: current});
    expect(queue(...sessions.toReversed())).toMatchObject({waiting: current});
  });

  it('sums the instances, with the longest wait that is known', () => {
    const other = {instance: 'bbb', size: 5, busy: 2, waiting: 0};
    expect(queue({}, {turn: 9, waiting: 1}, {...other, wait_p95_ms: 0})).toEqual({
      ...{size: 14, busy: 11, waiting: 34},
      wait_p95_ms: 1200,
    });
    expect(queue({wait_p95_ms: null}, {...other, wait_p95_ms: 70})).toMatchObject({wait_p95_ms: 70});
    expect(queue({wait_p95_ms: null}, {...other, wait_p95_ms: 0})).toMatchObject({wait_p95_ms: null});
    expect(queue({wait_p95_ms: null})).toEqual({...full, wait_p95_ms: null});
  });

  const idle = (state_age_ms: number): Session => ({state: 'idle', state_age_ms});

  it('does not believe that requests wait while the session handed out last is left idle', () => {
    const earlier = {turn: 9, waiting: 1};
    expect(queue(earlier, idle(9000))).toEqual(full);
    expect(queue(earlier, idle(11_000))).toEqual({size: 9, busy: 1, waiting: 0, wait_p95_ms: 0});
    expect(queue({}, idle(11_000))).toEqual(full);
    expect(queue({}, {...idle(11_000), instance: 'bbb'})).toMatchObject({waiting: 34});
  });

  it('believes it where other sessions are idle because they were never released', () => {
    const leaked = Array.from({length: 9}, (_, turn) => ({...idle(60_000), turn}));
    const newest = {size: 10, busy: 10, waiting: 34, wait_p95_ms: 5000};
    expect(queue(...leaked, {...idle(200), ...newest})).toEqual(newest);
  });

  it('distinguishes instances of one id at several addresses', () => {
    const hosts = [1, 2, 3].map(host => ({client_addr: `10.0.0.${host}`, turn: host, waiting: host}));
    expect(queue(...hosts)).toMatchObject({size: 27, waiting: 6});
  });
});

describe('poolWaitMs', () => {
  it.each<[string, Partial<Backend>]>([
    ['application', {application_name: 'jobs'}],
    ['role', {usename: 'batch'}],
    ['database', {datname: 'archive'}],
    ['address', {client_addr: '10.0.0.9'}],
  ])('is not hidden by an instance of the same id of another %s', (_, other) => {
    const busy = {state: 'active', state_age_ms: 100} as const;
    const waiting = createBackend({pid: 1, ...busy, pool_report: report});
    const fine = {...report, turn: 20, waiting: 0, wait_p95_ms: 0};
    expect(poolWaitMs([waiting, createBackend({pid: 2, ...busy, ...other, pool_report: fine})])).toBe(1200);
  });

  it('is null where no pool reports', () => {
    expect(poolWaitMs([createBackend()])).toBeNull();
  });
});

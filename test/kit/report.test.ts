import {describe, expect, test} from 'vitest';
import {readApplicationName} from '../../source/core/pool/reported-pool.ts';
import {cleanName, nameBytes, turns, writeReport, writeState, writeTime} from '../../source/kit/report.ts';
import {createWaitLog, windowMs} from '../../source/kit/waits.ts';

describe('a report in an application_name', () => {
  test.each([
    [{busy: 9, size: 9, waiting: 34, p95_ms: 1234}, 10, 'web[9/9 w34 p95 1.2s #k3f.a]'],
    [{busy: 3, size: 9, waiting: 0, p95_ms: null}, 1, 'web[3/9 w0 #k3f.1]'],
    [{busy: 3, size: 9, waiting: 0, p95_ms: 0.2}, turns - 1, 'web[3/9 w0 p95 1ms #k3f.zz]'],
    [{busy: 3, size: 9, waiting: 0, p95_ms: 60_400}, turns, 'web[3/9 w0 p95 60s #k3f.0]'],
  ])('%j', (state, turn, name) => {
    expect(writeReport('web', writeState(state), 'k3f', turn)).toBe(name);
    const {busy, size, waiting} = state;
    expect(readApplicationName(name)).toMatchObject({
      name: 'web',
      report: {busy, size, waiting, instance: 'k3f'},
    });
  });

  test.each([
    [0, '1ms'],
    [850.4, '850ms'],
    [999.4, '999ms'],
    [999.6, '1.0s'],
    [9949, '9.9s'],
    [9960, '10s'],
    [34_200, '34s'],
    [1e9, '9999s'],
  ])('%d ms is %s', (ms, text) => {
    expect(writeTime(ms)).toBe(text);
  });

  test.each([
    ['web', 'web'],
    ['wéb 🚀\n', 'w?b ??'],
    ['billing-worker-of-the-european-region', 'billing-worker-of-the-europ'],
    ['é'.repeat(40), '?'.repeat(27)],
  ])('the name %s is %s', (application, name) => {
    expect(cleanName(application)).toBe(name);
  });

  test('fits into 63 bytes with the longest name and the largest figures', () => {
    const state = writeState({busy: 1e6, size: 1e6, waiting: 1e9, p95_ms: 1e12});
    const name = writeReport(cleanName('x'.repeat(200)), state, 'k3f', turns - 1);
    expect(name).toHaveLength(nameBytes);
    expect(readApplicationName(name)).toMatchObject({
      name: 'x'.repeat(27),
      report: {busy: 9999, waiting: 99_999},
    });
  });
});

describe('the waits of the last minute', () => {
  test('are measured ones, by nearest rank', () => {
    const log = createWaitLog();
    expect(log.read(0)).toEqual({count: 0, p50_ms: null, p95_ms: null, max_ms: null, window_ms: windowMs});
    for (let wait = 100; wait >= 1; wait--) log.add(wait, 100 - wait);
    expect(log.read(100)).toEqual({count: 100, p50_ms: 50, p95_ms: 95, max_ms: 100, window_ms: windowMs});
    expect(log.read(windowMs + 49)).toMatchObject({count: 50, max_ms: 50});
    expect(log.read(windowMs + 99)).toMatchObject({count: 0, p95_ms: null});
  });

  test('cover a shorter time where there are more than 10,000', () => {
    const log = createWaitLog();
    for (let at = 0; at < 30_000; at++) log.add(at, at);
    expect(log.read(29_999)).toMatchObject({count: 10_000, max_ms: 29_999, window_ms: 10_000});
  });
});

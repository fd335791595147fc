import {describe, expect, it} from 'vitest';
import {groupLoad, loadOver} from '../../../source/core/activity/load-over.ts';
import {addLoad, noLoad} from '../../../source/core/activity/session-load.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const start_ms = Date.UTC(2026, 0, 1, 12, 0, 0);

const active = {state: 'active', wait_event_type: null, wait_event: null} as const;
const idle = {state: 'idle', wait_event_type: 'Client', wait_event: 'ClientRead'} as const;

describe('what pg_wait_sampling has seen', () => {
  const at = new Date(start_ms).toISOString();
  const seen = (pid: number, query_id: string | null, count: number, event: string | null = null) => ({
    ...{pid, query_id, count, wait_event_type: event && 'IO', wait_event: event},
  });
  const web = createBackend({...active, pid: 1, application_name: 'web', query_id: '7', query: 'SELECT 7'});
  const other = createBackend({...idle, pid: 2, application_name: 'job', query_id: '8', query: 'SELECT 8'});
  const worker = {pid: 3, backend_type: 'autovacuum worker'} as never;
  const samples = (...of: ReturnType<typeof seen>[]) => ({
    wait_samples: {every_ms: 10, samples: 100, has_cpu: true, seen: of},
  });
  const over = (overrides: Parameters<typeof createSnapshot>[0], before = noLoad) =>
    loadOver(addLoad(before, createSnapshot({at, backends: [web, other], ...overrides})), 60_000);

  it('counts by its samples, not by the reading', () => {
    const load = over(samples(seen(1, '7', 25), seen(1, '7', 50, 'DataFileRead'), seen(2, '9', 10)));
    expect(load).toMatchObject({
      readings: 100,
      sources: [{by: 'pg_wait_sampling', every_ms: 10, has_cpu: true}],
    });
    const of = (dimension: 'event' | 'application' | 'statement' | 'route') =>
      groupLoad(load?.rows ?? [], dimension).map(({value, sessions}) => [value, sessions]);
    expect(of('event')).toEqual([
      ['IO:DataFileRead', 0.5],
      ['CPU', 0.35],
    ]);
    expect(of('application')).toEqual([
      ['web', 0.75],
      ['job', 0.1],
    ]);
    // An earlier statement of a session: neither its text nor its tags are known.
    expect(of('statement')).toEqual([
      ['SELECT 7', 0.75],
      ['(unknown) 9', 0.1],
    ]);
    expect(of('route')).toEqual([
      ['(no tag)', 0.75],
      ['(unknown)', 0.1],
    ]);
  });

  it('leaves out background processes, and takes a session that is gone if it was in a statement', () => {
    const load = over({
      background_workers: [worker],
      ...samples(seen(3, null, 90, 'DataFileRead'), seen(4, null, 90), seen(5, '7', 20)),
    });
    expect(load?.rows.map(({application_name, sessions}) => [application_name, sessions])).toEqual([
      [null, 0.2],
    ]);
  });

  it('takes from the reading what is on a CPU where the extension does not see it', () => {
    const {wait_samples} = samples(seen(2, '9', 10, 'DataFileRead'));
    const load = over({wait_samples: {...wait_samples, has_cpu: false}});
    const events = groupLoad(load?.rows ?? [], 'event').map(({value, sessions}) => [value, sessions]);
    expect(events).toEqual([
      ['CPU', 1],
      ['IO:DataFileRead', 0.1],
    ]);
  });

  it('weighs as much as readings of the same time, also where both are merged, and every source is kept', () => {
    const reading = (second: number) => ({
      at: new Date(start_ms + second * 1000).toISOString(),
      backends: [web, other],
      ...(second >= 5 && samples(seen(2, '9', 100, 'DataFileRead'))),
    });
    const history = Array.from({length: 10}, (_, second) => createSnapshot(reading(second))).reduce(
      (load, snapshot) => addLoad(load, snapshot),
      noLoad,
    );
    const expected = {
      readings: 505,
      sources: [{by: 'poolctl'}, {by: 'pg_wait_sampling'}],
      rows: [
        {event: 'CPU', sessions: 0.5},
        {event: 'IO:DataFileRead', sessions: 0.5},
      ],
    };
    expect(loadOver(history, 60_000)).toMatchObject(expected);
    const later = Array.from({length: 20}, (_, second) => createSnapshot({...reading(400 + second)})).reduce(
      (load, snapshot) => addLoad(load, snapshot),
      history,
    );
    expect(later.buckets[0]?.sources).toMatchObject(expected.sources);
    expect(loadOver(later, Infinity, start_ms + 300_000)).toMatchObject(expected);
  });

  it('is none in a reading that did not ask', () => {
    const {wait_samples} = samples();
    expect(over({wait_samples: {...wait_samples, samples: 0}})).toBeNull();
  });
});

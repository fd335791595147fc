import {describe, expect, it} from 'vitest';
import {examineSlow} from '../../../../source/core/assessment/harms/slow.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {TableUpkeep} from '../../../../source/model/recipe-data.ts';
import type {Backend} from '../../../../source/model/snapshot.ts';
import {createBackend, createStatement, noRates} from '../../../helpers/snapshot.ts';
import {type Course, contextOf, listings} from './courses.ts';

const slow: Course = {
  query: 'SELECT l.price FROM listings l WHERE l.status = $1',
  per_second: 8,
  ms_per_call: 600,
};

const upkeep = (...tables: TableUpkeep[]): AssessmentFacts => ({maintenance: {tables, xmin_holders: []}});

describe('a statement that takes the server', () => {
  it('is explained by stale statistics of a table that it reads', () => {
    expect(examineSlow(contextOf([slow], {facts: upkeep(listings)}))).toMatchObject([
      {
        cause: 'stale-statistics',
        recipe: 'analyze-stale-tables',
        params: {tables: 'public.listings'},
        summary:
          'a SELECT of listings by shop_app: 600ms a call, 100% of the load, 4.8 sessions at once: statistics of listings are stale, 300k rows have changed since, autovacuum is off for it',
        explains: ['statement:1', 'statistics'],
      },
    ]);
  });

  it.each<[string, Course, AssessmentFacts, string[]]>([
    ['new', slow, {}, ['slow-statement']],
    [
      'with the statistics of another table stale',
      slow,
      upkeep({...listings, name: 'offers'}),
      ['slow-statement'],
    ],
    ['as slow as always', {...slow, before: 10_000}, {}, []],
    ['that keeps less than two sessions busy', {...slow, per_second: 2}, upkeep(listings), []],
    [
      'that was called four times',
      {...slow, per_second: 4, until: 1, ms_per_call: 20_000},
      upkeep(listings),
      [],
    ],
    ['that ended ten seconds ago', {...slow, until: 8}, upkeep(listings), []],
  ])('%s', (_, course, facts, causes) => {
    expect(examineSlow(contextOf([course], {facts})).map(({cause}) => cause)).toEqual(causes);
  });

  it.each<[string, {hit_before: number; started_at: string | null}, string, RegExp]>([
    [
      'a plan that touches more',
      {hit_before: 4, started_at: null},
      'plan-changed',
      /: it reads 7\.8M a call from outside shared buffers, much more than before; its plan touches more blocks than before$/,
    ],
    [
      'a restart',
      {hit_before: 1000, started_at: '2026-01-01T11:58:00Z'},
      'cache-cold',
      /; the server was started 2m19s ago, its cache fills again$/,
    ],
    [
      'others that push out what it reads',
      {hit_before: 1000, started_at: '2025-12-01T00:00:00Z'},
      'cache-cold',
      /; what it reads no longer stays in shared buffers$/,
    ],
  ])('is explained by %s', (_, {hit_before, started_at}, cause, summary) => {
    const calls = 10_000 + 8 * 19;
    const context = contextOf([slow]);
    const statement = {
      ...createStatement({
        ...slow,
        queryid: '1',
        calls,
        total_exec_time_ms: 10_000 + 8 * 19 * 600,
        shared_blks_read: 8 * 19 * 1000,
        shared_blks_hit: 10_000 * hit_before,
      }),
      rates: {...noRates, calls_per_second: 8, shared_blks_read_per_second: 8000},
    };
    const {target} = context.snapshot;
    const snapshot = {
      ...context.snapshot,
      statements: [statement],
      target: {
        ...target,
        ...(target.server && {server: {...target.server, ...(started_at !== null && {started_at})}}),
      },
    };
    expect(examineSlow({...context, snapshot})).toMatchObject([
      {cause, summary: expect.stringMatching(summary)},
    ]);
  });

  describe('whose load waits for the disk', () => {
    const reading = (count: number, query_id = '1') =>
      Array.from({length: 6}, (_, index) =>
        createBackend({
          ...{pid: index + 1, state: 'active', query_id},
          ...(index < count
            ? {wait_event_type: 'IO', wait_event: 'DataFileRead'}
            : {wait_event_type: null, wait_event: null}),
        }),
      );
    /** 41,000 blocks a call, before and now. */
    const read = (before_ms: number): Course => ({
      ...slow,
      before: 100,
      calls: 100 + 8 * 19,
      shared_blks_read: (100 + 8 * 19) * 41_000,
      rates: {...noRates, calls_per_second: 8, shared_blks_read_per_second: 8 * 41_000},
      total_exec_time_ms: 100 * before_ms + 8 * 19 * 600,
    });
    /** Its counters at the end; contextOf's are of 600 ms a call all along. */
    const examine = (course: Course, backends: Backend[], cores?: number) => {
      const context = contextOf([slow], {backends});
      const {target} = context.snapshot;
      const statements = [createStatement({queryid: '1', ...course})];
      return examineSlow({
        ...context,
        snapshot: {...context.snapshot, statements, target: {...target, ...(cores !== undefined && {cores})}},
      });
    };

    it('names its share, its cause and the blocks a call, where it is slower than before', () => {
      expect(examine(read(20), reading(4))).toMatchObject([
        {
          cause: 'disk-reads',
          summary:
            '67% of the load waits for IO:DataFileRead, caused by a SELECT of listings by shop_app, which reads 41k blocks a call: 600ms, 4.8 sessions at once; 20.0ms a call before',
          reasons: expect.arrayContaining([
            '67% of 6.0 busy sessions wait for IO:DataFileRead, 100% of them in this statement.',
          ]),
        },
      ]);
    });

    it('or where more sessions are busy than there are cores', () => {
      expect(examine(read(600), reading(4), 4)).toMatchObject([{cause: 'disk-reads'}]);
      expect(examine(read(600), reading(4), 1)[0]?.reasons).toContain('The server has 1 core.');
      expect(examine(read(600), reading(4), 8)).toEqual([]);
      expect(examine(read(600), reading(4))).toEqual([]);
    });

    it.each<[string, Course, Backend[]]>([
      ['few sessions wait for it', read(20), reading(2)],
      ['another statement reads', read(20), reading(4, '9')],
      ['it reads few blocks', {...read(20), rates: {...noRates, calls_per_second: 8}}, reading(4)],
    ])('but not where %s', (_, course, backends) => {
      expect(examine(course, backends).map(({cause}) => cause)).toEqual(['slow-statement']);
    });
  });

  it('names the small work_mem of its role where it spills', () => {
    const spilling = {
      ...slow,
      temp_blks_written: 4000 * 8 * 19,
      rates: {...noRates, calls_per_second: 8, temp_blks_per_second: 32_000},
    };
    const facts = {setting_overrides: [{role: 'shop_app', database: null, name: 'work_mem', value: '64kB'}]};
    expect(examineSlow(contextOf([spilling], {facts}))).toMatchObject([
      {
        cause: 'temp-spills',
        recipe: 'reset-role-setting',
        params: {role: 'shop_app', setting: 'work_mem'},
        summary: expect.stringMatching(/a call; work_mem = 64kB is set for role shop_app$/),
      },
    ]);
  });

  it('is below the findings where it spills and is not the load', () => {
    const report = {
      query: 'SELECT "a" FROM "t" ORDER BY "a"',
      per_second: 1,
      rates: {...noRates, temp_blks_per_second: 6000},
    };
    const [finding] = examineSlow(contextOf([report]));
    expect(finding).toMatchObject({
      cause: 'temp-spills',
      summary:
        'a SELECT by shop_app writes and reads 47M a second of temporary files: it sorts or hashes more than work_mem holds',
    });
    expect(finding?.harm).toBeUndefined();
    expect(examineSlow(contextOf([{...report, rates: {...noRates, temp_blks_per_second: 500}}]))).toEqual([]);
  });

  it('is left to the waits where its sessions wait for locks', () => {
    const waiting = createBackend({state: 'active', wait_event_type: 'Lock', query_id: '1'});
    expect(examineSlow(contextOf([slow], {facts: upkeep(listings), backends: [waiting]}))).toEqual([]);
  });
});

import {describe, expect, it} from 'vitest';
import type {Context} from '../../../../source/core/assessment/context.ts';
import {examineChatty} from '../../../../source/core/assessment/harms/chatty.ts';
import {examineHorizon} from '../../../../source/core/assessment/harms/horizon.ts';
import {examineSlow} from '../../../../source/core/assessment/harms/slow.ts';
import {samplesOf} from '../../../../source/core/assessment/samples.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment.ts';
import type {TableUpkeep, XminHolder} from '../../../../source/model/recipe-data.ts';
import type {Backend, Statement} from '../../../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../../../helpers/snapshot.ts';

/** Calls and execution time of a statement, per second, up to `until` (seconds). */
type Course = Partial<Statement> & {
  per_second?: number;
  ms_per_call?: number;
  until?: number;
  before?: number;
};

/** Twenty readings, one second apart. */
function contextOf(
  courses: readonly Course[],
  {facts = {}, backends = [createBackend()]}: {facts?: AssessmentFacts; backends?: Backend[]} = {},
): Context {
  const snapshots = Array.from({length: 20}, (_, second) =>
    createSnapshot({
      at: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(),
      backends,
      statements_info: {
        at: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(),
        dealloc: 0,
        stats_reset: '2026-01-01T00:00:00Z',
        entries: 2,
        max_entries: 5000,
        is_evicting: false,
      },
      statements: courses.map(
        ({per_second = 0, ms_per_call = 0.1, until = 20, before = 0, ...rest}, index) => {
          const calls = before + per_second * Math.min(second, until);
          return createStatement({
            queryid: String(index + 1),
            calls,
            rows: calls,
            total_exec_time_ms: calls * ms_per_call,
            ...(second > 0 && {rates: {...noRates, calls_per_second: second <= until ? per_second : 0}}),
            ...rest,
          });
        },
      ),
    }),
  );
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined) throw new Error('twenty snapshots');
  return {snapshot, samples: samplesOf(snapshots), facts};
}

const noRates = {
  interval_ms: 1000,
  calls_per_second: 0,
  exec_ms_per_second: 0,
  exec_share_ratio: 0,
  rows_per_second: 0,
  shared_blks_hit_per_second: 0,
  shared_blks_read_per_second: 0,
  temp_blks_per_second: 0,
  wal_bytes_per_second: 0,
  mean_exec_time_ms: 0,
  stddev_exec_time_ms: 0,
};

const page: Course = {
  query: 'SELECT "id" FROM "Post" ORDER BY "createdAt" LIMIT 100',
  per_second: 2,
  before: 5000,
};
const lookup: Course = {query: 'SELECT "name" FROM "Author" WHERE "id" = $1', per_second: 200};
const twin: Course = {query: 'SELECT "name" FROM "Author" WHERE "id" = ANY ($1)', before: 5000};

describe('a chatty application', () => {
  it('has a statement that is called a hundred times per request, new, and its twin fell silent', () => {
    expect(examineChatty(contextOf([page, lookup, twin]))).toMatchObject([
      {
        cause: 'chatty',
        recipe: 'chatty',
        subject: 'role:shop_app/chatty',
        summary: expect.stringMatching(
          /^shop: 1 statement run 100 times as often as SELECT "id" FROM "Post".*1 query for lists of keys fell silent: 200 round trips a second \(N\+1\)$/,
        ),
        confidence: 'likely',
        explains: ['statement:2'],
      },
    ]);
  });

  it.each<[string, Course[]]>([
    ['a lookup that was always as busy', [page, {...lookup, before: 8_000_000}]],
    ['a lookup ten times a second', [page, {...lookup, per_second: 10}]],
    ['a lookup that takes long', [page, {...lookup, ms_per_call: 20}]],
    ['a lookup out of step with anything', [{...lookup}, {...page, per_second: 150}]],
    ['one that ended', [{...page, until: 8}, {...lookup, until: 8}, twin]],
  ])('is not seen in %s', (_, courses) => {
    expect(examineChatty(contextOf(courses))).toEqual([]);
  });
});

const slow: Course = {
  query: 'SELECT l.price FROM listings l WHERE l.status = $1',
  per_second: 8,
  ms_per_call: 600,
};
const listings: TableUpkeep = {
  oid: '16400',
  schema: 'public',
  name: 'listings',
  live_rows: 320_000,
  dead_rows: 0,
  rows_changed_since_analyze: 300_000,
  analyze_threshold: 2050,
  vacuum_threshold: 4050,
  is_autovacuum_enabled: false,
  analyze_age_ms: 3_600_000,
  vacuum_age_ms: null,
  analyze_count: 1,
  may_analyze: true,
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

const slot: XminHolder = {
  kind: 'replication slot',
  name: 'standby_berlin',
  description: 'physical, not in use',
  xmin_age: 900_000,
  age_ms: null,
};
const outbox = {
  ...listings,
  name: 'outbox',
  dead_rows: 600_000,
  rows_changed_since_analyze: 0,
  vacuum_age_ms: 30_000,
};
const poll: Course = {query: 'DELETE FROM "outbox" WHERE "id" = $1', per_second: 10, ms_per_call: 50};
const held = (holder: XminHolder, ...tables: TableUpkeep[]): AssessmentFacts => ({
  maintenance: {tables, xmin_holders: [holder]},
});

describe('vacuum held back', () => {
  const examined = (facts: AssessmentFacts, backends?: Backend[]) =>
    examineHorizon(contextOf([poll], {facts, ...(backends && {backends})}));

  it('by a slot: names it with the rows that it keeps, and the recipe that drops it', () => {
    expect(examined(held(slot, outbox))).toMatchObject([
      {
        cause: 'horizon',
        recipe: 'drop-replication-slot',
        params: {slot: 'standby_berlin'},
        summary:
          'replication slot standby_berlin (physical, not in use) holds back vacuum: 600k dead rows of outbox stay',
      },
    ]);
  });

  it('names the statement that reads the dead rows while it still runs; an INSERT reads none', () => {
    const running = (query: string) =>
      [1, 2].map(pid => createBackend({pid, state: 'active', query_age_ms: 6000, query}));
    const facts = held(slot, outbox);
    expect(examined(facts, running('DELETE FROM outbox WHERE id < 7'))).toMatchObject([
      {
        severity: 'critical',
        summary: expect.stringMatching(/; DELETE FROM outbox, which reads them, runs in 2 sessions$/),
        harm: {sessions: 2},
      },
    ]);
    expect(examined(facts, running('INSERT INTO outbox VALUES (1)'))).toMatchObject([
      {severity: 'warning', summary: expect.stringMatching(/rows of outbox stay$/)},
    ]);
  });

  it('by a session: ends it if idle, and says whose it is', () => {
    const session = createBackend({pid: 7, state: 'idle in transaction', application_name: 'psql'});
    const holder: XminHolder = {
      ...slot,
      kind: 'backend',
      name: '7',
      description: 'psql/shop_app',
      age_ms: 720_000,
    };
    expect(examined(held(holder, outbox), [session])).toMatchObject(
      [
        {
          recipe: 'terminate-sessions',
          params: {pid: '7'},
          summary: /^psql\/shop_app \(12m00s\), in one transaction, holds back vacuum/,
        },
      ].map(({summary, ...rest}) => ({...rest, summary: expect.stringMatching(summary)})),
    );
  });

  it.each<[string, XminHolder]>([
    ['a prepared transaction', {...slot, kind: 'prepared transaction', name: 'tx-1', age_ms: 900_000}],
    ['a standby', {...slot, kind: 'standby', name: 'replica-2'}],
  ])('by %s: only advises', (_, holder) => {
    const [finding] = examined(held(holder, outbox));
    expect(finding?.recipe).toBe('horizon');
    expect(finding?.acts?.map(({recipe}) => recipe)).toEqual([null]);
  });

  it.each<[string, Partial<XminHolder>, number | null]>([
    ['the table was never vacuumed', {}, null],
    ['the table was vacuumed before the transaction began', {age_ms: 61_000}, 62_000],
    ['nothing was committed that it may not see', {xmin_age: 1}, 30_000],
    ['a slot, and no vacuum came lately', {kind: 'replication slot', age_ms: null}, 3_600_000],
  ])('is not known where %s', (_, of, vacuum_age_ms) => {
    const holder: XminHolder = {...slot, kind: 'backend', name: '7', age_ms: 720_000, ...of};
    expect(examined(held(holder, {...outbox, vacuum_age_ms}))).toEqual([]);
  });

  it('is no harm without dead rows: a slot is mentioned, a young transaction is not', () => {
    const few = {...outbox, dead_rows: 500};
    expect(examined(held(slot, few))).toMatchObject([{cause: 'horizon'}]);
    expect(examined(held(slot, few))[0]).not.toHaveProperty('harm');
    expect(examined(held({...slot, kind: 'backend', name: '7', age_ms: 2000}, outbox))).toEqual([]);
  });
});

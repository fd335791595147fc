import {describe, expect, it} from 'vitest';
import {examineSlow} from '../../../../source/core/assessment/harms/slow.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {RowPolicy, RowTrigger, TableUpkeep} from '../../../../source/model/maintenance.ts';
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
          'a SELECT of listings by shop_app: 600ms per call, 100% of the load, 4.8 concurrent sessions: statistics of listings are stale, 300k rows have changed since, autovacuum is off for it',
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
    [
      'that only inserts into a table with stale statistics',
      {...slow, before: 10_000, query: 'INSERT INTO listings SELECT n, 1 FROM generate_series(1, 1000) n'},
      upkeep(listings),
      [],
    ],
    [
      'that inserts what it reads from one',
      {...slow, query: 'INSERT INTO "Archive" SELECT * FROM "public"."listings" WHERE sold'},
      upkeep(listings),
      ['stale-statistics'],
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
      /: it reads 7\.8M per call from outside shared buffers, much more than before; its plan touches more blocks than before$/,
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
    /** 41,000 blocks per call, before and now. */
    const read = (before_ms: number): Course => ({
      ...slow,
      before: 100,
      calls: 100 + 8 * 19,
      shared_blks_read: (100 + 8 * 19) * 41_000,
      rates: {...noRates, calls_per_second: 8, shared_blks_read_per_second: 8 * 41_000},
      total_exec_time_ms: 100 * before_ms + 8 * 19 * 600,
    });
    /** Its counters at the end; contextOf's are of 600 ms per call all along. */
    const examine = (course: Course, backends: Backend[], cores?: number) => {
      const context = contextOf([slow], {backends});
      const {target} = context.snapshot;
      const statements = [createStatement({queryid: '1', ...course})];
      return examineSlow({
        ...context,
        snapshot: {...context.snapshot, statements, target: {...target, ...(cores !== undefined && {cores})}},
      });
    };

    it('names its share, its cause and the blocks per call, where it is slower than before', () => {
      expect(examine(read(20), reading(4))).toMatchObject([
        {
          cause: 'disk-reads',
          summary:
            '67% of the load waits for IO:DataFileRead, caused by a SELECT of listings by shop_app, which reads 41k blocks per call: 600ms, 4.8 concurrent sessions; 20.0ms per call before',
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
        summary: expect.stringMatching(/per call; work_mem = 64kB is set for role shop_app$/),
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
        'a SELECT by shop_app writes and reads 47M/s of temporary files: it sorts or hashes more than work_mem holds',
    });
    expect(finding?.harm).toBeUndefined();
    expect(examineSlow(contextOf([{...report, rates: {...noRates, temp_blks_per_second: 500}}]))).toEqual([]);
  });

  it('offers to vacuum a table of dead rows, by its quoted name', () => {
    const table = {
      ...listings,
      name: 'Order',
      live_rows: 20,
      dead_rows: 300_000,
      is_autovacuum_enabled: true,
    };
    const query = 'SELECT "id" FROM "public"."Order" WHERE "state" = $1';
    const [finding] = examineSlow(contextOf([{...slow, query}], {facts: upkeep(table)}));
    expect(finding).toMatchObject({cause: 'dead-rows', params: {tables: 'public.Order'}});
    expect(finding?.acts?.map(({title}) => title)).toEqual([
      expect.stringMatching(/^VACUUM "public"\."Order":/),
      expect.stringContaining('ALTER TABLE "public"."Order" SET (autovacuum'),
    ]);
  });

  describe('and touches many blocks', () => {
    /** 1000 blocks per call now, `before` in earlier calls; one row. */
    const examine = (query: string, facts: AssessmentFacts = {}, before = 0) => {
      const context = contextOf([{...slow, query}], {facts});
      const calls = 100 + 8 * 19;
      const statement = createStatement({
        ...{queryid: '1', query, calls, rows: calls},
        total_exec_time_ms: 100 * 20 + 8 * 19 * 600,
        shared_blks_hit: 100 * before + 8 * 19 * 1000,
        shared_blks_read: 0,
        rates: {
          ...noRates,
          calls_per_second: 8,
          shared_blks_hit_per_second: 8000,
          shared_blks_read_per_second: 0,
        },
      });
      return examineSlow({...context, snapshot: {...context.snapshot, statements: [statement]}})[0];
    };

    const trigger: RowTrigger = {
      schema: 'public',
      table: 'Order',
      name: 'order Limit',
      function: 'check_limit',
      events: ['INSERT', 'UPDATE', 'DELETE'],
    };
    const facts = (...row_triggers: RowTrigger[]): AssessmentFacts => ({
      maintenance: {tables: [], xmin_holders: [], table_facts: {without_statistics: [], row_triggers}},
    });
    const insert = 'INSERT INTO "public"."Order" ("cents") VALUES ($1) RETURNING "id"';

    it('is explained by a trigger where it inserts given values', () => {
      const finding = examine(`/* api */ ${insert}`, facts(trigger));
      expect(finding).toMatchObject({
        cause: 'slow-trigger',
        summary: expect.stringMatching(
          /: for each row it runs the trigger order Limit \(check_limit\); 1\.0k blocks per call$/,
        ),
      });
      expect(finding?.acts?.at(-1)?.title).toMatch(
        /ALTER TABLE "public"\."Order" DISABLE TRIGGER "order Limit"$/,
      );
    });

    it.each<[string, string, RowTrigger[], string]>([
      ['it updates', 'UPDATE "public"."Order" SET "cents" = $1 WHERE "note" = $2', [trigger], 'plan-changed'],
      ['it deletes', 'DELETE FROM "public"."Order" WHERE "note" = $1', [trigger], 'plan-changed'],
      [
        'it inserts what it reads',
        'INSERT INTO "public"."Order" ("cents") SELECT "cents" FROM "Draft" WHERE "note" = $1',
        [trigger],
        'plan-changed',
      ],
      [
        'one of its values is read',
        'INSERT INTO "public"."Order" ("cents") VALUES ((SELECT max("cents") FROM "Draft"))',
        [trigger],
        'plan-changed',
      ],
      ['the trigger is of another schema', insert, [{...trigger, schema: 'archive'}], 'plan-changed'],
      ['the trigger runs for others', insert, [{...trigger, events: ['DELETE']}], 'plan-changed'],
      [
        'tables of two schemas may be meant',
        'INSERT INTO "Order" ("cents") VALUES ($1)',
        [trigger, {...trigger, schema: 'tenant'}],
        'plan-changed',
      ],
    ])('but not where %s', (_, query, triggers, cause) => {
      expect(examine(query, facts(...triggers))?.cause).toBe(cause);
    });

    it.each<[string, string, string]>([
      ["payload->>'customer' = $1", 'the filter on payload ->>', 'on the expression, (payload ->> ...)'],
      [
        '("public"."Event"."payload"#>ARRAY[$1]::text[])::jsonb = $2',
        'the filter on "public"."Event"."payload" #>',
        'on the expression, ("payload" #> ...)',
      ],
      ['tags @> $1', 'the filter on tags @>', 'USING gin (tags); of a range, USING gist'],
      ['payload::jsonb ?| $1', 'the filter on payload ?|', 'USING gin (payload)'],
      [
        '("id" > $1 AND "public"."Event"."name"::text ILIKE $2)',
        '"public"."Event"."name" ILIKE',
        '("name" gin_trgm_ops)',
      ],
      ['name::varchar(20) ~~* $1', 'name ~~*', '(name gin_trgm_ops)'],
      ['lower(email) = lower($1)', 'lower(email)', 'on the expression lower(email), or compare email'],
      ['substring(code from $1 for $2) = $3', 'substring(code)', 'on the expression substring(code)'],
      ['date_trunc($1, created_at) = $2', 'date_trunc(..., created_at)', 'compare created_at itself'],
      ['note NOT LIKE $1 AND lower(email) = $2', 'lower(email)', 'lower(email)'],
      ['id IN (SELECT id FROM draft WHERE upper(code) = $1)', 'upper(code)', 'upper(code)'],
    ])('is explained by the filter %s', (condition, text, index) => {
      const finding = examine(`SELECT id FROM event WHERE ${condition} ORDER BY id LIMIT $9`, {}, 1000);
      expect(finding?.cause).toBe('unindexed-filter');
      expect(finding?.summary?.split('no index serves ')[1]).toBe(text);
      expect(finding?.acts?.at(-1)?.title).toContain(index);
    });

    describe('of a table with row-level security', () => {
      const policy: RowPolicy = {
        schema: 'public',
        table: 'event',
        name: 'tenant',
        is_only_name: true,
        columns: ['tenant_id'],
        is_indexed: false,
        roles: ['shop_app'],
      };
      const facts = (row_policies: RowPolicy[]): AssessmentFacts => ({
        maintenance: {
          tables: [],
          xmin_holders: [],
          table_facts: {without_statistics: [], row_triggers: [], row_policies},
        },
      });
      const list = 'SELECT id FROM event ORDER BY created_at DESC LIMIT 1';

      it('is explained by the policy', () => {
        expect(examine(list, facts([policy]))).toMatchObject({
          cause: 'row-security',
          summary: expect.stringMatching(
            /: it reads 1\.0k blocks per call for 1 row: row-level security of event filters them by tenant_id \(policy tenant\), and no index begins with that$/,
          ),
          acts: [
            {
              title: expect.stringMatching(
                /^CREATE INDEX CONCURRENTLY ON "public"\."event" \("tenant_id"\), and after these/,
              ),
            },
            {recipe: null},
          ],
        });
      });

      it.each<[string, RowPolicy]>([
        ['has an index', {...policy, is_indexed: true}],
        ['is on another table', {...policy, table: 'events'}],
        ['is on a table whose name another one has', {...policy, is_only_name: false}],
        ['reads no column', {...policy, columns: []}],
        ['does not apply to the role', {...policy, roles: ['analyst']}],
      ])('is not if the policy %s', (_, other) => {
        expect(examine(list, facts([other]))?.cause).toBe('plan-changed');
      });

      it('is not if it is on a table of another schema', () => {
        const own = list.replace('event', '"archive"."event"');
        expect(examine(own, facts([policy]))?.cause).not.toBe('row-security');
        expect(examine(own, facts([{...policy, schema: 'archive'}]))?.cause).toBe('row-security');
      });
    });

    it.each([
      'SELECT id FROM event WHERE email = lower($1)',
      'SELECT id FROM event WHERE email = lower(name)',
      'SELECT id FROM event WHERE lower($1) = email',
      'SELECT id FROM event WHERE "name"::text NOT ILIKE $1',
      'SELECT id FROM event WHERE NOT (payload ? $1)',
      'SELECT id FROM event WHERE id = coalesce($1, id)',
      'SELECT date_trunc($1, at), count(*) FROM event WHERE id > $2 GROUP BY date_trunc($1, at), lower(name)',
      'SELECT id FROM event WHERE id > $1 ORDER BY lower(name)',
      'SELECT kind FROM event WHERE id > $1 GROUP BY kind HAVING coalesce(sum(cents), $2) > $3',
      'SELECT coalesce(sum(cents), $1) FROM (SELECT cents FROM event WHERE id > $2) e',
      'SELECT count(*) FILTER (WHERE lower(name) = $1) FROM event',
      'SELECT (SELECT max(id) FROM event WHERE id > $1), payload->$2 FROM event',
      'SELECT count(*), lower(max(name)) FROM event',
      `SELECT id FROM event WHERE ${'a'.repeat(200_000)} ILIKE $1`,
      `SELECT id FROM event WHERE id IN (${'lower('.repeat(100_000)}`,
    ])('names no filter of %.80s', query => {
      expect(examine(query, {}, 1000)?.cause).toBe('slow-statement');
    });
  });

  it('is left to the waits where its sessions wait for locks', () => {
    const waiting = createBackend({state: 'active', wait_event_type: 'Lock', query_id: '1'});
    expect(examineSlow(contextOf([slow], {facts: upkeep(listings), backends: [waiting]}))).toEqual([]);
  });
});

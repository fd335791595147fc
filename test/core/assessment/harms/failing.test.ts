import {describe, expect, it} from 'vitest';
import {examineFailing} from '../../../../source/core/assessment/harms/failing.ts';
import {examineDeadlocks} from '../../../../source/core/assessment/harms/failing-deadlocks.ts';
import {examineUnplanned} from '../../../../source/core/assessment/harms/failing-unplanned.ts';
import {examineStandby} from '../../../../source/core/assessment/harms/standby.ts';
import {poolKey} from '../../../../source/core/assessment/sample.ts';
import type {PoolSample, Sample} from '../../../../source/model/assessment.ts';
import {createBackend, createStatement} from '../../../helpers/snapshot.ts';
import {contextOf, createSequence, createWriteState, type Reading} from './readings.ts';

const insert = 'INSERT INTO "public"."readings" ("value") VALUES ($1)';

const session = (pid: number, query: string, overrides = {}) =>
  createBackend({pid, application_name: 'ingest', query, query_id: '77', query_age_ms: 10, ...overrides});

/** A healthy statement that is counted, and the failing one, which is not. */
const counted = (index: number) => [createStatement({queryid: '1', dbid: '16384', calls: 1000 + index * 20})];

const failing = (index: number): Reading => ({
  backends: [session(1, insert), session(2, insert)],
  statements: counted(index),
  database: {xact_rollback: index * 79, xact_commit: 1000 + index},
});

const readOnly = {name: 'default_transaction_read_only', value: 'on'};

describe('examineFailing', () => {
  it('names a column that is full, with what refers to it', () => {
    const [finding, ...others] = examineFailing(contextOf(20, failing, {sequences: [createSequence()]}));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      cause: 'full-column',
      recipe: 'widen-column',
      severity: 'critical',
      summary:
        "readings.id (integer) cannot take its sequence's next value 2147483648; ingest/shop_app: 79 rollbacks a second, 99% of shop's transactions; alerts.reading_id refers to it",
      params: {table: 'public.readings', column: 'id'},
      harm: {kind: 'failing', sessions: 2, share: 1, since: null},
      acts: [{recipe: 'widen-column'}, {recipe: 'widen-column', params: {method: 'negative'}}],
    });
  });

  it('recommends the stopgap where the table is too large to rewrite', () => {
    const sequence = createSequence();
    const table = sequence.table && {...sequence.table, size_bytes: 90_000_000_000};
    const [finding] = examineFailing(contextOf(5, failing, {sequences: [{...sequence, table}]}));
    expect(finding?.params).toMatchObject({method: 'negative'});
  });

  it.each<[string, {name: string; value: string}, string, string]>([
    [
      'a timeout of a moment',
      {name: 'statement_timeout', value: '30'},
      'short-timeout',
      "statements of ingest/shop_app are cancelled (57014): statement_timeout = 30 is set for role shop_app; 79 rollbacks a second, 99% of shop's transactions",
    ],
    ['a timeout of minutes', {name: 'statement_timeout', value: '5min'}, 'failing-statement', ''],
    ['no timeout', {name: 'lock_timeout', value: '0'}, 'failing-statement', ''],
  ])('knows by the settings of its role: %s', (_, override, cause, summary) => {
    const facts = {setting_overrides: [{...override, role: 'shop_app', database: null}]};
    const [finding] = examineFailing(contextOf(10, failing, facts));
    expect(finding).toMatchObject({cause, summary: expect.stringContaining(summary)});
    if (summary !== '')
      expect(finding).toMatchObject({
        recipe: 'reset-role-setting',
        params: {setting: override.name, role: 'shop_app', recycle: 'yes', application: 'ingest'},
      });
  });

  it('names a role that became read-only, from when, and which clients', () => {
    const at = (hour: string) => ({backend_start: `2026-01-01T${hour}:00.000000Z`});
    const reading = (index: number): Reading => ({
      ...failing(index),
      backends: [
        session(1, insert, {...at('12:00'), client_addr: '10.0.0.1', backend_xid: '900'}),
        session(2, insert, {...at('13:01'), client_addr: '10.0.0.2'}),
        session(3, insert, {...at('13:02'), client_addr: '10.0.0.3'}),
      ],
    });
    const facts = {setting_overrides: [{...readOnly, role: 'shop_app', database: 'shop'}]};
    const [finding] = examineFailing(contextOf(10, reading, facts));
    expect(finding).toMatchObject({
      cause: 'read-only-role',
      recipe: 'reset-role-setting',
      severity: 'critical',
      summary: expect.stringMatching(
        /^sessions of ingest\/shop_app that began after 12:00Z are read-only: set for role shop_app in database shop; 2 of 3 clients; 79 rollbacks a second/,
      ),
      params: {
        role: 'shop_app',
        database: 'shop',
        recycle: 'yes',
        begun_after: '2026-01-01T12:00:00.000000Z',
      },
    });
  });

  it.each([
    [
      'another value precedes it',
      [
        {...readOnly, role: null, database: 'shop'},
        {...readOnly, value: 'off', role: 'shop_app', database: null},
      ],
    ],
    ['it is of another database', [{...readOnly, role: 'shop_app', database: 'other'}]],
    ['it is off', [{...readOnly, value: 'off', role: 'shop_app', database: null}]],
  ])('does not blame a read-only default if %s', (_, setting_overrides) => {
    expect(examineFailing(contextOf(10, failing, {setting_overrides}))).toMatchObject([
      {cause: 'failing-statement'},
    ]);
  });

  it('names a server that is read-only, and a standby', () => {
    const write_state = createWriteState({default_read_only: true, read_only_source: 'postgresql.auto.conf'});
    expect(examineFailing(contextOf(5, failing, {write_state}))).toMatchObject([
      {
        cause: 'read-only-server',
        acts: [{recipe: null}, {recipe: 'kill-idle-sessions'}],
        summary: expect.stringContaining('postgresql.auto.conf'),
      },
    ]);
    const standby = (index: number) => ({...failing(index), target: {is_in_recovery: true}});
    expect(examineFailing(contextOf(5, standby))).toMatchObject([
      {
        cause: 'standby',
        recipe: 'kill-idle-sessions',
        params: {application: 'ingest', role: 'shop_app', states: 'idle', older_than: '0s'},
        acts: [{recipe: 'kill-idle-sessions'}, {recipe: null}],
      },
    ]);
    expect(examineStandby(contextOf(5, standby))).toEqual([]);
  });

  it('names who writes to a standby now and then', () => {
    const quiet = (overrides: object) => () => ({
      backends: [
        session(1, insert, {state: 'idle', state_age_ms: 5000, ...overrides}),
        session(2, 'SELECT 1'),
      ],
      target: {is_in_recovery: true},
    });
    expect(examineStandby(contextOf(5, quiet({})))).toMatchObject([
      {
        cause: 'standby',
        summary:
          'ingest/shop_app writes to a standby: INSERT INTO public.readings: refused with 25006 (read-only transaction)',
        harm: {kind: 'failing', sessions: 1},
      },
    ]);
    expect(examineStandby(contextOf(5, quiet({state_age_ms: 90_000})))).toEqual([]);
    expect(examineStandby(contextOf(5, quiet({query: 'SELECT 1'})))).toEqual([]);
    expect(examineStandby(contextOf(5, failing))).toEqual([]);
  });

  it('names a statement that begins and never completes', () => {
    expect(examineFailing(contextOf(10, failing))).toMatchObject([
      {
        cause: 'failing-statement',
        severity: 'critical',
        subject: 'application:ingest/role:shop_app',
        summary: expect.stringContaining(
          'INSERT INTO public.readings began 18 times in the readings and never completed',
        ),
        acts: [{recipe: null}],
      },
    ]);
  });

  it('names transactions that go on after an error', () => {
    const reading = (index: number): Reading => ({
      ...failing(index),
      backends: [session(1, 'SELECT 1', {state: 'idle in transaction (aborted)', state_age_ms: 40})],
    });
    expect(examineFailing(contextOf(10, reading))).toMatchObject([
      {cause: 'aborted-transactions', subject: 'application:ingest/role:shop_app'},
    ]);
  });

  it('without counters, says what it sees and no more', () => {
    const reading = (index: number): Reading => ({...failing(index), statements: []});
    expect(examineFailing(contextOf(10, reading))).toMatchObject([
      {
        cause: 'rollbacks',
        confidence: 'possible',
        summary: expect.stringContaining('the server log has the error'),
      },
    ]);
  });

  const reads = (index: number): Reading => ({
    backends: [
      createBackend({pid: 1, query: 'ROLLBACK', query_id: '9', query_age_ms: 10}),
      createBackend({pid: 2, query: 'SELECT 1', query_id: '1', query_age_ms: 10}),
    ],
    statements: [...counted(index), createStatement({queryid: '9', dbid: '16384', calls: 100 + index * 50})],
    database: {xact_rollback: index * 50, xact_commit: 1000 + index},
  });

  it.each<[string, (index: number) => Reading]>([
    ['an ORM ends its reads with ROLLBACK', reads],
    ['nothing is rolled back', index => ({...failing(index), database: {xact_rollback: 7}})],
    [
      'few of many transactions fail',
      index => ({...failing(index), database: {xact_rollback: index * 2, xact_commit: index * 5000}}),
    ],
    [
      'a person left an aborted transaction open',
      index => ({
        ...reads(index),
        backends: [
          ...(reads(index).backends ?? []),
          session(5, 'SELECT oops', {
            state: 'idle in transaction (aborted)',
            state_age_ms: 900_000,
            query_age_ms: 900_000,
          }),
        ],
      }),
    ],
    [
      'the counters were reset',
      index => ({...failing(index), database: {xact_rollback: index < 5 ? 900 : index}}),
    ],
    [
      'only a fast statement is missing among thousands',
      index => ({
        ...reads(index),
        backends: [...(reads(index).backends ?? []), session(7, 'SELECT 2', {query_id: '55'})],
        info: {entries: 4000},
      }),
    ],
  ])('finds nothing if %s', (_, reading) => {
    expect(examineFailing(contextOf(20, reading))).toEqual([]);
  });

  it('is quiet soon after the last rollback', () => {
    const reading = (index: number): Reading => ({
      ...failing(index),
      database: {xact_rollback: Math.min(index, 10) * 79},
    });
    expect(examineFailing(contextOf(19, reading))).toHaveLength(1);
    expect(examineFailing(contextOf(23, reading))).toEqual([]);
  });
});

it('examineDeadlocks counts them over the window', () => {
  const reading = (index: number): Reading => ({database: {deadlocks: Math.floor(index / 5)}});
  expect(examineDeadlocks(contextOf(30, reading))).toMatchObject([
    {cause: 'deadlocks', evidence: {deadlocks: 5}, subject: 'database:shop/deadlocks'},
  ]);
  expect(examineDeadlocks(contextOf(12, reading))).toEqual([]);
});

it('frequent deadlocks explain the waits and the rollbacks', () => {
  const context = contextOf(12, index => ({
    ...failing(index),
    database: {deadlocks: 4 * index, xact_rollback: 5 * index},
  }));
  const waiting = (object: string, count: number, pool: PoolSample) =>
    ({object, waiting: count, roots: [], pool: poolKey(pool)}) as unknown as Sample['waits'][number];
  const samples = context.samples.map(sample => {
    const pools = sample.pools.map(pool => ({...pool, waiting_for_lock: 2}));
    const elsewhere = pools.map(pool => ({...pool, datname: 'crm'}));
    return {
      ...sample,
      waits: [
        ...elsewhere.map(pool => waiting('relation 16638 of database crm', 7, pool)),
        ...pools.map(pool => waiting('row of public.users', 4, pool)),
      ],
      pools: [...elsewhere, ...pools],
    };
  });
  expect(examineDeadlocks({...context, samples})).toMatchObject([
    {
      severity: 'critical',
      summary:
        '44 deadlocks in database shop in 11 s: ingest/shop_app lock in different orders (row of public.users)',
      explains: [
        'lock:row of public.users',
        'relation:public.users',
        'relation:public.users/row',
        'application:ingest/role:shop_app',
      ],
      harm: {sessions: 4},
    },
  ]);
  expect(examineFailing(context)).toEqual([]);
});

describe('examineUnplanned', () => {
  const unplanned = (query_id: string | null, version = 180_004): Reading => ({
    backends: [
      session(1, insert, {query_id}),
      session(2, insert, {query_id}),
      session(3, 'SELECT 1', {application_name: 'other'}),
    ],
    target: {server_version_num: version},
  });

  it('sees by a missing query id that statements fail before they are planned', () => {
    expect(examineUnplanned(contextOf(8, () => unplanned(null)))).toMatchObject([
      {
        cause: 'unplanned-statement',
        severity: 'critical',
        summary:
          'statements of ingest/shop_app fail before they are planned (INSERT INTO public.readings, last in 2 of 2 sessions): an unknown table (42P01), column (42703) or function (42883); the server log has the error',
        harm: {kind: 'failing', sessions: 2, share: 1, since: null},
        acts: [{recipe: null}],
      },
    ]);
  });

  it('names the search_path of the role', () => {
    const facts = {setting_overrides: [{name: 'search_path', value: 'v2', role: 'shop_app', database: null}]};
    expect(examineUnplanned(contextOf(8, () => unplanned(null), facts))).toMatchObject([
      {
        cause: 'search-path',
        recipe: 'reset-role-setting',
        params: {setting: 'search_path', role: 'shop_app', recycle: 'yes', application: 'ingest'},
        summary: expect.stringMatching(/: search_path = v2 is set for role shop_app$/),
      },
    ]);
  });

  it.each([
    ['have query ids', 8, unplanned('7')],
    ['have none on a server that does not report them all', 8, unplanned(null, 160_004)],
    ['were read a few times only', 3, unplanned(null)],
  ])('is silent where statements %s', (_, count, reading) => {
    expect(examineUnplanned(contextOf(count, () => reading))).toEqual([]);
  });
});

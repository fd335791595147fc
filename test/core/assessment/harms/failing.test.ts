import {describe, expect, it} from 'vitest';
import {examineFailing} from '../../../../source/core/assessment/harms/failing.ts';
import {examineStandby} from '../../../../source/core/assessment/harms/standby.ts';
import {parseIgnored, withoutIgnored} from '../../../../source/core/assessment/ignore.ts';
import {createBackend, createStatement} from '../../../helpers/snapshot.ts';
import {counted, failing, insert, session} from './failing-readings.ts';
import {contextOf, createSequence, createWriteState, type Reading} from './readings.ts';

const serializable = {name: 'default_transaction_isolation', value: 'serializable'};

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
        "readings.id (integer) cannot take its sequence's next value 2147483648; ingest/shop_app: 79 rollbacks/s, 99% of shop's transactions; alerts.reading_id refers to it",
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
      "statements of ingest/shop_app are cancelled (57014): statement_timeout = 30 is set for role shop_app; 79 rollbacks/s, 99% of shop's transactions",
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

  it.each([
    [
      'ALTER ROLE',
      {setting_overrides: [{...serializable, role: 'shop_app', database: null}]},
      insert,
      /^ingest\/shop_app: .*SERIALIZABLE \(default_transaction_isolation, set for role shop_app\)/,
    ],
    [
      'its BEGIN',
      {},
      'BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ',
      /its transactions are REPEATABLE READ: /,
    ],
  ])('knows transactions that conflict by %s', (_, facts, query, summary) => {
    const reading = (index: number): Reading => ({
      ...failing(index),
      backends: [
        session(1, query),
        session(2, insert, {state: 'idle in transaction (aborted)', state_age_ms: 10}),
      ],
    });
    expect(examineFailing(contextOf(10, reading, facts))).toMatchObject([
      {cause: 'serialization-failures', summary: expect.stringMatching(summary)},
    ]);
  });

  it('knows by the setting of its role that sessions are ended inside their transactions', () => {
    const facts = {
      setting_overrides: [
        {name: 'idle_in_transaction_session_timeout', value: '2s', role: 'shop_app', database: null},
      ],
    };
    const ended =
      (idle_ms: number, isOld: boolean) =>
      (index: number): Reading => ({
        ...failing(index),
        backends: [
          session(isOld ? 1 : 1 + index, insert, {
            ...{state: 'idle in transaction', state_age_ms: idle_ms, query_age_ms: idle_ms},
            backend_age_ms: isOld ? 90_000 : 500,
          }),
        ],
      });
    const causes = (reading: (index: number) => Reading) =>
      examineFailing(contextOf(10, reading, facts)).map(({cause, summary}) => `${cause}: ${summary}`);
    expect(causes(ended(400, false))).toEqual([
      expect.stringMatching(
        /^short-timeout: sessions of ingest\/shop_app are ended inside their transactions \(25P03\): idle_in_transaction_session_timeout = 2s is set for role shop_app/,
      ),
    ]);
    // Its sessions last, or one is idle for longer: the setting does not reach them.
    for (const reading of [ended(400, true), ended(9000, false)])
      expect(causes(reading)).not.toContainEqual(expect.stringMatching(/^short-timeout/));
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
        /^sessions of ingest\/shop_app that began after 12:00Z are read-only: set for role shop_app in database shop; 2 of 3 clients; 79 rollbacks\/s/,
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
    const findings = examineFailing(contextOf(5, standby));
    // The finding's recipe was `standby` until one answered it: scripts have that name.
    expect(withoutIgnored({findings, also: []}, parseIgnored('standby') ?? []).findings).toEqual([]);
    expect(findings).toMatchObject([
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
          'INSERT INTO public.readings began 18 times in the snapshots and never completed',
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
        summary: expect.stringMatching(
          /; statements fail, perhaps INSERT INTO public\.readings, the last one of 2 of 2 sessions; the server log has the error$/,
        ),
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
    [
      'a part of what an ORM asked for is counted after the first reading',
      index => ({
        ...reads(index),
        database: {xact_rollback: index * 50 + (index > 0 ? 80 : 0), xact_commit: 1000 + index},
      }),
    ],
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

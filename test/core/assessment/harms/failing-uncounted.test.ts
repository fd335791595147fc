import {describe, expect, it} from 'vitest';
import {examineFailing} from '../../../../source/core/assessment/harms/failing.ts';
import {examineUncounted} from '../../../../source/core/assessment/harms/failing-uncounted.ts';
import {examineLogins} from '../../../../source/core/assessment/harms/logins.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Backend} from '../../../../source/model/snapshot.ts';
import {createStatement} from '../../../helpers/snapshot.ts';
import {counted, failing, insert, session} from './failing-readings.ts';
import {contextOf, type Reading} from './readings.ts';

describe('examineUncounted', () => {
  const measurements = {
    schema: 'public',
    table: 'readings',
    column: 'at',
    ended_at: '2026-01-01T00:00:00.000000Z',
  };
  const before = createStatement({queryid: '77', dbid: '16384', calls: 4000});
  /** As the server counts those that touch no table before they fail: not at all. */
  const silent =
    (isKnown: boolean) =>
    (index: number): Reading => ({
      ...failing(index),
      statements: [...counted(index), ...(isKnown ? [before] : [])],
      database: {xact_rollback: 0, xact_commit: 1000 + index},
    });

  it('names the partition that is missing, with or without rollbacks', () => {
    const expected = {
      cause: 'missing-partition',
      severity: 'critical',
      subject: 'application:ingest/role:shop_app',
      summary:
        'readings has no partition for now: the last one ended at 2026-01-01T00:00Z; inserts of ingest/shop_app fail (23514)',
      explains: ['database:shop/rollbacks'],
      harm: {kind: 'failing', sessions: 2},
    };
    for (const reading of [silent(false), failing])
      expect(examineUncounted(contextOf(8, reading, {missing_partitions: [measurements]}))).toMatchObject([
        expected,
      ]);
  });

  it('names a statement that completed before and does so no more, though no rollback is counted', () => {
    expect(examineUncounted(contextOf(8, silent(true)))).toMatchObject([
      {
        cause: 'failing-statement',
        summary: expect.stringMatching(
          /^INSERT INTO public\.readings of ingest\/shop_app began \d+ times in the snapshots and never completed, as it did 4000 times before/,
        ),
        acts: [{recipe: null}],
      },
    ]);
  });

  it.each<[string, number, (index: number) => Reading]>([
    ['is not known to have completed before', 8, silent(false)],
    ['has been seen in two readings only', 2, silent(true)],
    ['is among the rollbacks, which have a finding', 8, failing],
    [
      'completes',
      8,
      index => ({...silent(true)(index), statements: [...counted(index), {...before, calls: 4000 + index}]}),
    ],
    [
      'still runs',
      8,
      index => ({
        ...silent(true)(index),
        backends: [session(1, insert, {state: 'active', query_age_ms: 500 + 1000 * index})],
      }),
    ],
  ])('is silent where the statement %s', (_, count, reading) => {
    expect(examineUncounted(contextOf(count, reading))).toEqual([]);
  });
});

describe('examineLogins', () => {
  const reading = (backend_start: string) => (): Reading => ({
    backends: [session(1, insert, {usename: 'ledger', backend_start})],
  });
  const [earlier, later] = ['2026-01-01T10:00:00.000000Z', '2026-01-01T13:00:00.000000Z'];

  it.each([
    [
      'the end of a password',
      '2026-01-01T12:00:00.000000Z',
      'the password of role ledger expired at 2026-01-01T12:00Z (VALID UNTIL), its new logins fail (28P01); its 1 session began before',
    ],
    [
      'NOLOGIN',
      null,
      'role ledger may not log in (NOLOGIN), its new connections fail (28000); its 1 session began before',
    ],
  ])('says what refuses them: %s', (_, valid_until, summary) => {
    const facts = {refused_roles: [{name: 'ledger', valid_until}]};
    expect(examineLogins(contextOf(2, reading(earlier), facts))).toMatchObject([
      {cause: 'refused-logins', severity: 'critical', summary, acts: [{recipe: null}]},
    ]);
  });

  it.each([
    ['a session began later: it needed no password', 'ledger', '2026-01-01T12:00:00.000000Z', later],
    ['the password is still valid', 'ledger', '2026-01-02T12:00:00.000000Z', earlier],
    ['the role has no session', 'contractor', '2020-01-01T00:00:00.000000Z', earlier],
  ])('is silent where %s', (_, name, valid_until, backend_start) => {
    const facts = {refused_roles: [{name, valid_until}]};
    expect(examineLogins(contextOf(2, reading(backend_start), facts))).toEqual([]);
  });
});

const emptyLog: AssessmentFacts = {
  server_log: {file: '/log', from: null, to: null, errors: [], deadlocks: [], problem: null},
};

describe('statements that fail and have no query id', () => {
  it.each<[string, Partial<Backend>, AssessmentFacts, string[]]>([
    ['alone in its database', {usename: 'shop_app'}, {}, ['short-timeout possible']],
    ['beside another application', {usename: 'jobs'}, {}, []],
    ['alone, but the log has none of its errors', {usename: 'shop_app'}, emptyLog, []],
  ])('are cancelled by a short timeout where the application is %s', (_, other, facts, expected) => {
    const reading = (index: number): Reading => ({
      ...failing(index),
      backends: [session(1, insert, {query_id: null}), session(2, insert, {query_id: null, ...other})],
    });
    const setting_overrides = [{name: 'statement_timeout', value: '30', role: 'shop_app', database: null}];
    const found = examineFailing(contextOf(10, reading, {setting_overrides, ...facts}));
    expect(
      found
        .filter(({cause}) => cause === 'short-timeout')
        .map(({cause, confidence}) => `${cause} ${confidence}`),
    ).toEqual(expected);
  });
});

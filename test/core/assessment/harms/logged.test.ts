import {describe, expect, it} from 'vitest';
import type {Context} from '../../../../source/core/assessment/context.ts';
import {examineFailing} from '../../../../source/core/assessment/harms/failing.ts';
import {examineDeadlocks} from '../../../../source/core/assessment/harms/failing-deadlocks.ts';
import {examineLogins} from '../../../../source/core/assessment/harms/logins.ts';
import {examineSlots} from '../../../../source/core/assessment/harms/slots.ts';
import {examineStandby} from '../../../../source/core/assessment/harms/standby.ts';
import type {LoggedError, ServerLog} from '../../../../source/model/server-work.ts';
import {createBackend, createStatement} from '../../../helpers/snapshot.ts';
import {contextOf, type Reading} from './readings.ts';

const error = (parts: Partial<LoggedError>): LoggedError => ({
  ...{
    count: 412,
    recent_count: 31,
    first_at: '2026-01-01T13:00:00.000Z',
    last_at: '2026-01-01T13:04:08.000Z',
    severity: 'ERROR',
  },
  ...{sqlstate: '23505', message: 'duplicate key value violates unique constraint "users_email_key"', pid: 1},
  ...{application_name: null, usename: null, datname: null, statement: 'INSERT INTO users VALUES ($1)'},
  ...parts,
});
const log = (...errors: LoggedError[]): {server_log: ServerLog} => ({
  server_log: {file: '/log', from: null, to: null, errors, deadlocks: [], problem: null},
});
const failing = (index: number): Reading => ({
  backends: [
    createBackend({
      pid: 1,
      application_name: 'ingest',
      query: 'SELECT 1',
      backend_start: '2026-01-01T12:00:00.000000Z',
    }),
  ],
  database: {xact_rollback: index * 79, xact_commit: 1000 + index},
});

describe('with the server log', () => {
  it('names the error that transactions fail with, and by its pid the application', () => {
    expect(examineFailing(contextOf(10, failing, log(error({}))))).toMatchObject([
      {
        recipe: 'failing-statement',
        subject: 'application:ingest/role:shop_app',
        summary:
          'ingest/shop_app: 79 rollbacks/s, 99% of shop\'s transactions; 23505 duplicate key value violates unique constraint "users_email_key", 31 times within 2 min in the server log',
        evidence: {sqlstate: '23505', statement: 'INSERT INTO users VALUES ($1)'},
      },
    ]);
  });

  it.each([
    ['of another database', {datname: 'other'}],
    ['of long ago', {last_at: '2026-01-01T12:04:08.000Z'}],
    ['that came twice lately', {recent_count: 2}],
    ['of a session before the one with its pid', {last_at: '2026-01-01T11:59:59.000Z'}],
  ])('leaves out an error %s', (_, parts) => {
    const [finding] = examineFailing(contextOf(10, failing, log(error(parts))));
    expect(finding?.evidence.sqlstate).toBeUndefined();
  });

  it('takes no error of the log for the cause where the application ends its reads with ROLLBACK', () => {
    const reads = (index: number): Reading => ({
      backends: [createBackend({pid: 1, query: 'ROLLBACK', query_id: '9', query_age_ms: 10})],
      statements: [
        createStatement({queryid: '9', dbid: '16384', query: 'ROLLBACK', calls: 100 + index * 50}),
      ],
      database: {xact_rollback: index * 50, xact_commit: 1000 + index},
    });
    expect(examineFailing(contextOf(20, reads, log(error({datname: 'shop'}))))).toEqual([]);
  });

  it('lets one error of the log hide no conflict of transactions', () => {
    const query = 'BEGIN ISOLATION LEVEL SERIALIZABLE';
    const conflicting = (index: number): Reading => ({
      ...failing(index),
      backends: [createBackend({pid: 1, application_name: 'ingest', query, query_age_ms: 10})],
    });
    const causes = (recent_count: number) =>
      examineFailing(contextOf(10, conflicting, log(error({datname: 'shop', recent_count})))).map(
        ({cause}) => cause,
      );
    expect(causes(1)).toEqual(['serialization-failures']);
    expect(causes(31)).toEqual(['failing-statement']);
  });

  it('names the application that writes to a standby', () => {
    const standby = (index: number) => ({...failing(index), target: {is_in_recovery: true}});
    const refused = error({
      ...{sqlstate: '25006', message: 'cannot execute INSERT in a read-only transaction', datname: 'shop'},
      ...{application_name: 'worker', usename: 'jobs'},
    });
    expect(examineFailing(contextOf(5, standby, log(refused)))).toMatchObject([
      {
        cause: 'standby',
        subject: 'application:worker/role:jobs',
        summary: expect.stringContaining('worker/jobs writes to a standby'),
      },
    ]);
    expect(examineFailing(contextOf(5, standby)).some(({cause}) => cause === 'standby')).toBe(false);
    // So few that the rollbacks of the database do not show them.
    const quiet = (index: number) => ({...standby(index), database: {xact_rollback: 0, xact_commit: index}});
    expect(examineStandby(contextOf(5, quiet, log({...refused, recent_count: 1})))).toMatchObject([
      {subject: 'application:worker/role:jobs'},
    ]);
    expect(examineStandby(contextOf(5, quiet))).toEqual([]);
  });

  it('says who waited for whom in the last deadlock', () => {
    const reading = (index: number): Reading => ({...failing(index), database: {deadlocks: index}});
    const {server_log} = log();
    const processes = [
      {pid: 7, waits_for: 'ShareLock on transaction 90', blocked_by: 8, statement: 'UPDATE orders'},
      {pid: 8, waits_for: 'ShareLock on transaction 91', blocked_by: 7, statement: 'UPDATE lines'},
    ];
    const contextWith = (at: string | null) =>
      contextOf(10, reading, {server_log: {...server_log, deadlocks: [{at, processes, context: null}]}});
    const reasons = (context: Context) => examineDeadlocks(context)[0]?.reasons?.join('\n');
    const context = contextWith('2026-01-01T13:04:05.000Z');
    const waits = '7 waits for ShareLock on transaction 90, blocked by 8: UPDATE orders';
    expect(reasons(context)).toContain(`Server log: ${waits}`);
    for (const at of ['2026-01-01T13:03:59.000Z', '2026-01-01T13:04:10.000Z', null])
      expect(reasons(contextWith(at))).not.toContain(waits);
    const samples = context.samples.map(sample => ({
      ...sample,
      databases: sample.databases.flatMap(each => [each, {...each, datname: 'crm'}]),
    }));
    expect(reasons({...context, samples})).toContain(
      `The last one in the server log, perhaps of another database: ${waits}`,
    );
  });

  it('counts the logins that were refused', () => {
    const backends = Array.from({length: 97}, (_, at) =>
      createBackend({
        pid: at + 10,
        application_name: 'web',
        usename: 'app',
        state: 'active',
        query: 'SELECT 1',
      }),
    );
    const refused = error({
      ...{sqlstate: '53300', message: 'sorry, too many clients already', severity: 'FATAL'},
      ...{application_name: 'web', usename: 'app', datname: 'shop', statement: null},
    });
    const reasons = (facts: {server_log?: ServerLog}) =>
      examineSlots(contextOf(10, () => ({backends}), facts))
        .flatMap(each => each.reasons ?? [])
        .join('\n');
    expect(reasons(log(refused))).toContain(
      'The server log has 31 logins refused (53300) within 2 min of web/app: sorry, too many clients already.',
    );
    const quiet = (parts: Partial<ServerLog>) =>
      reasons({server_log: {...log().server_log, from: '2026-01-01T13:00:00.000Z', ...parts}});
    expect(quiet({})).toContain('no login refused (53300) in the last two minutes.');
    expect(quiet({from: '2026-01-01T13:04:00.000Z'})).toContain('no login refused (53300) since 13:04:00Z.');
    const unknown = 'how many there are cannot be seen from here';
    expect(reasons({})).toContain(unknown);
    expect(quiet({from: null})).toContain(unknown);
    expect(quiet({problem: 'its times are not known'})).toContain(unknown);
    expect(quiet({errors: [{...refused, last_at: null}]})).toContain(unknown);
  });
});

describe('logins that the server log has as refused', () => {
  const refused = (usename: string, parts: Partial<LoggedError> = {}) =>
    error({
      ...{severity: 'FATAL', sqlstate: '28P01', usename, statement: null, pid: null},
      ...{message: `password authentication failed for user "${usename}"`, ...parts},
    });
  const noLogin = {sqlstate: '28000', message: 'role "jobs" is not permitted to log in'};
  const noRole = {sqlstate: '28000', message: 'role "jobs" does not exist'};
  const noEntry = {sqlstate: '28000', message: 'no pg_hba.conf entry for host "10.0.0.7", user "jobs"'};
  const noDatabase = {sqlstate: '3D000', message: 'database "shopp" does not exist'};
  const found = (...errors: LoggedError[]) => examineLogins(contextOf(5, failing, log(...errors)));

  it.each<[string, LoggedError, string, RegExp]>([
    ['a role with sessions', refused('shop_app'), 'critical certain', /^give the application the password/],
    [
      'a role that may not log in',
      refused('jobs', noLogin),
      'critical certain',
      /^ALTER ROLE "?jobs"? LOGIN/,
    ],
    [
      'a database that is not there',
      refused('jobs', noDatabase),
      'critical certain',
      /^correct the database/,
    ],
    ['a role that is not there', refused('jobs', noRole), 'warning possible', /^correct the role/],
    ['a name without an entry', refused('jobs', noEntry), 'warning possible', /pg_hba\.conf/],
  ])('of %s', (_, logged, how, act) => {
    expect(found(logged).map(({severity, confidence}) => `${severity} ${confidence}`)).toEqual([how]);
    expect(found(logged)[0]?.acts?.[0]?.title).toMatch(act);
  });

  it('are one warning for all names that no session has', () => {
    expect(found(...['postgres', 'admin', 'root'].map(name => refused(name)))).toMatchObject([
      {
        ...{severity: 'warning', subject: 'server/logins', evidence: {names: 3, refused: 93}},
        summary: expect.stringMatching(/^new connections of postgres and 2 more names are refused: 28P01 /),
      },
    ]);
  });
});

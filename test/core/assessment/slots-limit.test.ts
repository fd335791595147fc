import {describe, expect, it} from 'vitest';
import type {Backend} from '../../../source/model/snapshot.ts';
import {examine, leaked, reading, working} from './slots-readings.ts';

describe('a limit of its own', () => {
  const limited = (
    kind: 'role' | 'database',
    used: number,
    groups: [number, Partial<Backend>][],
    connection_limit = 10,
  ) => {
    const snapshot = reading(groups, {free: 80});
    const name = kind === 'role' ? 'web_app' : 'sh"op';
    const role_and_database_limits = [{kind, name, connection_limit, used}];
    return {...snapshot, budget: {...snapshot.budget, role_and_database_limits}};
  };

  it.each([
    [7, []],
    [8, ['warning']],
    [9, ['critical']],
  ])('with %i of 10 in use is reported as %j', (used, severities) => {
    const findings = examine(limited('role', used, [[used, working]]));
    expect(findings.map(({severity}) => severity)).toEqual(severities);
  });

  it('of 0 shuts out a role whose sessions are from before; superusers are let in', () => {
    expect(examine(limited('role', 2, [[2, working]], 0))).toMatchObject([
      {
        severity: 'critical',
        summary: expect.stringMatching(/^role web_app is at its CONNECTION LIMIT 0, logins fail \(53300\)/),
        acts: [{recipe: 'tune-connection-limit'}],
      },
    ]);
    expect(examine(limited('role', 0, [], 0))).toEqual([]);
    expect(examine(limited('database', 2, [[2, {...working, is_superuser: true}]], 0))).toEqual([]);
  });

  it('of a role is raised by tune-connection-limit', () => {
    expect(examine(limited('role', 10, [[10, working]]))).toMatchObject([
      {
        recipe: 'tune-connection-limit',
        cause: 'role-limit',
        subject: 'role:web_app',
        severity: 'critical',
        summary:
          'role web_app is at its CONNECTION LIMIT 10, logins fail (53300) with 80 slots free; web/web_app has 10, 0 of them idle',
        params: {role: 'web_app', apply: 'role'},
        evidence: {used: 10, connection_limit: 10, headroom: 80},
      },
    ]);
  });

  it('is full of leaked sessions: end those', () => {
    const snapshot = limited('role', 10, [
      [6, {...leaked, usename: 'web_app'}],
      [4, working],
    ]);
    expect(examine(snapshot)).toMatchObject([
      {
        recipe: 'kill-idle-sessions',
        cause: 'leaked-sessions',
        summary: expect.stringMatching(/leaks 6 sessions .*: role web_app is at its CONNECTION LIMIT 10/),
        acts: [{recipe: 'kill-idle-sessions'}, {recipe: 'set-timeouts'}],
      },
    ]);
  });

  it('of a database is advice, with its name quoted', () => {
    expect(examine(limited('database', 10, [[10, {...working, datname: 'sh"op'}]]))).toMatchObject([
      {
        recipe: 'database-limit',
        subject: 'database:sh"op',
        acts: [{recipe: null, title: 'ALTER DATABASE "sh""op" CONNECTION LIMIT n'}, {}],
      },
    ]);
  });
});

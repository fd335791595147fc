import {describe, expect, it} from 'vitest';
import killIdleSessions from '../../../recipes/kill-idle-sessions.ts';
import type {Finding} from '../../../source/model/recipe.ts';
import type {Backend, Snapshot} from '../../../source/model/snapshot.ts';
import {examine, leaked, reading, working} from './slots-readings.ts';

/** The sessions that the recommended act ends. */
function endedBy({params = {}}: Finding, snapshot: Snapshot): number[] {
  const steps = killIdleSessions.plan?.(snapshot, params, {}).steps ?? [];
  return steps.map(({subject}) => Number(subject?.replace('backend:', ''))).sort((a, b) => a - b);
}

const atRest: Partial<Backend> = {
  application_name: 'web',
  usename: 'web_app',
  state: 'idle',
  state_age_ms: 200,
};

describe('the server', () => {
  it.each([
    [7, []],
    [8, ['warning']],
    [9, ['critical']],
  ])('with %i of 10 slots in use is reported as %j', (count, severities) => {
    const snapshot = reading([[count, working]], {free: 10 - count});
    expect(examine(snapshot).map(({severity}) => severity)).toEqual(severities);
  });

  it('says who holds most and what that does, if nothing is too much', () => {
    const [finding] = examine(
      reading([
        [9, working],
        [3, {application_name: '', usename: 'jobs'}],
      ]),
    );
    expect(finding).toMatchObject({
      recipe: 'tune-connection-limit',
      cause: 'slots-nearly-full',
      subject: 'server',
      summary: '12 of 13 slots are in use (92%); web/web_app has 9, 9 active, 0 idle',
      evidence: {used: 12, usable: 13, headroom: 1},
      params: {role: 'web_app', instances: '1'},
    });
    expect(finding?.reasons).toContain('(no name)/jobs has 3: 0 active, 3 idle.');
  });

  it('is filled by a leak', () => {
    const snapshot = reading([
      [10, leaked],
      [6, atRest],
      [1, {...leaked, application_name: 'psql', usename: 'me'}],
    ]);
    const [finding] = examine(snapshot);
    expect(finding).toMatchObject({
      recipe: 'kill-idle-sessions',
      severity: 'critical',
      cause: 'leaked-sessions',
      subject: 'application:import/role:import_app',
      summary:
        'import/import_app leaks 10 sessions idle in transaction, the longest for 46s: 17 of 18 slots are in use (94%)',
      harm: {kind: 'slots', since: null, share: 1},
      confidence: 'certain',
      params: {application: 'import', role: 'import_app', older_than: '10s'},
    });
    expect(endedBy(finding as Finding, snapshot)).toEqual(
      Array.from({length: 10}, (_, index) => 100 + index),
    );
    expect(finding?.explains).toHaveLength(10);
    expect(finding?.acts?.map(({recipe}) => recipe)).toEqual(['kill-idle-sessions', 'set-timeouts']);
  });

  it('offers what else takes slots, if the cause alone does not free enough', () => {
    const unused: Partial<Backend> = {...atRest, application_name: 'preview', state_age_ms: 90_000};
    const acts = (leaks: number) =>
      examine(
        reading([
          [leaks, leaked],
          [9, unused],
          [20, atRest],
        ]),
      )[0]?.acts?.map(({params}) => params.application);
    expect(acts(9)).toEqual(['import', undefined]);
    expect(acts(6)).toEqual(['import', undefined, 'preview']);
  });

  it.each<[string, Partial<Backend>]>([
    ['a dump', {application_name: 'pg_dump'}],
    ['a superuser', {is_superuser: true}],
    ['a migration', {query: 'ALTER TABLE a ADD b int'}],
    ['what was left only now', {state_age_ms: 9000}],
  ])('offers to end no session of %s', (_, overrides) => {
    const findings = examine(
      reading([
        [10, {...leaked, ...overrides}],
        [5, working],
      ]),
    );
    expect(findings.flatMap(({acts = []}) => acts).map(({recipe}) => recipe)).not.toContain(
      'kill-idle-sessions',
    );
  });

  it('leaves a session that blocks others to the examination of what waits', () => {
    const waits: Partial<Backend> = {...working, wait_event_type: 'Lock', blocked_by: [100]};
    const [finding] = examine(
      reading([
        [1, leaked],
        [12, waits],
      ]),
    );
    expect(finding).toMatchObject({cause: 'slots-nearly-full', evidence: {application_name: 'web'}});
  });

  it('takes transactions that end by themselves for no leak, however long they pause', () => {
    const pause = (xact_start: string, state_age_ms: number, second: number) =>
      reading(
        [
          [10, {...leaked, xact_start, state_age_ms}],
          [5, working],
        ],
        {second},
      );
    const [finding] = examine(pause('a', 40_000, 0), pause('b', 45_000, 1));
    expect(finding).toMatchObject({cause: 'slots-nearly-full'});
  });

  it('counts silent clients as one group, by address', () => {
    const gone = ['10.0.0.1', '10.0.0.2'].map((client_addr): [number, Partial<Backend>] => [
      4,
      {...atRest, client_addr, state_age_ms: 840_000},
    ]);
    const snapshot = reading([...gone, [4, {...atRest, client_addr: '10.0.0.3'}], [3, working]]);
    const [finding] = examine(snapshot);
    expect(finding).toMatchObject({
      recipe: 'kill-idle-sessions',
      cause: 'silent-clients',
      confidence: 'likely',
      summary:
        '2 clients of web/web_app have been silent for 14m00s and hold 8 slots, 2 others work: 15 of 16 slots are in use (94%)',
      params: {
        application: 'web',
        role: 'web_app',
        client: '10.0.0.1,10.0.0.2',
        states: 'idle',
        older_than: '10min',
      },
    });
    expect(endedBy(finding as Finding, snapshot)).toEqual([100, 101, 102, 103, 200, 201, 202, 203]);
  });

  it.each<[string, number, Partial<Backend>]>([
    ['no other client works', 840_000, {client_addr: '10.0.0.1', state_age_ms: 840_000}],
    [
      'the others are silent for as long now and then',
      100_000,
      {client_addr: '10.0.0.3', state_age_ms: 9000},
    ],
  ])('takes no client for silent where %s', (_, state_age_ms, others) => {
    const snapshot = reading([
      [4, {...atRest, client_addr: '10.0.0.1', state_age_ms}],
      [4, {...atRest, ...others}],
    ]);
    expect(examine(snapshot).map(({cause}) => cause)).not.toContain('silent-clients');
  });

  it('names the pools with most unused connections, and what would do', () => {
    const pool = (name: string): Partial<Backend> => ({
      application_name: name,
      usename: `${name}_app`,
      state: 'idle',
      state_age_ms: 60_000,
    });
    const snapshot = reading([
      [10, pool('a')],
      [8, pool('b')],
      [1, {...pool('a'), state: 'active'}],
      [6, atRest],
    ]);
    const [finding] = examine(snapshot);
    expect(finding).toMatchObject({
      recipe: 'tune-connection-limit',
      cause: 'idle-pools',
      summary:
        'a/a_app and b/b_app hold 18 connections unused for 1m00s or more, of 19: 25 of 26 slots are in use (96%)',
      params: {role: 'a_app', instances: '1', connection_limit: '2'},
    });
    expect(finding?.acts?.map(({recipe, params}) => [recipe, params.application])).toEqual([
      ['tune-connection-limit', undefined],
      ['kill-idle-sessions', 'a'],
      ['kill-idle-sessions', 'b'],
      ['tune-connection-limit', undefined],
    ]);
  });

  it('blames no pool of which every session is used', () => {
    expect(examine(reading([[20, atRest]])).map(({cause}) => cause)).toEqual(['slots-nearly-full']);
  });

  it('sees an application without a pool, whose sessions are others in each reading', () => {
    const readings = Array.from({length: 6}, (_, second) =>
      reading(
        [
          [20, {...atRest, backend_age_ms: 400, client_addr: `10.0.0.${second}`}],
          [4, working],
        ],
        {second},
      ),
    );
    expect(examine(...readings)).toMatchObject([
      {
        recipe: 'connect-wave',
        cause: 'connect-wave',
        summary:
          'web/web_app opens at least 20 connections/s and closes them: it has no pool: 24 of 25 slots are in use (96%)',
        acts: [{recipe: null}, {recipe: 'tune-connection-limit', params: {platform: 'pgbouncer'}}],
      },
    ]);
  });

  it('says the same of one below the slots in use, without harm', () => {
    const readings = Array.from({length: 6}, (_, second) =>
      reading([[20, {...atRest, backend_age_ms: 400}]], {second, free: 60}),
    );
    expect(examine(...readings)).toMatchObject([{cause: 'connect-wave', summary: /slots are free$/}]);
    expect(examine(...readings)[0]).not.toHaveProperty('harm');
  });

  it('takes a pool that fills once for no wave', () => {
    const readings = Array.from({length: 6}, (_, second) =>
      reading([[20, {...atRest, backend_age_ms: 400 + second * 1000}]], {second}),
    );
    expect(examine(...readings).map(({cause}) => cause)).toEqual(['slots-nearly-full']);
  });

  it('sees two revisions of an application', () => {
    const revision = (host: number, backend_age_ms: number): [number, Partial<Backend>] => [
      5,
      {...atRest, client_addr: `10.0.0.${host}`, backend_age_ms},
    ];
    const snapshot = reading([
      revision(1, 900_000),
      revision(2, 899_000),
      revision(3, 30_000),
      revision(4, 29_500),
    ]);
    expect(examine(snapshot)).toMatchObject([
      {
        recipe: 'tune-connection-limit',
        cause: 'deploy-overlap',
        summary:
          'web/web_app runs twice since 00:00:30Z: 2 new clients with 10 sessions beside 2 with 10: 20 of 21 slots are in use (95%)',
        params: {role: 'web_app', instances: '2', deploy_overlap: '2'},
      },
    ]);
  });

  it('says when it is full, if that comes soon', () => {
    const readings = Array.from({length: 30}, (_, second) =>
      reading([[50 + second, working]], {free: 16 - Math.round(second / 2) + (29 - second), second}),
    ).map(snapshot => ({
      ...snapshot,
      budget: {...snapshot.budget, usable: 95, used_ratio: snapshot.budget.used / 95},
    }));
    const [finding] = examine(...readings);
    expect(finding).toMatchObject({
      severity: 'critical',
      summary: expect.stringMatching(/, full in 1\ds; web/),
    });
  });
});

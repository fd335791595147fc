import {describe, expect, it} from 'vitest';
import {assess, createAssessor} from '../../source/core/assessment/assess.ts';
import {heldSince, shareOf} from '../../source/core/assessment/context.ts';
import {parseIgnored, withoutIgnored} from '../../source/core/assessment/ignore.ts';
import {rootsOf} from '../../source/core/assessment/lock-graph.ts';
import {changedTable, lockedObject} from '../../source/core/assessment/locked-object.ts';
import {addSample, samplesOf} from '../../source/core/assessment/samples.ts';
import {noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import type {Sample} from '../../source/model/assessment.ts';
import type {Finding} from '../../source/model/recipe.ts';
import {createFinding, createRecipe} from '../console/played.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

const at = (second: number, overrides = {}) =>
  createSnapshot({at: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(), ...overrides});

describe('samples', () => {
  it('are of the last minute', () => {
    const samples = samplesOf([0, 30, 60, 61].map(second => at(second)));
    expect(samples.map(({at_ms}) => new Date(at_ms).getUTCSeconds())).toEqual([30, 0, 1]);
  });

  it('of the same time replace each other, and a clock that was set back starts over', () => {
    const samples = samplesOf([at(10), at(10), at(5)]);
    expect(samples).toHaveLength(1);
    expect(addSample(samplesOf([at(10), at(10)]), at(11))).toHaveLength(2);
  });

  it('of another server start over, those after a restart do not', () => {
    const {target} = at(0);
    const on = (second: number, system_identifier: string, started_at: string) =>
      at(second, {target: {...target, server: {...exampleServer, system_identifier, started_at}}});
    const [first, second] = ['2026-01-01T00:00:00.000001Z', '2026-01-01T12:00:01.000001Z'];
    expect(samplesOf([on(0, '1', first), on(1, '1', second)])).toHaveLength(2);
    expect(samplesOf([on(0, '1', first), on(1, '2', first)])).toHaveLength(1);
  });

  it('count sessions by application, and what began since the sample before', () => {
    const backends = [
      createBackend({pid: 1, state: 'active', query_id: '7', query_age_ms: 200, backend_age_ms: 500}),
      createBackend({
        pid: 2,
        state: 'idle in transaction',
        client_addr: '10.0.0.8',
        query_id: '8',
        query_age_ms: 9000,
      }),
      createBackend({pid: 3, state: 'active', wait_event_type: 'Lock', usename: 'other'}),
    ];
    const sample = samplesOf([at(0), at(1, {backends})]).at(-1);
    expect(sample?.pools).toMatchObject([
      {usename: 'shop_app', sessions: 2, active: 1, idle_in_transaction: 1, clients: 2, begun: 1},
      {usename: 'other', sessions: 1, waiting_for_lock: 1, begun: 0},
    ]);
    expect(sample?.begun).toMatchObject([{query_id: '7', count: 1}]);
    expect(sample?.transactions).toMatchObject([{pid: 2, query_id: '8'}]);
  });

  it('keep the statements only where their counters have changed', () => {
    const samples = samplesOf([at(0), at(1), at(2)]);
    expect(samples.map(({statements}) => statements === null)).toEqual([false, true, true]);
  });
});

describe('what held over the samples', () => {
  const series = (...seen: number[]) =>
    seen.map((used, second): Sample => ({...(samplesOf([at(second)])[0] as Sample), used}));
  const isSeen = ({used}: Sample) => used === 1;

  it.each([
    [[1, 1, 1], null],
    [[0, 0, 1, 1], '2026-01-01T12:00:02.000Z'],
    [[0, 1, 0, 1, 1], '2026-01-01T12:00:01.000Z'],
    [[1, 0, 0, 1], '2026-01-01T12:00:03.000Z'],
    [[1, 1, 0], undefined],
  ])('%j began at %s', (seen, since) => {
    expect(heldSince(series(...seen), isSeen)).toBe(since);
  });

  it('has a share', () => {
    expect(shareOf(series(1, 0, 1, 1), isSeen)).toBe(0.75);
    expect(shareOf([], isSeen)).toBe(0);
  });
});

it('the roots of a lock graph are those that wait for nothing, through others; a deadlock has none', () => {
  const backends = [
    [1, []],
    [2, [1]],
    [3, [2, 9]],
    [4, [5]],
    [5, [4]],
  ].map(([pid, blocked_by]) => createBackend({pid: pid as number, blocked_by: blocked_by as number[]}));
  const roots = rootsOf({backends, background_workers: [], lock_waits: []});
  expect([...roots]).toEqual([
    [2, [1]],
    [3, [1, 9]],
    [4, []],
    [5, []],
  ]);
});

describe('an awaited object', () => {
  it.each([
    ['UPDATE "Booking" SET a = 1', 'Booking'],
    ['update only shop.orders set a = 1', 'shop.orders'],
    ['INSERT INTO "public"."Task" ("id") VALUES ($1)', 'public.Task'],
    ['DELETE FROM t WHERE id = 1', 't'],
    ['SELECT id FROM jobs WHERE done = false FOR NO KEY UPDATE', 'jobs'],
    ['SELECT 1 FROM jobs', null],
    ['COMMIT', null],
  ])('%s changes %s', (statement, table) => {
    expect(changedTable(statement)).toBe(table);
  });

  it('is a row where the session waits for a transaction', () => {
    expect(
      lockedObject({locktype: 'transactionid', relation: null}, createBackend({query: 'DELETE FROM t'})),
    ).toBe('row of t');
    expect(lockedObject({locktype: 'relation', relation: 'public.t'}, undefined)).toBe('relation public.t');
  });
});

describe('an assessment', () => {
  const harm = {kind: 'waiting', sessions: 3, share: 1, since: null} as const;
  const assessed = (...findings: Finding[]) =>
    assess({
      recipes: [createRecipe({findings: () => findings})],
      snapshot: at(0),
      samples: samplesOf([at(0)]),
      data: noDiagnosisData,
    });
  const subjects = (findings: readonly Finding[]) => findings.map(({subject}) => subject);

  it('ranks critical findings first, then those that explain more harm, then those that name none', () => {
    const {findings} = assessed(
      createFinding({subject: 'none'}),
      createFinding({subject: 'little', harm: {...harm, sessions: 1}}),
      createFinding({subject: 'much', harm: {...harm, sessions: 30}}),
      createFinding({subject: 'critical', severity: 'critical'}),
    );
    expect(subjects(findings)).toEqual(['critical', 'much', 'little', 'none']);
  });

  it('leaves out what an earlier finding explains', () => {
    const {findings} = assessed(
      createFinding({subject: 'relation:t', harm, explains: ['backend:1', 'backend:2']}),
      createFinding({subject: 'backend:1'}),
      createFinding({subject: 'application:web', explains: ['backend:1', 'backend:2']}),
      createFinding({subject: 'application:import', explains: ['backend:2', 'backend:3']}),
    );
    expect(subjects(findings)).toEqual(['relation:t', 'application:import']);
  });

  it('leaves out of an explained application what is of one of its databases, not the other way round', () => {
    const inOne = 'application:web/role:app/database:shop';
    const whole = 'application:web/role:app';
    const both = (first: string, second: string) =>
      subjects(
        assessed(
          createFinding({subject: 'relation:t', harm, explains: [first]}),
          createFinding({subject: second}),
        ).findings,
      );
    expect(both(whole, inOne)).toEqual(['relation:t']);
    expect(both(inOne, whole)).toEqual(['relation:t', whole]);
  });

  it('lists what explains no harm below, without acts', () => {
    const act = {recipe: 'end-them', params: {}, title: 'end it', frees: null, costs: ''};
    const {findings, also} = assessed(
      createFinding({subject: 'report', cause: 'long-statement', acts: [act], params: {pid: '1'}}),
    );
    expect(findings).toEqual([]);
    expect(also).toMatchObject([{subject: 'report'}]);
    expect(also[0]).not.toHaveProperty('acts');
  });

  it('says over what it was made, and what cannot be seen', () => {
    const assessor = createAssessor([]);
    assessor.assess(at(0), noDiagnosisData);
    const {assessed: over} = assessor.assess(at(5), noDiagnosisData);
    expect(over).toMatchObject({readings: 2, window_ms: 5000});
    expect(over.looked_at).toContain('lock waits');
    expect(over.cannot_see).toContain('errors of statements');
  });
});

describe('ignored findings', () => {
  it.each([
    ['apply-indexes', [{recipe: 'apply-indexes', subject: null}]],
    [
      'apply-indexes, kill-idle-sessions:application:web/role:app',
      [
        {recipe: 'apply-indexes', subject: null},
        {recipe: 'kill-idle-sessions', subject: 'application:web/role:app'},
      ],
    ],
    ['', null],
    ['apply-indexes,', null],
    [':server', null],
  ])('%s', (text, ignored) => {
    expect(parseIgnored(text)).toEqual(ignored);
  });

  it('are left out by recipe or cause, and by subject', () => {
    const found = {
      findings: [
        createFinding({recipe: 'a', subject: 'x'}),
        createFinding({recipe: 'a', subject: 'y'}),
        createFinding({recipe: 'b', cause: 'lock-queue', subject: 'z'}),
      ],
      also: [createFinding({recipe: 'c', subject: 'x'})],
    };
    const left = (text: string) => {
      const {findings, also} = withoutIgnored(found, parseIgnored(text) ?? []);
      return [...findings, ...also].map(({recipe, subject}) => `${recipe}:${subject}`);
    };
    expect(left('a:x,lock-queue')).toEqual(['a:y', 'c:x']);
    expect(left('a,c')).toEqual(['b:z']);
  });
});

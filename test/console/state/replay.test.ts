import {describe, expect, it} from 'vitest';
import replayEndpoint from '../../../recipes/replay-endpoint.ts';
import tuneConnectionLimit from '../../../recipes/tune-connection-limit.ts';
import {valuesOf} from '../../../source/console/state/run.ts';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import type {ReplayDocument} from '../../../source/model/replay-report.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {resultOf} from '../../replay/report/results.ts';
import {key, open, play, press, read, screenOf} from '../played.ts';

const recipes = [replayEndpoint, tuneConnectionLimit];

/** The wizard of replay-endpoint, its preview. */
function previewing(): ConsoleState {
  const opened = play(open(100, 30, {recipes}), read(createSnapshot())).state;
  const evidence = press(opened, '5', 'g', 'enter');
  return press(evidence, 'enter', ...'students.sql', 'enter');
}

function replaying(): ConsoleState {
  return press(previewing(), 'enter');
}

const results = [resultOf({connection_limit: 2}), resultOf({connection_limit: 4})];
const ended: ReplayDocument = {
  schema_version: 1,
  endpoint: 'GET /api/students',
  file: 'students.sql',
  target: 'db.example:5432/shop',
  prisma: {major: 7, semantics: "node-postgres's pool", is_emulated: false},
  seed: 1,
  results,
  recommendation: {
    variant: 'main',
    connection_limit: 4,
    connections: 4,
    concurrency: 10,
    requests_per_second: 900,
    p95_ms: 12,
    reason: 'connection_limit 4: more brings next to nothing',
  },
  notes: ['what is to be known'],
  is_complete: true,
};

describe('a replay in the console', () => {
  it('shows what it will do, and begins with Enter', () => {
    const preview = previewing();
    expect(screenOf(preview)).toContain('poolctl replay students.sql --sweep connection_limit=1..10');
    expect(screenOf(preview)).toContain('Enter measure');
    const {state, effects} = play(preview, key('enter'));
    expect(effects).toEqual([
      {kind: 'replay', params: expect.objectContaining({endpoint: 'students.sql', concurrency: '10'})},
    ]);
    expect(screenOf(state)).toContain('starting');
  });

  it('requires an endpoint', () => {
    const opened = play(open(100, 30, {recipes}), read(createSnapshot())).state;
    const refused = press(opened, '5', 'g', 'enter', 'enter', 'enter');
    expect(screenOf(refused)).toContain('endpoint: must be set');
  });

  it('shows what it does, not findings, and has nothing to confirm', () => {
    const opened = play(open(100, 30, {recipes}), read(createSnapshot())).state;
    const about = screenOf(press(opened, '5', 'g', 'enter'));
    expect(about).toContain('replay-endpoint  about > parameters > preview > measurement');
    expect(about).not.toContain('nothing found');
  });

  it("offers poolctl's own endpoints on the demo's database alone", () => {
    const parametersOn = (database: string) => {
      const {target} = createSnapshot();
      const opened = play(
        open(100, 30, {recipes}),
        read(createSnapshot({target: {...target, database}})),
      ).state;
      return press(opened, '5', 'g', 'enter', 'enter');
    };
    expect(screenOf(parametersOn('shop'))).not.toContain('such as');
    const picking = parametersOn('taskdesk');
    expect(screenOf(picking)).toContain('such as: agent-progress  manager-agents  manager-metrics');
    expect(screenOf(press(picking, 'right', 'right'))).toMatch(/endpoint\* +manager-agents▏/);
  });

  it('is seen to go on while no request is answered', () => {
    const benchmark = {
      kind: 'case',
      index: 0,
      of: 2,
      variant: 'main',
      connection_limit: 1,
      concurrency: 10,
    } as const;
    const begun = play(replaying(), {kind: 'replay-update', update: benchmark}).state;
    const progressed = (elapsed_ms: number) =>
      screenOf(
        play(begun, {kind: 'replay-update', update: {kind: 'progress', elapsed_ms, requests: 0, failed: 0}})
          .state,
      );
    expect(screenOf(begun)).toContain('10 users: warming up');
    expect(progressed(0)).toContain('10 users: warming up');
    expect(progressed(12_000)).toContain('10 users: 0 requests in 12s');
  });

  it('has a chart that grows, and the results as they come', () => {
    const benchmark = {
      kind: 'case',
      index: 1,
      of: 10,
      variant: 'main',
      connection_limit: 2,
      concurrency: 10,
    } as const;
    const progress = (elapsed_ms: number, requests: number) => ({
      kind: 'replay-update' as const,
      update: {kind: 'progress' as const, elapsed_ms, requests, failed: 0},
    });
    const {state} = play(
      replaying(),
      {kind: 'replay-update', update: benchmark},
      progress(250, 100),
      progress(500, 300),
      {kind: 'replay-update', update: {kind: 'result', result: resultOf({connection_limit: 2})}},
    );
    // 100 requests in the first quarter of a second, 200 in the next.
    expect(state.replay).toMatchObject({rates: [400, 800]});
    expect(screenOf(state)).toContain('2/10 main, connection_limit 2, 10 users: 300 requests');
    expect(screenOf(state)).toContain('requests/s 800');
    expect(screenOf(state)).toMatch(/variant +limit +users/);
    // The next measurement counts from its own beginning.
    const next = play(
      state,
      {kind: 'replay-update', update: {...benchmark, index: 2}},
      progress(250, 50),
    ).state;
    expect(next.replay).toMatchObject({rates: [400, 800, 200]});
  });

  it('is ended by Esc with what was measured, and by q never', () => {
    const running = replaying();
    expect(press(running, 'q')).toMatchObject({
      replay: {isStopping: false},
      notice: {text: 'q: Esc ends the replay'},
    });
    const {state, effects} = play(running, key('escape'));
    expect(effects).toEqual([{kind: 'interrupt-replay'}]);
    expect(screenOf(state)).toContain('stopping, the results so far are kept');
    const partial = play(state, {
      kind: 'replayed',
      document: {...ended, is_complete: false, recommendation: null},
    });
    expect(screenOf(partial.state)).toContain('stopped before everything was measured');
    expect(press(partial.state, 'escape').wizard).toMatchObject({stage: 'preview'});
    expect(press(partial.state, 'enter')).toMatchObject({wizard: null, replay: null});
  });

  it('hands what it recommends to tune-connection-limit', () => {
    const {state} = play(replaying(), {kind: 'replayed', document: ended});
    expect(screenOf(state)).toContain('connection_limit 4: more brings next to nothing');
    expect(screenOf(state)).toContain('what is to be known');
    expect(screenOf(state)).toContain('Enter open tune-connection-limit with this value');
    const wizard = press(state, 'enter').wizard;
    expect(wizard?.recipe).toBe('tune-connection-limit');
    expect(wizard && valuesOf(wizard).connection_limit).toBe('4');
  });

  it('ends with the conclusions, then the results, a bar beside each if there is room', () => {
    const endOn = (columns: number) => {
      const page = {...replaying(), columns};
      const of = [3, 9].map(rate => resultOf({connection_limit: rate, requests_per_second: rate}));
      return screenOf(play(page, {kind: 'replayed', document: {...ended, results: of}}).state);
    };
    expect(endOn(100)).toMatch(/recommended[\s\S]*variant +limit[\s\S]*what is to be known/);
    expect(endOn(100)).not.toMatch(/^ +requests\/s/m);
    const bars =
      endOn(140)
        .match(/█+/g)
        ?.map(bar => bar.length) ?? [];
    expect(bars).toHaveLength(2);
    expect(Math.round((bars[1] ?? 0) / (bars[0] ?? 0))).toBe(3);
    expect(endOn(80)).not.toContain('█');
  });

  it.each([
    ['two limits', results, 'that takes measurements at three limits, and before has 2'],
    ['one', results.slice(1), 'that takes measurements at three limits, and before has 1'],
    [
      'three that answer nothing',
      [1, 2, 3].map(connection_limit => resultOf({connection_limit})),
      'no request succeeded at any of them',
    ],
    ['none', [], 'nothing was measured'],
  ])('says why it recommends none: %s', (_, measured, why) => {
    const document = {...ended, results: measured, recommendation: null};
    const {state} = play({...replaying(), columns: 120}, {kind: 'replayed', document});
    expect(screenOf(state)).toContain(`no limit is recommended: ${why}`);
    expect(screenOf(state)).toContain('Enter close');
  });

  it('says why nothing could be measured', () => {
    const {state} = play(replaying(), {kind: 'replay-failed', message: 'cannot read the endpoint file nope'});
    expect(screenOf(state)).toContain('cannot read the endpoint file nope');
    expect(press(state, 'escape').wizard).toMatchObject({recipe: 'replay-endpoint'});
  });
});

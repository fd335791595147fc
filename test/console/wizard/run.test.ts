import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import {createRunState} from '../../../source/core/engine/run-state.ts';
import {sessionId} from '../../../source/core/sessions/session.ts';
import type {RunState, StepProgress} from '../../../source/model/run.ts';
import type {Step} from '../../../source/model/step.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';
import {
  createFinding,
  createPlan,
  createRecipe,
  createStep,
  key,
  mount,
  open,
  play,
  press,
  read,
  rowsOf,
  screenOf,
} from '../played.ts';

const holder = createBackend({pid: 77, application_name: 'web'});
const snapshot = createSnapshot({backends: [holder]});
const identity = {run: 'r', target: 't', server: exampleServer, plan_hash: 'h'};

/** A run of these steps, confirmed. */
function running(steps: Step[], size: [number, number] = [80, 24]): ConsoleState {
  const recipes = [createRecipe({plan: () => createPlan(0, {steps})})];
  const preview = press(play(open(...size, {recipes}), read(snapshot)).state, '5', 'g', 'enter', 'enter');
  return press(preview, 'enter', 'y', 'e', 's', 'enter');
}

function acting(steps: Step[], current: number, progress: StepProgress | null = null): RunState {
  const state = createRunState(createPlan(0, {steps}), identity);
  const {[current]: step} = state.steps;
  if (step === undefined) throw new Error('no such step');
  return {
    ...state,
    phase: 'acting',
    current,
    steps: state.steps.with(current, {...step, status: 'acting', progress}),
  };
}

function showing(state: ConsoleState, run: RunState): ConsoleState {
  return play(state, {kind: 'run', run}).state;
}

const build = createStep(1, {title: 'build orders_idx', progress: 'create_index'});
const waiting: StepProgress = {
  phase: 'waiting for writers before build',
  done_ratio: 0.42,
  waiting_for: {pid: 77, description: 'web/app idle in transaction'},
};

describe('the harm that a run answers', () => {
  const at = (second: number, sessions: number) =>
    read(
      createSnapshot({
        at: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000Z`,
        backends: Array.from({length: sessions}, (_, index) => createBackend({pid: 100 + index})),
        budget: {
          ...createSnapshot().budget,
          used: sessions,
          usable: 20,
          used_ratio: sessions / 20,
          headroom: 20 - sessions,
        },
      }),
    );
  const harm = {kind: 'slots' as const, sessions: 9, share: 1, since: null};
  const finding = createFinding({summary: '20 of 20 slots in use', subject: 'server', harm});
  const step = createStep(100);
  const recipes = [createRecipe({findings: () => [finding], plan: () => createPlan(0, {steps: [step]})})];
  const opened = press(play(open(100, 30, {recipes}), at(0, 20)).state, '5', 'g', 'enter', 'enter', 'enter');
  const confirmed = press(opened, 'y', 'e', 's');

  it('is that of the finding it was opened from, and goes to the engine', () => {
    expect(play(confirmed, key('enter')).effects).toMatchObject([{kind: 'execute-plan', answers: [finding]}]);
  });

  const before = {
    kind: 'slots' as const,
    cause: null,
    subject: 'server',
    before: {summary: finding.summary, sessions: 9},
  };
  const observing: RunState = {
    ...createRunState(createPlan(0, {steps: [step]}), identity),
    phase: 'observing',
    harm: [{...before, after: null}],
  };
  const reading = showing(press(confirmed, 'enter'), observing);

  it('is read again after the steps; Esc does not wait for it', () => {
    expect(screenOf(reading)).toMatch(/before: 20 of 20 slots in use\n +after: measuring/);
    expect(rowsOf(reading).at(-1)).toContain('Esc stop measuring the result');
    expect(play(reading, key('escape')).effects).toEqual([{kind: 'interrupt-run', plan: expect.anything()}]);
  });

  it('goes on while the page is open: it remains, or is gone', () => {
    const after = {state: 'unknown' as const, summary: null, sessions: null, readings: 1, over_ms: 0};
    const ended = showing(reading, {
      ...observing,
      phase: 'ended',
      status: 'done',
      harm: [{...before, after}],
    });
    expect(screenOf(ended)).toContain('after: not known yet');
    const remains = play(ended, at(1, 20), at(2, 20)).state;
    expect(screenOf(remains)).toMatch(/after: remains after 1s: .*20 of 20 slots are in use/);
    const recipe = createRecipe({findings: () => []});
    const gone = play({...remains, recipes: [recipe]}, at(23, 2), at(24, 2)).state;
    expect(screenOf(gone)).toContain('after: slots are free again (4 snapshots over 23s)');
  });
});

describe('a step with progress', () => {
  const state = showing(running([build]), acting([build], 0, waiting));

  it('has a bar, its phase, and the session it waits for', () => {
    expect(screenOf(state)).toMatch(/█{13}░{17} {2}42% {2}waiting for writers before build\n/);
    expect(screenOf(state)).toContain('waits for 77 web/app idle in transaction');
    const unknown = showing(state, acting([build], 0, {...waiting, done_ratio: null, waiting_for: null}));
    expect(screenOf(unknown)).not.toMatch(/█|░|%/);
  });

  it('opens the session it waits for with w, over the run, which continues', () => {
    const {state: peeking, effects} = play(state, key('w'));
    const described = {kind: 'describe-session', id: sessionId(holder), backend: holder, isPast: false};
    expect(effects).toEqual([described]);
    expect(screenOf(peeking)).toContain('session 77');
    expect(press(peeking, '3', 'K', '?')).toMatchObject({overlay: {kind: 'session'}, view: 'recipes'});
    const ended = showing(peeking, {...acting([build], 0), phase: 'ended', current: null, status: 'done'});
    expect(screenOf(ended)).toContain('session 77');
    expect(ended.wizard?.stage).toBe('done');
    expect(screenOf(press(ended, 'escape'))).toMatch(/done: 1 unknown; run r in the journal/);
  });

  it('says why w is not available', () => {
    const alone = showing(state, acting([build], 0, {...waiting, waiting_for: null}));
    expect(screenOf(press(alone, 'w'))).toContain('w: no step waits for a session');
    const stranger = {...waiting, waiting_for: {pid: 5, description: ''}};
    expect(screenOf(press(showing(state, acting([build], 0, stranger)), 'w'))).toContain(
      'w: session 5 is not in',
    );
  });

  it('is cancelled and swept by the second Esc; another step is seen to its end', () => {
    expect(screenOf(state)).toContain('Esc cancel this step');
    expect(screenOf(press(state, 'escape', 'escape'))).toContain(
      'cancelling the build and dropping the unfinished index',
    );
    const plain = createStep(2);
    const other = showing(running([plain]), acting([plain], 0));
    expect(screenOf(press(other, 'escape', 'escape'))).toContain('stopping after this step');
  });

  it('asks for confirmation on the first Esc, and continues on any other key', () => {
    const asked = play(state, key('escape'));
    expect(asked.effects).toEqual([]);
    expect(screenOf(asked.state)).toContain('Press Esc again to cancel this step.');
    expect(rowsOf(asked.state).at(-1)).toContain('Esc again cancel this step');
    const on = press(asked.state, 'j');
    expect(screenOf(on)).not.toContain('Esc again');
    expect(play(on, key('escape')).effects).toEqual([]);
    expect(play(asked.state, key('escape')).effects).toEqual([
      {kind: 'interrupt-run', plan: expect.anything()},
    ]);
  });
});

describe('a build that was cancelled', () => {
  const verify = build.verify;
  const swept = createStep(1, {
    title: 'build orders_idx',
    progress: 'create_index',
    cleanup: {guard: verify, apply: {text: 'DROP INDEX CONCURRENTLY orders_idx', values: []}},
  });
  const verifying = (step: Step) => {
    const run = acting([step], 0, waiting);
    return {...run, steps: run.steps.map(each => ({...each, status: 'verifying' as const}))};
  };
  const cancelled = press(showing(running([swept]), acting([swept], 0, waiting)), 'escape', 'escape');
  const footer = (state: ConsoleState) => rowsOf(state).at(-1) ?? '';

  it('is being swept, and offers no second cancel', () => {
    expect(footer(cancelled)).not.toContain('Esc');
    expect(play(cancelled, key('escape')).effects).toEqual([]);
    const sweeping = showing(cancelled, verifying(swept));
    expect(screenOf(sweeping)).toMatch(/build orders_idx +cleaning up\n/);
    expect(screenOf(sweeping)).not.toContain('waits for 77');
    expect(footer(sweeping)).not.toContain('Esc');
  });

  it('is not swept where it was done when Esc came', () => {
    const done = press(showing(running([swept]), verifying(swept)), 'escape', 'escape');
    expect(screenOf(done)).toContain('stopping after this step');
    expect(screenOf(done)).toMatch(/build orders_idx +verifying\n/);
  });

  it('names at its end what removes what could not be swept away', () => {
    const result = {
      outcome: 'failed' as const,
      row_count: 0,
      sqlstate: '57014',
      message: 'cancelled; what it left behind could not be removed',
      duration_ms: 1,
    };
    const ended = (change: object) => {
      const run = acting([swept], 0);
      const steps = run.steps.map(each => ({
        ...each,
        status: 'ended' as const,
        result: {...result, ...change},
      }));
      return screenOf(
        showing(cancelled, {...run, steps, phase: 'ended', current: null, status: 'interrupted'}),
      );
    };
    expect(ended({has_leftover: true})).toMatch(/repair-invalid-indexes[\s\S]*undo/);
    expect(ended({})).not.toContain('repair-invalid-indexes');
  });
});

it('shows a step without a recorded end as unknown', () => {
  const steps = [build, createStep(2)];
  const lost = {...acting(steps, 0), phase: 'ended' as const, current: null, status: 'failed' as const};
  const screen = screenOf(showing(running(steps), lost));
  expect(screen).toMatch(/▲ build orders_idx +unknown: check server\n/);
  expect(screen).toContain('failed: 1 unknown, 1 not started');
});

describe('a long run', () => {
  const steps = Array.from({length: 60}, (_, index) => createStep(1000 + index));
  const state = running(steps);

  it('shows the step it is at, and its end', () => {
    const middle = showing(state, acting(steps, 40));
    expect(rowsOf(middle).some(row => /1040 .* running/.test(row))).toBe(true);
    const ended = showing(middle, {...acting(steps, 59), phase: 'ended', current: null, status: 'done'});
    expect(screenOf(ended)).toContain('run r in the journal');
  });

  it('keeps the scroll position until the next step', () => {
    const shown = mount(state);
    const isAtTop = () => shown.rows().some(row => row.startsWith('  slots  '));
    shown.play({kind: 'run', run: acting(steps, 40)});
    expect(isAtTop()).toBe(false);
    shown.play('g', {kind: 'run', run: acting(steps, 40, {...waiting, waiting_for: null})});
    expect(isAtTop()).toBe(true);
    shown.play({kind: 'run', run: acting(steps, 41)});
    expect(isAtTop()).toBe(false);
    expect(shown.rows().some(row => /1041 .* running/.test(row))).toBe(true);
  });
});

describe('a plan of advice', () => {
  it('has nothing to confirm', () => {
    const advice: Step = {kind: 'advice', title: 'ask', subject: 'server', text: 'Ask the owner.'};
    const recipes = [createRecipe({plan: () => createPlan(0, {steps: [advice]})})];
    const preview = press(play(open(80, 24, {recipes}), read(snapshot)).state, '5', 'g', 'enter', 'enter');
    expect(screenOf(preview)).toMatch(/advice: nothing is changed[\s\S]*Enter close/);
    expect(press(preview, 'enter').wizard).toBeNull();
  });
});

it('shows figures as they are, and the signs of a diff', () => {
  const diff = [
    '@@ .env',
    '-DATABASE_URL=postgres://app@db/shop',
    '+DATABASE_URL=postgres://app@db/shop?connection_limit=5',
  ];
  const change = {kind: 'replace', before: 'a', after: 'b'} as const;
  const file: Step = {
    kind: 'file',
    title: 'change .env',
    subject: 'file:.env',
    path: '/srv/shop/.env',
    change,
    diff,
  };
  const figure = ['now   ####      4 of 10', 'peak  ########  8 of 10'];
  const recipes = [createRecipe({plan: () => createPlan(0, {steps: [file], figure, skipped: []})})];
  const preview = press(play(open(80, 40, {recipes}), read(snapshot)).state, '5', 'g', 'enter', 'enter');
  const screen = screenOf(preview);
  for (const text of figure) expect(screen).toContain(`\n  ${text}\n`);
  expect(screen).toContain('it can be undone');
  expect(screen).toMatch(
    /1 change \.env\n +\/srv\/shop\/\.env\n +@@ \.env\n +-DATABASE_URL=.*\n +\+DATABASE_URL=/,
  );
});

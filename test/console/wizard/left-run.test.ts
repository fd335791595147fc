import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import {createRunState} from '../../../source/core/engine/run-state.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import type {RunState} from '../../../source/model/run.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';
import {
  createPlan,
  createRecipe,
  createStep,
  key,
  open,
  play,
  press,
  read,
  rowsOf,
  screenOf,
} from '../played.ts';

const backends = [77, 78].map(pid => createBackend({pid, application_name: 'web'}));
const server = exampleServer;
const step = createStep(1, {title: 'build orders_idx', progress: 'create_index'});
const plan = createPlan(0, {recipe: 'build-it', steps: [step, createStep(2)]});
const recipes = [
  createRecipe({id: 'build-it', plan: () => plan}),
  createRecipe({id: 'terminate-sessions', plan: () => createPlan(1, {recipe: 'terminate-sessions'})}),
];

function snapshot() {
  const shown = createSnapshot({backends});
  return {...shown, target: {...shown.target, server}};
}

const word = ['y', 'e', 's', 'enter'];
const preview = press(play(open(120, 30, {recipes}), read(snapshot())).state, '5', 'enter', 'enter');
const started = press(preview, 'enter', ...word);

function runOf(changes: Partial<RunState> = {}, of: Plan = plan, run = 'first'): RunState {
  const {steps, ...state} = createRunState(of, {run, target: 't', server, plan_hash: 'h'});
  const waiting_for = {pid: 77, description: 'web/app idle in transaction'};
  const progress = {phase: 'waiting for writers before build', done_ratio: 0.4, waiting_for};
  const [first, ...others] = steps;
  if (first === undefined) throw new Error('no step');
  return {
    ...state,
    phase: 'acting',
    current: 0,
    steps: [{...first, status: 'acting', progress}, ...others],
    ...changes,
  };
}

const running = play(started, {kind: 'run', run: runOf()}).state;
const line = (state: ConsoleState) => rowsOf(state).at(-2) ?? '';
const ended = runOf({phase: 'ended', current: null, status: 'done'});

describe('a run that is left', () => {
  it.each(['v', '2'])('with %s goes on; a line says where it is, and v goes back to it', key => {
    expect(rowsOf(running).at(-1)).toContain('v leave running');
    const left = press(running, key);
    expect(left).toMatchObject({wizard: null, view: key === 'v' ? 'recipes' : 'sessions'});
    expect(line(left)).toContain(
      'build-it: step 1 of 2, waiting for writers before build, waits for 77 web/app idle in transaction  v shows it',
    );
    const back = press(left, 'v');
    expect(back).toMatchObject({leftRun: null, wizard: {stage: 'running', recipe: 'build-it'}});
    expect(screenOf(back)).toContain('build orders_idx');
  });

  it('leaves the views as they are: filters, details, the past', () => {
    const left = press(running, '2', '/', ...'pid:78', 'enter', 'enter');
    expect(left).toMatchObject({overlay: {kind: 'session'}, leftRun: {stage: 'running'}});
    expect(press(left, 'v')).toMatchObject({overlay: null, wizard: {recipe: 'build-it'}});
  });

  it('is stopped by Esc no more than another page is, once it was left and shown again', () => {
    const asked = press(running, 'escape', 'v', 'v');
    expect(asked.wizard).toMatchObject({asksToStop: false, stage: 'running'});
    expect(play(asked, key('escape')).effects).toEqual([]);
  });

  it('says how it ended, and shows it', () => {
    const done = play(press(running, 'v'), {kind: 'run', run: ended}).state;
    expect(line(done)).toContain('build-it: done  v shows it');
    const shown = press(done, 'v');
    expect(shown).toMatchObject({leftRun: null, wizard: {stage: 'done'}});
    expect(press(shown, 'enter')).toMatchObject({leftRun: null, wizard: null});
  });

  it('says that it failed before it began', () => {
    const failed = play(press(started, 'v'), {kind: 'run-failed', run: null, message: 'no slot'}).state;
    expect(line(failed)).toContain('build-it: no slot  v shows it');
    expect(screenOf(press(failed, 'v'))).toContain('no slot');
  });

  it('keeps q and :quit from ending it; Ctrl-C ends it', () => {
    const left = press(running, 'v');
    const reason = 'build-it is running: v shows it, Ctrl-C stops it and quits';
    expect(screenOf(press(left, 'q'))).toContain(reason);
    expect(screenOf(press(left, ':', ...'quit', 'enter'))).toContain(reason);
    expect(play(left, key('ctrl-c')).effects).toEqual([{kind: 'quit'}]);
  });

  it('cannot be left for a view from another page of a recipe', () => {
    expect(screenOf(press(preview, '2'))).toContain('2: Esc leaves this page');
    expect(press(preview, '2').view).toBe('recipes');
  });
});

describe('a second run', () => {
  it('is refused before anything is typed, with the reason', () => {
    const second = press(press(running, '2'), 'j', 'K', 'enter');
    expect(second.wizard?.stage).toBe('preview');
    expect(screenOf(second)).toContain('build-it is running, one run at a time: v shows it');
    expect(press(second, 'v').wizard?.recipe).toBe('build-it');
  });

  it('ends the session that the first waits for, and leads back to the first', () => {
    const blocker = press(running, 'w');
    expect(blocker.overlay).toMatchObject({kind: 'session'});
    expect(rowsOf(blocker).at(-1)).toContain('K terminate');
    const asked = press(blocker, 'K');
    expect(asked).toMatchObject({
      wizard: {recipe: 'terminate-sessions', stage: 'preview', isForRun: true},
      leftRun: {recipe: 'build-it'},
    });
    const confirmed = press(asked, 'enter', ...word);
    expect(confirmed.wizard?.stage).toBe('running');
    const other = createPlan(1, {recipe: 'terminate-sessions'});
    const both = play(
      confirmed,
      {kind: 'run', run: runOf({}, other, 'second')},
      {kind: 'run', run: runOf({current: 1})},
      {kind: 'run', run: runOf({phase: 'ended', current: null, status: 'done'}, other, 'second')},
    ).state;
    expect(both).toMatchObject({wizard: {stage: 'done'}, leftRun: {stage: 'running', run: {current: 1}}});
    expect(press(both, 'enter')).toMatchObject({
      leftRun: null,
      wizard: {stage: 'running', recipe: 'build-it'},
    });
    expect(press(blocker, 'K', 'escape')).toMatchObject({wizard: {recipe: 'build-it', stage: 'running'}});
  });

  it('is left for the first and shown again with v; neither is dropped, ended or under way', () => {
    const other = createPlan(1, {recipe: 'terminate-sessions'});
    const both = play(press(running, 'w', 'K', 'enter', ...word), {
      kind: 'run',
      run: runOf({}, other, 'second'),
    }).state;
    expect(rowsOf(both).at(-1)).toContain('v other run');
    expect(press(both, '1')).toMatchObject({leftRun: {recipe: 'build-it'}, view: 'recipes'});
    expect(screenOf(press(both, '1'))).toContain('1: another run is in the background: v shows it');
    const first = press(both, 'v');
    expect(first).toMatchObject({wizard: {recipe: 'build-it'}, leftRun: {recipe: 'terminate-sessions'}});
    const third = press(first, 'w', 'K');
    expect(third).toMatchObject({wizard: {recipe: 'build-it'}, leftRun: {recipe: 'terminate-sessions'}});
    expect(screenOf(third)).toContain('another run is in the background: v shows it');
    // The first ends unseen.
    const unseen = play(press(first, 'v'), {kind: 'run', run: ended}).state;
    expect(unseen).toMatchObject({wizard: {recipe: 'terminate-sessions'}, leftRun: {stage: 'done'}});
    const seen = press(unseen, 'v');
    expect(seen).toMatchObject({wizard: {stage: 'done'}, leftRun: {recipe: 'terminate-sessions'}});
    expect(press(seen, 'enter')).toMatchObject({wizard: null, leftRun: {stage: 'running'}});
  });

  it('ends that session from Sessions, too, while the first is left', () => {
    const asked = press(press(running, '2'), 'g', 'K', 'enter');
    expect(asked.wizard).toMatchObject({stage: 'confirm', isForRun: true});
  });
});

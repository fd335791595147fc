import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import {createRunState} from '../../../source/core/engine/run-state.ts';
import type {Parameter} from '../../../source/model/recipe.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';
import {createPlan, createRecipe, createStep, key, open, play, press, read, screenOf} from '../played.ts';
import {findings, start} from './wizard-start.ts';

describe('findings', () => {
  it('show first the one that it was opened from, its values with their units', () => {
    const screen = screenOf(press(start(), 'b'));
    expect(screen.indexOf('the one asked about')).toBeLessThan(screen.indexOf('the worst of them'));
    expect(screen).toMatch(/state_age +2m10s/);
    expect(screen).toMatch(/slots_used +50\.0%/);
    expect(screen).toMatch(/waiters +3/);
  });
});

describe('confirmation', () => {
  it('names the action and the target, and how many steps are irreversible', () => {
    const screen = screenOf(press(start(), 'a', 'enter', 'enter'));
    expect(screen).toContain('12 sessions to end\n  on db.example:5432/shop');
    expect(screen).toContain('12 steps; skipped: 1\n  none of them can be undone');
  });

  it('takes every letter as text, including those that are keys elsewhere', () => {
    expect(press(start(), 'a', 'enter', 'enter', 'j', 'g', 'q', 'space').wizard?.typed).toBe('jgq ');
  });
});

describe('parameters', () => {
  const parameters = Array.from(
    {length: 30},
    (_, index): Parameter => ({
      name: `p${index}`,
      description: `what ${index} is`,
      kind: 'text',
      default: '',
    }),
  );
  const form = press(start(1, parameters), 'a', 'enter');

  it('keep the one that is edited in sight', () => {
    expect(screenOf(press(form, 'up'))).toContain('> p29');
    expect(screenOf(press(form, ...Array.from({length: 20}, () => 'tab')))).toContain('> p20');
    expect(screenOf(press(form, 'up', 'down'))).toContain('> p0');
  });

  it('take letters as text', () => {
    expect(press(form, 'j', 'G', 'q').wizard?.params.p0).toBe('jGq');
  });
});

describe('the confirmation', () => {
  const confirming = (size: [number, number], isProduction = false) => {
    const recipes = [createRecipe({findings: () => findings, plan: () => createPlan(12)})];
    const address = 'a-database-with-a-long-name.example.internal:5432/shop';
    const started = play(open(120, 40, {recipes, isProduction, address}), read(createSnapshot())).state;
    const [columns, rows] = size;
    const confirm = press({...started, targetName: address}, 'a', 'enter', 'enter');
    return play(confirm, {kind: 'resized', columns, rows}).state;
  };

  it.each([
    [40, 8],
    [40, 10],
    [60, 15],
  ] as [number, number][])('shows what is typed at %i x %i', (...size) => {
    for (const isProduction of [false, true]) {
      const state = press(confirming(size, isProduction), ...'wxyz');
      expect(screenOf(state)).toMatch(/wxyz▏/);
      const refused = press(state, 'enter');
      expect(refused.wizard?.stage).toBe('confirm');
      expect(screenOf(refused)).toMatch(/wxyz▏/);
    }
  });

  it('rejects a pasted word, with a notice', () => {
    const pasted = play(confirming([80, 24]), {kind: 'paste', text: 'yes'}).state;
    expect(pasted.wizard?.typed).toBe('');
    expect(screenOf(pasted)).toContain('Pasted text does not confirm: type the word');
    expect(play(pasted, key('enter')).effects).toEqual([]);
  });
});

describe('a paste', () => {
  const text = 'SELECT 1; DROP TABLE t';

  it('is text in a parameter and in the command line', () => {
    const parameters: Parameter[] = [{name: 'p', description: 'p', kind: 'text', default: ''}];
    const form = press(start(1, parameters), 'a', 'enter');
    expect(play(form, {kind: 'paste', text}).state.wizard?.params.p).toBe(text);
    const prompt = play(press(start(), ':'), {kind: 'paste', text});
    expect(prompt.state.overlay).toMatchObject({kind: 'prompt', text});
    expect(prompt.effects).toEqual([]);
  });

  it('changes nothing anywhere else, with a notice', () => {
    for (const keys of [[], ['a'], ['a', 'enter'], ['?'], ['2'], ['6']]) {
      const before = press(start(), ...keys);
      const {state, effects} = play(before, {kind: 'paste', text});
      expect(effects).toEqual([]);
      expect({...state, notice: null}).toEqual({...before, notice: null});
      expect(state.notice?.text).toMatch(/^Pasted text is ignored here/);
    }
  });
});

describe('run', () => {
  const running = press(start(1), 'a', 'enter', 'enter', 'y', 'e', 's', 'enter');

  it('keeps the pid of a step beside its outcome at 80 columns', () => {
    const plan = createPlan(0, {
      steps: [
        createStep(4_194_304, {title: 'cancel the statement of session 4194304 (shop/shop_app active)'}),
      ],
    });
    const state = createRunState(plan, {run: 'r', target: 't', server: exampleServer, plan_hash: 'h'});
    expect(screenOf(play(running, {kind: 'run', run: state}).state)).toMatch(/session 4194304 .* waiting/);
  });

  it('is stopped by Esc, not by a q that closes a page', () => {
    expect(screenOf(press(running, 'q'))).toContain('Esc stops the run, v leaves it running');
    expect(play(running, key('escape'), key('escape')).effects).toEqual([
      {kind: 'interrupt-run', plan: expect.anything()},
    ]);
    expect(screenOf(press(running, 'escape', 'escape'))).toContain('stopping after this step');
  });
});

describe('a session whose detail is open', () => {
  const backends = [createBackend({pid: 1, state: 'active'}), createBackend({pid: 2, state: 'idle'})];
  const recipes = [createRecipe({id: 'terminate-sessions', plan: (_, params) => createPlan(1, {params})})];
  const sessions = press(play(open(80, 24, {recipes}), read(createSnapshot({backends}))).state, '2');

  it('is the one that K ends, regardless of tags', () => {
    const tagged = press(sessions, 'g', 'space');
    const detail = press(tagged, 'enter');
    const held = tagged.tables.sessions?.cursor;
    expect(tagged.tables.sessions?.tagged).not.toContain(held);
    expect(press(detail, 'K').wizard?.params.pid).toBe(held);
  });

  it('has C and K in its footer, no x; and says why they are not available once it has ended', () => {
    const detail = press(sessions, 'g', 'enter');
    const footer = (state: ConsoleState) => screenOf(state).split('\n').at(-1) ?? '';
    expect(footer(detail)).toMatch(/ C cancel {2}K terminate /);
    expect(footer(detail)).not.toContain('explain');
    const ended = play(detail, read(createSnapshot({backends: []}))).state;
    expect(footer(ended)).toMatch(/ C cancel {2}K terminate .*C: this session has ended/);
    expect(screenOf(press(ended, 'K'))).toContain('K: this session has ended');
  });
});

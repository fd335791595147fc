import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import {buildGuard} from '../../../source/core/indexes/index-guards.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {
  createPlan,
  createRecipe,
  createStep,
  mount,
  open,
  play,
  press,
  read,
  rowsOf,
  screenOf,
} from '../played.ts';
import {findings, start} from './wizard-start.ts';

describe('preview', () => {
  const preview = press(start(), 'a', 'enter');

  it('says at the top how much is done, which sessions are skipped, and that nothing can be undone', () => {
    expect(screenOf(preview)).toMatch(/\n {2}12 steps; skipped: 1\n {2}none of them can be undone\n/);
  });

  it('of a first reading, which does not name its server, is made again before it is executed', () => {
    const snapshot = createSnapshot();
    const {server, ...unnamed} = snapshot.target;
    const recipes = [createRecipe({findings: () => findings, steps: 2, parameters: []})];
    const first = play(open(80, 24, {recipes}), read({...snapshot, target: unnamed})).state;
    const early = press(first, 'a', 'enter', 'enter', 'y', 'e', 's');
    expect([early.wizard?.stage, early.wizard?.server]).toEqual(['confirm', null]);
    const refused = press(early, 'enter');
    expect(screenOf(refused)).toContain('the server is not identified yet: press Enter again');
    const running = press(play(refused, read(snapshot)).state, 'enter');
    expect([running.wizard?.stage, running.wizard?.server]).toEqual(['running', server]);
  });

  it('has each session left out and taken again, all of them, and executes what is left', () => {
    const steps = [createStep(4001), createStep(4002), createStep(4002), createStep(4003)];
    const recipes = [createRecipe({findings: () => findings, plan: () => createPlan(0, {steps})})];
    const opened = press(play(open(80, 40, {recipes}), read(createSnapshot())).state, 'a', 'enter');
    expect(screenOf(opened)).toMatch(/> 1 \[x\] terminate 4001[\s\S]*\n +4 \[x\] terminate 4003/);
    expect(rowsOf(opened).at(-1)).toContain('Space choose');
    const second = press(opened, 'tab', 'space');
    expect(screenOf(second)).toMatch(/2 steps; skipped: 3/);
    expect(screenOf(second)).toContain('Only 2 of 3 chosen: the others are left out.');
    expect(screenOf(second)).toMatch(/> - \[ \] terminate 4002 .*: left out\n/);
    expect(screenOf(second)).toMatch(/\n +2 \[x\] terminate 4003/);
    const none = press(opened, 'a');
    expect(screenOf(none)).toContain('nothing to do');
    expect(press(none, 'enter').wizard).toBeNull();
    expect(screenOf(press(none, 'a'))).toMatch(/4 steps; skipped: 1/);
    const pids = (state: ConsoleState) => state.wizard?.plan?.steps.map(({subject}) => subject);
    expect(pids(press(second, 'enter'))).toEqual(['backend:4001', 'backend:4003']);
    expect(pids(press(second, 'enter', 'escape', 'space'))).toHaveLength(4);
    // Made again, the plan leaves out the same.
    expect(pids(press(second, 'escape', 'enter'))).toEqual(['backend:4001', 'backend:4003']);
    expect(pids(press(opened, 'shift-tab', 'space'))).not.toContain('backend:4003');
  });

  it('has nothing chosen where one step alone, or one that others need, is planned', () => {
    expect(screenOf(press(start(1), 'a', 'enter', 'space'))).toContain('Space: nothing to choose from here');
    expect(screenOf(press(start(1), 'a', 'enter'))).not.toContain('[x]');
  });

  it('opens with the one that the finding names', () => {
    const steps = [createStep(1), createStep(2), createStep(3)];
    const recipes = [createRecipe({findings: () => findings, plan: () => createPlan(0, {steps})})];
    const opened = press(play(open(80, 40, {recipes}), read(createSnapshot())).state, 'b', 'enter');
    expect(opened.wizard?.plan?.steps.map(({subject}) => subject)).toEqual(['backend:2']);
    expect(screenOf(opened)).toMatch(
      /- \[ \] terminate 1[\s\S]*1 \[x\] terminate 2[\s\S]*- \[ \] terminate 3/,
    );
  });

  it('shows a long reason for skipping several objects once', () => {
    const reason = 'no index leads with it, but so many rows share a value that no plan would use one';
    const skipped = ['a', 'b'].map(description => ({subject: 'index', description, reason}));
    const recipes = [createRecipe({findings: () => findings, plan: () => createPlan(1, {skipped})})];
    const state = press(play(open(80, 50, {recipes}), read(createSnapshot())).state, 'a', 'enter');
    expect(screenOf(state)).toMatch(/no index leads[\s\S]*use one:\n {6}index a\n {6}index b\n/);
    expect(screenOf(state).split('no index leads')).toHaveLength(2);
  });

  it('says that harmless steps need no undo', () => {
    const plan = () => createPlan(0, {steps: [createStep(4001, {undo: 'unneeded'})]});
    const recipes = [createRecipe({findings: () => findings, plan})];
    const state = press(play(open(80, 50, {recipes}), read(createSnapshot())).state, 'a', 'enter');
    expect(screenOf(state)).toContain('  it needs no undo');
    expect(screenOf(state)).toContain('lock: none; needs no undo');
  });

  it('names the steps that cannot be undone where others can', () => {
    const verify = createStep(1).verify;
    const reversible = createStep(4001, {undo: {apply: {text: 'DROP INDEX i', values: []}, verify}});
    const plan = () => createPlan(0, {steps: [reversible, createStep(4002)]});
    const recipes = [createRecipe({findings: () => findings, plan})];
    const state = press(play(open(80, 50, {recipes}), read(createSnapshot())).state, 'a', 'enter');
    expect(screenOf(state)).toContain('1 of 2 cannot be undone: 2');
    expect(screenOf(state)).toContain('lock: none; undo: DROP INDEX i');
  });

  it('says how much is below until the end has been in sight', () => {
    const shown = mount(preview);
    expect(shown.rows().at(-1)).toMatch(/Enter next {2}Esc back {2}Space choose +\d+ more lines below: PgDn/);
    shown.play('G');
    expect(shown.rows().join('\n')).not.toContain('more line');
    expect(shown.rows().join('\n')).toContain('backend:9 9: a dump');
  });

  it.each([
    ['j', 1],
    ['down', 1],
    ['pagedown', 16],
    ['end', Number.POSITIVE_INFINITY],
    ['G', Number.POSITIVE_INFINITY],
  ])('scrolls by %s, and back', (key, by) => {
    const shown = mount(preview);
    const below = () => Number(/(\d+) more line/.exec(shown.rows().at(-1) ?? '')?.[1] ?? 0);
    const last = below();
    expect(last).toBeGreaterThan(12);
    shown.play(key);
    expect(below()).toBe(Math.max(0, last - by));
    shown.play({j: 'k', down: 'up', pagedown: 'pageup', end: 'home', G: 'g'}[key] ?? '');
    expect(below()).toBe(last);
  });

  it('gets the keys typed ahead for it; those for the page before stay with that page', () => {
    const shown = mount(start());
    shown.playAhead('a', 'enter', 'G');
    expect(shown.rows().join('\n')).toContain('backend:9 9: a dump');
    const other = mount(press(start(), 'a'));
    other.playAhead('G', 'enter');
    expect(other.rows().at(-1)).toMatch(/more lines below/);
    const closed = mount(start());
    closed.playAhead('?', 'G', 'escape');
    closed.playAhead('?');
    expect(closed.rows().at(-1)).toMatch(/more lines below/);
  });

  it('has no page of parameters before it if there are none', () => {
    expect(preview.wizard?.stage).toBe('preview');
    expect(press(preview, 'escape').wizard?.stage).toBe('evidence');
  });
});

describe('a long guard in the preview', () => {
  const guard = buildGuard({schema: 'public', name: 'orders_idx', table: 'orders', table_oid: '1'});
  const plan = () => createPlan(0, {steps: [createStep(4001, {guard})]});
  const recipes = [createRecipe({findings: () => findings, plan})];
  const preview = press(play(open(80, 40, {recipes}), read(createSnapshot())).state, 'a', 'enter');

  it('is one line with its meaning, and the statement is shown in full', () => {
    const rows = rowsOf(preview);
    expect(rows.filter(row => row.includes('only if'))).toHaveLength(1);
    expect(screenOf(preview)).toMatch(/only if not: the table has changed .*\n +SELECT pg_catalog\.pg_term/);
    expect(rows.at(-1)).toContain('o show guards');
  });

  it('is unfolded by o, and folded again', () => {
    const whole = press(preview, 'o');
    expect(screenOf(whole)).toMatch(/only if SELECT CASE\n +WHEN t\.oid IS NULL/);
    const shown = mount(whole);
    shown.play('G', 'o');
    expect(shown.rows()).toEqual(rowsOf(preview));
  });

  it('has nothing to unfold if guards are short', () => {
    const short = press(start(), 'a', 'enter');
    expect(rowsOf(short).at(-1)).not.toContain('guards');
    expect(screenOf(press(short, 'o'))).toContain('o: no condition is collapsed here');
  });
});

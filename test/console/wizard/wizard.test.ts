import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import {createRunState} from '../../../source/core/engine/run-state.ts';
import {buildGuard} from '../../../source/core/indexes/index-guards.ts';
import type {Parameter} from '../../../source/model/recipe.ts';
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

const findings = [
  createFinding({severity: 'critical', subject: 'backend:1', summary: 'the worst of them'}),
  createFinding({
    subject: 'backend:2',
    summary: 'the one asked about',
    evidence: {state_age_ms: 130_000, slots_used_ratio: 0.5, waiters: 3},
  }),
];

/** On the Overview, the findings' letters being `a` and `b`. */
function start(steps = 12, parameters: Parameter[] = []): ConsoleState {
  const recipes = [createRecipe({findings: () => findings, steps, parameters})];
  return play(open(80, 24, {recipes}), read(createSnapshot())).state;
}

describe('findings', () => {
  it('show first the one that it was opened from, its values with their units', () => {
    const screen = screenOf(press(start(), 'b'));
    expect(screen.indexOf('the one asked about')).toBeLessThan(screen.indexOf('the worst of them'));
    expect(screen).toMatch(/state_age +2m10s/);
    expect(screen).toMatch(/slots_used +50\.0%/);
    expect(screen).toMatch(/waiters +3/);
  });
});

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
    expect(screenOf(opened)).toMatch(/> 1 \[x\] end session 4001[\s\S]*\n +4 \[x\] end session 4003/);
    expect(rowsOf(opened).at(-1)).toContain('Space choose');
    const second = press(opened, 'tab', 'space');
    expect(screenOf(second)).toMatch(/2 steps; skipped: 3/);
    expect(screenOf(second)).toContain('Only 2 of 3 chosen: the others are left out.');
    expect(screenOf(second)).toMatch(/> - \[ \] end session 4002 .*: left out\n/);
    expect(screenOf(second)).toMatch(/\n +2 \[x\] end session 4003/);
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
      /- \[ \] end session 1[\s\S]*1 \[x\] end session 2[\s\S]*- \[ \] end session 3/,
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
    expect(screenOf(press(short, 'o'))).toContain('o: no guard is folded here');
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

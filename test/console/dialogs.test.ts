import {describe, expect, it} from 'vitest';
import {confirmationWord} from '../../source/console/state/run.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {createRunState} from '../../source/core/engine/run-state.ts';
import {sessionId} from '../../source/core/sessions/session.ts';
import type {JournalEvent} from '../../source/model/journal-entry.ts';
import type {Parameter, Recipe} from '../../source/model/recipe.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {resultOf} from '../replay/report/results.ts';
import {
  createFinding,
  createPlan,
  createRecipe,
  createStep,
  mount,
  open,
  play,
  press,
  read,
  rowsOf,
  theme,
} from './played.ts';
import {expectSameCells} from './rendered.tsx';

const hostile = '\u001b[2J\u202E漢字 \u0007กำลัง';
const backend = createBackend({
  pid: 77,
  state: 'active',
  application_name: hostile,
  query: 'SELECT 1',
  tags: {route: hostile, state: 'twice'},
});
const statement = createStatement({query: `SELECT ${hostile} FROM orders`});
const snapshot = createSnapshot({backends: [backend], statements: [statement]});

const parameters: Parameter[] = Array.from({length: 12}, (_, index) => ({
  name: `parameter_${index}`,
  description: `what parameter ${index} is, in a sentence that takes more than one row on a narrow terminal`,
  kind: 'text',
  default: '',
}));
const steps = Array.from({length: 12}, (_, index) =>
  createStep(4000 + index, {title: `end session ${4000 + index} (${hostile} idle in transaction)`}),
);
const recipe = createRecipe({
  findings: () => [createFinding({summary: `${hostile} waits`, evidence: {state_age_ms: 1000}})],
  parameters,
  plan: () => createPlan(0, {steps, explanation: ['12 sessions to end:', `4000 ${hostile}`]}),
});
const benchmark: Recipe = {...recipe, id: 'measure-it', isBenchmark: true, diagnose: () => []};

type Size = [columns: number, rows: number];

/** On the Overview, with one finding, `a`. */
function start(size: Size, isProduction = false): ConsoleState {
  const recipes = [recipe, benchmark];
  return play(open(...size, {recipes, isProduction}), read(snapshot)).state;
}

const identity = {run: 'r', target: 't', server: exampleServer, plan_hash: 'h'};

function running(state: ConsoleState): ConsoleState {
  const run = createRunState(createPlan(0, {steps}), identity);
  const asked = press(state, 'a', 'enter', 'enter', 'enter');
  const word = asked.wizard === null ? '' : confirmationWord(asked, asked.wizard);
  const confirmed = press(asked, ...word, 'enter');
  return play(confirmed, {kind: 'run', run: {...run, phase: 'acting', current: 11}}).state;
}

function ended(state: ConsoleState): ConsoleState {
  const run = createRunState(createPlan(0, {steps}), identity);
  return play(running(state), {kind: 'run', run: {...run, phase: 'ended', current: null, status: 'failed'}})
    .state;
}

const events: JournalEvent[] = [
  {event: 'run', recipe: 'r', plan: 'p', params: {}, step_count: 2, before: {used: 5}},
  {event: 'intent', step: 0, content: createStep(1, {title: hostile})},
  {
    event: 'outcome',
    step: 0,
    outcome: 'failed',
    row_count: 0,
    sqlstate: '42501',
    message: hostile,
    duration_ms: 3,
  },
  {event: 'intent', step: 1, content: createStep(2)},
];

function runDetail(state: ConsoleState): ConsoleState {
  const entries = events.map((event, index) => ({
    schema_version: 1 as const,
    seq: index + 1,
    at: '2026-01-01T00:00:00.000Z',
    ...{hash: '', previous: '', actor: 'ann', target: 'db', run: 'one'},
    ...event,
  }));
  const journal = play(state, {kind: 'journal-read', entries, problem: null, unfinished: 0}).state;
  return press(journal, '6', 'g', 'enter');
}

function replaying(state: ConsoleState): ConsoleState {
  const begun = press(state, '5', 'g', 'j', 'enter', 'enter', 'enter', 'enter');
  return play(
    begun,
    ...[1, 2, 3].map(second => ({
      kind: 'replay-update' as const,
      update: {kind: 'progress' as const, elapsed_ms: second * 1000, requests: second * 10, failed: 0},
    })),
    {kind: 'replay-update', update: {kind: 'result', result: resultOf({connection_limit: 2})}},
  ).state;
}

const dialogs: Record<string, (state: ConsoleState) => ConsoleState> = {
  help: state => press(state, '?'),
  'a session': state =>
    play(press(state, '2', 'g', 'enter'), {
      kind: 'session-described',
      id: sessionId(backend),
      lines: ['SELECT 1', '', 'locks: none', hostile],
    }).state,
  'a session that has ended': state =>
    play(press(state, '2', 'g', 'enter'), read(createSnapshot({backends: []}))).state,
  'a statement': state => press(state, '3', 'g', 'enter'),
  'a statement with its plan': state => press(state, '3', 'g', 'x'),
  'a run': runDetail,
  findings: state => press(state, 'a'),
  parameters: state => press(state, 'a', 'enter', 'up', ...'what is typed'),
  preview: state => press(state, 'a', 'enter', 'enter'),
  confirmation: state => press(state, 'a', 'enter', 'enter', 'enter', ...'wxyz', 'enter'),
  'a run under way': running,
  'a run that has ended': ended,
  'a replay': replaying,
  'a replay that failed': state => play(replaying(state), {kind: 'replay-failed', message: hostile}).state,
};

const sizes: Size[] = [
  [160, 50],
  [80, 24],
  [60, 15],
  [40, 10],
];

describe.each(sizes)('at %i x %i', (...size) => {
  it.each(Object.keys(dialogs))('stock Ink and the grid draw the same cells: %s', async name => {
    await expectSameCells(dialogs[name]?.(start(size)) as ConsoleState, theme);
  });

  it.each([
    ['findings', 'findings'],
    ['parameters', 'parameters'],
    ['preview', 'preview'],
    ['confirmation', 'confirm'],
    ['a run under way', 'run'],
    ['a run that has ended', 'run'],
  ])('the stage is named: %s', (name, stage) => {
    for (const isProduction of [false, true]) {
      const rows = rowsOf(dialogs[name]?.(start(size, isProduction)) as ConsoleState);
      expect(rows[isProduction ? 3 : 2]).toMatch(new RegExp(`end-them.* ${stage}`));
    }
  });

  it('what is typed is shown, in a parameter and in the confirmation', () => {
    const typed = (name: string) => rowsOf(dialogs[name]?.(start(size)) as ConsoleState).join('\n');
    expect(typed('parameters')).toContain('> parameter_11');
    expect(typed('parameters')).toMatch(/typed▏/);
    expect(typed('confirmation')).toMatch(/wxyz▏/);
  });

  it('a parameter is brought back in sight by the next letter, and stays out of it till then', () => {
    const shown = mount(dialogs.parameters?.(start(size)) as ConsoleState);
    const isShown = () => shown.rows().some(row => row.includes('> parameter_11'));
    shown.play('pageup', 'pageup', 'pageup');
    shown.play(read(snapshot));
    expect(isShown()).toBe(size[1] >= 24);
    shown.play('x');
    expect(isShown()).toBe(true);
  });

  it('the current step of a run is shown, and then its result', () => {
    expect(rowsOf(running(start(size))).join('\n')).toContain('end session 4011');
    expect(rowsOf(ended(start(size))).join('\n')).toContain('failed: 12 not started');
  });
});

describe.each([
  [40, 8],
  [40, 10],
  [60, 15],
  [80, 24],
] satisfies Size[])('at %i x %i', (...size) => {
  const wayOut: Record<string, RegExp> = {
    findings: /Esc close/,
    'a run under way': /Esc stop after this step/,
    'a run that has ended': /Esc close/,
  };
  const pages = Object.entries({
    ...dialogs,
    'a filter': (state: ConsoleState) => press(state, '2', '/', ...'a filter that is as long as the screen'),
    'a command': (state: ConsoleState) => press(state, ':', ...'sort'),
  });

  it.each(pages)('the way out is never cut: %s', (name, openPage) => {
    for (const isProduction of [false, true]) {
      const state = openPage(start(size, isProduction));
      const lost = play(state, {kind: 'lost', message: 'gone', hint: null, retry_in_ms: 10_000}).state;
      const text = 'written to /home/oncall/poolctl-recording-2026-11-27.poolctl';
      const informed = play(lost, {kind: 'notice', notice: {text, severity: 'info'}}).state;
      for (const shown of [state, informed]) {
        const footer = rowsOf(shown).at(isProduction ? -2 : -1);
        expect(footer).toMatch(wayOut[name] ?? /Esc (back|cancels)|Esc stop/);
      }
    }
  });

  it.each([
    ['nothing', [], '▏'],
    ['a part of the word', [...'db.ex'], 'db.ex▏'],
    ['another word', [...'wxyz', 'enter'], 'wxyz▏'],
    ['another word, and a letter', [...'wxyz', 'enter', '!'], 'wxyz!▏'],
    ['more than fits', [...'z'.repeat(200), 'enter'], 'zzz▏'],
  ] as const)('a confirmation shows what it is for, the word and what is typed: %s', (_name, keys, field) => {
    for (const isProduction of [false, true]) {
      const confirmation = press(start(size, isProduction), 'a', 'enter', 'enter', 'enter', ...keys);
      const screen = rowsOf(confirmation).join('\n');
      expect(screen).toContain('12 sessions to end');
      expect(screen).toContain(field);
      if (keys.length < 200) expect(screen).toContain(isProduction ? 'db.example:5432/shop' : ' yes');
    }
  });
});

describe('a page', () => {
  it('stays within its end when it becomes shorter or the terminal higher', () => {
    const shown = mount(press(start([80, 24]), 'a', 'enter', 'enter'));
    shown.play('G', {kind: 'resized', columns: 80, rows: 50});
    expect(shown.rows().at(-1)).not.toContain('below');
    expect(shown.rows().some(row => row.includes('skipped'))).toBe(true);
  });

  it('begins at its first line, wherever the one before was', () => {
    const shown = mount(press(start([80, 24]), 'a', 'enter', 'enter'));
    shown.play('G', 'enter');
    expect(shown.rows().join('\n')).toContain('12 sessions to end');
    shown.play('escape');
    expect(shown.rows().join('\n')).toContain('12 steps; skipped: 1');
  });

  describe('that is not on the screen for a while', () => {
    /** At its step 11, which waits for session 77, scrolled up to its first line. */
    function scrolledRun(current = 11) {
      const run = createRunState(createPlan(0, {steps}), identity);
      const waiting_for = {pid: 77, description: 'shop_app'};
      const waits = run.steps.map((step, index) =>
        index === current
          ? {...step, status: 'acting' as const, progress: {phase: 'waiting', done_ratio: null, waiting_for}}
          : step,
      );
      return {kind: 'run' as const, run: {...run, steps: waits, phase: 'acting' as const, current}};
    }
    const shown = () => {
      const mounted = mount(play(running(start([60, 15])), scrolledRun()).state);
      mounted.play('g');
      expect(mounted.rows().join('\n')).toContain('slots');
      return mounted;
    };

    it('stays where it was under another page', () => {
      const {play: keys, rows} = shown();
      const before = rows();
      keys('w');
      expect(rows().join('\n')).toContain('session 77');
      keys('G', 'escape');
      expect(rows()).toEqual(before);
      keys('j');
      const moved = rows();
      expect(moved).not.toEqual(before);
      keys('w', 'escape');
      expect(rows()).toEqual(moved);
    });

    it('stays where it was while the terminal is too small', () => {
      const {play: keys, rows} = shown();
      keys('j');
      const before = rows();
      keys({kind: 'resized', columns: 30, rows: 5}, {kind: 'resized', columns: 60, rows: 15});
      expect(rows()).toEqual(before);
    });

    it('shows the step under way when it begins to wait, and after the terminal has become smaller', () => {
      const mounted = mount(running(start([80, 24])));
      mounted.play(scrolledRun());
      expect(mounted.rows().join('\n')).toContain('waits for 77 shop_app');
      mounted.play({kind: 'resized', columns: 60, rows: 15});
      expect(mounted.rows().join('\n')).toContain('waits for 77 shop_app');
      mounted.play({kind: 'resized', columns: 40, rows: 10});
      expect(mounted.rows().join('\n')).toContain('waits for 77 shop_app');
    });

    it('shows the step that has begun meanwhile', () => {
      const {play: keys, rows} = shown();
      keys('w', scrolledRun(10), 'escape');
      expect(rows().join('\n')).toContain('end session 4010');
      expect(rows().join('\n')).not.toContain('slots  ');
    });
  });

  it('moves by its own height less three lines', () => {
    const shown = mount(press(start([80, 24], true), 'a', 'enter', 'enter'));
    const body = () => shown.rows().slice(5, -2);
    const before = body();
    shown.play('pagedown');
    expect(body().slice(0, 3)).toEqual(before.slice(-3));
  });
});

it('shows of a statement in the preview every word, however narrow the terminal', () => {
  const text = `UPDATE "public"."orders" SET "state" = 'a  b' WHERE "id" IN (${Array.from({length: 40}, (_, index) => index).join(', ')})`;
  const step = createStep(1, {apply: {text, values: []}});
  const recipes = [
    createRecipe({findings: () => [createFinding()], plan: () => createPlan(0, {steps: [step]})}),
  ];
  const state = press(play(open(40, 60, {recipes}), read(snapshot)).state, 'a', 'enter');
  const shown = rowsOf(state)
    .map(row => row.trim())
    .join(' ');
  expect(shown).toContain(text);
});

it('explains in the help what the header shows', () => {
  const state = press(open(160, 90), '?');
  expect(rowsOf(state).join('\n')).toMatch(/5\.20ms 31K +round trip of the last reading/);
});

describe('the help', () => {
  const help = (key: string, size: Size) => rowsOf(press(start(size), key, '?'));

  it('begins with the keys of the view that is open, then explains its columns and the header', () => {
    const rows = help('2', [80, 120]);
    const headings = rows.filter(row => /^ {2}(keys|on|in|header)\b/.test(row)).map(row => row.trim());
    expect(headings).toEqual([
      'keys of Sessions',
      'on Sessions',
      'header and tabs',
      'keys of every view',
      'keys of other views',
      'on a page and in a recipe',
      'in a field',
    ]);
    expect(rows[3]).toMatch(/^ {2}Space +tag the selected row$/);
    expect(rows.join('\n')).toMatch(/on Sessions\n {2}PID +process id/);
    expect(help('3', [80, 100]).join('\n')).toMatch(/on Statements\n {2}LOAD +share of all execution time/);
  });

  it.each(['1', '2', '3', '4', '5', '6', '7'])('in view %s says nothing twice and cuts nothing', key => {
    const rows = help(key, [80, 160])
      .slice(2, -1)
      .map(row => row.trim());
    const named = rows.filter(row => / {2,}/.test(row));
    expect(new Set(named).size).toBe(named.length);
    expect(rows.join(' ')).toContain('delete from the cursor on');
    expect(rows.join(' ')).not.toContain('…');
  });

  it('has two columns on a wide terminal', () => {
    expect(help('2', [160, 50])[2]).toMatch(/^ {2}keys of Sessions +keys of every view$/);
  });
});

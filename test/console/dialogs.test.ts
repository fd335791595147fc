import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {createRunState} from '../../source/core/engine/run-state.ts';
import {sessionId} from '../../source/core/sessions/session.ts';
import type {JournalEvent} from '../../source/model/journal-entry.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {resultOf} from '../replay/report/results.ts';
import {backend, hostile, identity, running, type Size, snapshot, start, steps} from './dialog-states.ts';
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

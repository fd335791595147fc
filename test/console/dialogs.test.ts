import {describe, expect, it} from 'vitest';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {dialogs, running, type Size, snapshot, start} from './dialog-states.ts';
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
    expect(rowsOf(running(start(size))).join('\n')).toContain('terminate 4011');
    expect(rowsOf(dialogs['a run that has ended']?.(start(size)) as ConsoleState).join('\n')).toContain(
      'failed: 12 not started',
    );
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

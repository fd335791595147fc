import {describe, expect, it} from 'vitest';
import {shorten} from '../../../source/console/screen/line.ts';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import {withUnit} from '../../../source/console/wizard/evidence-page.tsx';
import type {Finding} from '../../../source/model/recipe.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {createFinding, createRecipe, open, play, press, read, rowsOf, screenOf} from '../played.ts';

/** A console that reads one list of findings after the other. */
function readings(columns: number, rows: number, ...lists: Finding[][]): ConsoleState {
  const left = [...lists];
  const recipes = [createRecipe({findings: () => left.shift() ?? []})];
  return play(open(columns, rows, {recipes}), ...lists.map(() => read(createSnapshot()))).state;
}

const many = (count: number, from = 0) =>
  Array.from({length: count}, (_, index) =>
    createFinding({subject: `backend:${from + index}`, summary: `finding ${from + index}.`}),
  );
const letterOf = (state: ConsoleState, text: string) =>
  rowsOf(state)
    .find(row => row.includes(text))
    ?.match(/\[(\w)\]$/)?.[1];

describe('letters', () => {
  it('stay with a finding while it exists, whatever is listed before it', () => {
    const [first, second] = many(2);
    const worse = createFinding({severity: 'critical', subject: 'server', summary: 'worse.'});
    if (!first || !second) throw new Error('two findings');
    const state = readings(120, 30, [first, second], [second, worse]);
    expect(letterOf(state, 'finding 1.')).toBe('b');
    expect(letterOf(state, 'worse.')).toBe('a');
    const {wizard} = press(state, 'b');
    expect(wizard?.finding).toBe('end-them/backend:1');
  });

  it('ascend within a severity and stay, whatever order a later snapshot has', () => {
    const [first, second, third] = many(3);
    if (!first || !second || !third) throw new Error('three findings');
    const worse = createFinding({severity: 'critical', subject: 'server', summary: 'worse.'});
    const state = readings(120, 30, [first, second], [third, second, worse, first]);
    const shown = rowsOf(state).flatMap(
      row => /(worse|finding \d)\..*\[(\w)\]$/.exec(row)?.slice(1, 3).join(' ') ?? [],
    );
    expect(shown).toEqual(['worse c', 'finding 0 a', 'finding 1 b', 'finding 2 d']);
  });

  it('are ten, each the key of its own finding, and none of them moves the cursor or opens the help', () => {
    const state = readings(120, 50, many(10));
    const letters = many(10).map(({summary}) => letterOf(state, summary));
    expect(new Set(letters).size).toBe(10);
    for (const [index, letter = ''] of letters.entries()) {
      const {wizard} = press(state, letter);
      expect(wizard?.finding).toBe(`end-them/backend:${index}`);
    }
  });

  it('say how many more there are than fit, and where to see them', () => {
    const state = readings(80, 24, many(30));
    const shown = rowsOf(state).filter(row => row.includes('finding ')).length;
    expect(shown).toBeGreaterThan(4);
    expect(screenOf(state)).toContain(`${30 - shown} more in Recipes (5)`);
    expect(screenOf(press(state, ...Array(29).fill('j')))).toContain('finding 29.');
  });
});

describe('what is shown of a finding', () => {
  it('keeps its consequence at 80 columns', () => {
    const summary =
      '16416 (scoring-recalculate/scoring_app), idle in transaction for 40s, holds up 3 sessions';
    expect(screenOf(readings(80, 24, [createFinding({summary})]))).toMatch(
      /16416 \(.*idle in transaction for 40s, +\[a\]\n[ >]+holds up 3 sessions/,
    );
  });

  it.each([
    ['short enough', 12, 'short enough'],
    ['pid (somebody of the shop) holds up 3', 30, 'pid (somebody of …) holds up 3'],
    ['an application leaks 9 sessions, the longest for 40s', 40, 'an application leaks 9 sessions… for 40s'],
    ['wordwithoutanyspace', 12, 'wordwi… pace'],
  ])('%j in %i cells', (text, width, expected) => {
    expect(shorten(text, width, '…')).toBe(expected);
    expect(expected.length).toBeLessThanOrEqual(width);
  });

  it('is shortened correctly if it contains dollar signs', () => {
    const text = "lock held (DO $$ BEGIN PERFORM $'1'; $& END $$) by 7";
    expect(shorten(text, 40, '…')).toBe("lock held (DO $$ BEGIN PERFORM $'…) by 7");
  });

  it.each([
    ['state_age_ms', 130_000, {name: 'state_age', text: '2m10s'}],
    ['size_bytes', 2048, {name: 'size', text: '2.0K'}],
    ['used_ratio', 0.5, {name: 'used', text: '50.0%'}],
    ['waiters', 3, {name: 'waiters', text: '3'}],
    ['wait_ms', null, {name: 'wait_ms', text: '-'}],
  ])('says %s %s', (name, value, expected) => {
    expect(withUnit(name, value)).toEqual(expected);
  });
});

describe('order', () => {
  it('keeps its order on the Overview and in Recipes while a row is selected', () => {
    const [first, second] = many(2);
    if (!first || !second) throw new Error('two findings');
    const left = [
      [first, second],
      [{...second, severity: 'critical' as const}, first],
    ];
    const recipes = [createRecipe({findings: () => left.shift() ?? []})];
    const held = press(play(open(120, 30, {recipes}), read(createSnapshot())).state, 'g');
    const later = screenOf(play(held, read(createSnapshot())).state);
    expect(later.indexOf('finding 0.')).toBeLessThan(later.indexOf('finding 1.'));
  });

  it('of the recipes is not changed by a snapshot either', () => {
    const counts = [
      [2, 1],
      [1, 2],
    ];
    let reading = 0;
    const recipes = ['first', 'second'].map((id, index) =>
      createRecipe({id, findings: () => many(counts[reading]?.[index] ?? 0).map(f => ({...f, recipe: id}))}),
    );
    const held = press(play(open(120, 30, {recipes}), read(createSnapshot())).state, '5', 'g');
    reading = 1;
    const state = play(held, read(createSnapshot())).state;
    expect(screenOf(state).indexOf('first')).toBeLessThan(screenOf(state).indexOf('second'));
    const live = press(state, 'escape');
    expect(screenOf(live).indexOf('second')).toBeLessThan(screenOf(live).indexOf('first'));
  });

  it('of the recipes has those with findings first, even if one finds something after a row was selected', () => {
    let hasFound = false;
    const recipes = [
      createRecipe({id: 'well'}),
      createRecipe({id: 'ill', findings: () => (hasFound ? many(1).map(f => ({...f, recipe: 'ill'})) : [])}),
    ];
    const held = press(play(open(120, 30, {recipes}), read(createSnapshot())).state, '5', 'g');
    expect(screenOf(held)).toMatch(/.well [\s\S]* ill /);
    hasFound = true;
    const state = play(held, read(createSnapshot())).state;
    expect(screenOf(state)).toMatch(/ ill [\s\S]*.well /);
    expect(state.tables.recipes?.cursor).toBe('well');
  });

  it.each([
    ['the wizard of the row', ['enter', 'escape']],
    ['a wizard asked for by name', [':', ...'recipe end-them', 'enter', 'escape']],
    ['another view', ['2', '5']],
  ])('of the recipes is not held any more after %s', (_, keys) => {
    const held = press(readings(120, 30, many(1)), '5', 'g');
    expect(screenOf(held)).toContain('order frozen');
    const back = press(held, ...keys);
    expect(back).toMatchObject({wizard: null, view: 'recipes', tables: {recipes: {cursor: null}}});
    expect(screenOf(back)).not.toContain('order frozen');
  });
});

describe('r on the Overview', () => {
  it('opens the selected recipe in Recipes, as Enter does', () => {
    const {state} = play(
      open(100, 30, {recipes: [createRecipe({findings: () => [createFinding()]})]}),
      read(createSnapshot()),
    );
    const recipes = press(state, '5');
    expect(press(recipes, 'r').wizard).toEqual(press(recipes, 'enter').wizard);
    expect(press(recipes, 'r').wizard).toMatchObject({stage: 'evidence'});
  });

  it('opens the recipe of the selected finding, or the list of recipes if there is none', () => {
    const state = readings(120, 30, many(2));
    expect(press(state, 'r')).toMatchObject({wizard: {finding: 'end-them/backend:0'}});
    expect(press(state, 'g', 'j', 'r')).toMatchObject({wizard: {finding: 'end-them/backend:1'}});
    expect(press(readings(120, 30, []), '3', 'r')).toMatchObject({view: 'recipes', wizard: null});
  });
});

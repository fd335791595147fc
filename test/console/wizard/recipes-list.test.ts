import {describe, expect, it} from 'vitest';
import type {Parameter} from '../../../source/model/recipe.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {createFinding, createRecipe, open, play, press, read, screenOf} from '../played.ts';

describe('the list of recipes', () => {
  const finding = (recipe: string, severity: 'warning' | 'critical', subject = 'a') =>
    createFinding({recipe, severity, subject, summary: `${subject} in ${recipe}`, params: {limit: '7'}});
  const found = [
    finding('many', 'warning', 'x'),
    finding('many', 'warning', 'y'),
    finding('bad', 'critical'),
    finding('few', 'warning'),
  ];
  const parameters: Parameter[] = [
    {name: 'limit', description: 'how many at most', kind: 'integer', default: '5'},
  ];
  const recipes = ['healthy', 'few', 'many', 'bad'].map(id =>
    createRecipe({id, parameters, findings: () => found.filter(({recipe}) => recipe === id)}),
  );
  const list = press(play(open(100, 30, {recipes}), read(createSnapshot())).state, '5');

  it('begins with what is worst, then what is most, with its count and its first finding', () => {
    const screen = screenOf(list);
    expect(screen).toMatch(
      /✖.bad +1 found[\s\S]*a in bad\n▲ many +2 found[\s\S]*x in many\n▲ few +1 found[\s\S]*\n {2}healthy /,
    );
    expect(screen).not.toContain('y in many');
  });

  it('opens the wizard at that finding', () => {
    expect(press(list, 'g', 'j', 'enter').wizard).toMatchObject({
      recipe: 'many',
      finding: 'many/x',
      params: {limit: '7'},
    });
    expect(press(list, 'G', 'enter').wizard).toMatchObject({recipe: 'healthy', finding: null, params: {}});
  });

  it('is one of two ways: the other is its name', () => {
    const typed = [...':recipe ma'].map(key => (key === ' ' ? 'space' : key));
    expect(press(list, ...typed, 'enter').wizard?.recipe).toBe('many');
    expect(screenOf(press(list, ...typed, 'z', 'enter'))).toContain('no recipe "maz"');
  });
});

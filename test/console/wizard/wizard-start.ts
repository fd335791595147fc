import type {ConsoleState} from '../../../source/console/state/state.ts';
import type {Parameter} from '../../../source/model/recipe.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {createFinding, createRecipe, open, play, read} from '../played.ts';

export const findings = [
  createFinding({severity: 'critical', subject: 'backend:1', summary: 'the worst of them'}),
  createFinding({
    subject: 'backend:2',
    summary: 'the one asked about',
    evidence: {state_age_ms: 130_000, slots_used_ratio: 0.5, waiters: 3},
  }),
];

/** On the Overview, the findings' letters being `a` and `b`. */
export function start(steps = 12, parameters: Parameter[] = []): ConsoleState {
  const recipes = [createRecipe({findings: () => findings, steps, parameters})];
  return play(open(80, 24, {recipes}), read(createSnapshot())).state;
}

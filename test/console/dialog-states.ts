import {confirmationWord} from '../../source/console/state/run.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {createRunState} from '../../source/core/engine/run-state.ts';
import type {Parameter, Recipe} from '../../source/model/recipe.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {createFinding, createPlan, createRecipe, createStep, open, play, press, read} from './played.ts';

export const hostile = '\u001b[2J\u202E漢字 \u0007กำลัง';

export const backend = createBackend({
  pid: 77,
  state: 'active',
  application_name: hostile,
  query: 'SELECT 1',
  tags: {route: hostile, state: 'twice'},
});

const statement = createStatement({query: `SELECT ${hostile} FROM orders`});

export const snapshot = createSnapshot({backends: [backend], statements: [statement]});

const parameters: Parameter[] = Array.from({length: 12}, (_, index) => ({
  name: `parameter_${index}`,
  description: `what parameter ${index} is, in a sentence that takes more than one row on a narrow terminal`,
  kind: 'text',
  default: '',
}));

export const steps = Array.from({length: 12}, (_, index) =>
  createStep(4000 + index, {title: `end session ${4000 + index} (${hostile} idle in transaction)`}),
);

const recipe = createRecipe({
  findings: () => [createFinding({summary: `${hostile} waits`, evidence: {state_age_ms: 1000}})],
  parameters,
  plan: () => createPlan(0, {steps, explanation: ['12 sessions to end:', `4000 ${hostile}`]}),
});

const benchmark: Recipe = {...recipe, id: 'measure-it', isBenchmark: true, diagnose: () => []};

export type Size = [columns: number, rows: number];

/** On the Overview, with one finding, `a`. */
export function start(size: Size, isProduction = false): ConsoleState {
  const recipes = [recipe, benchmark];
  return play(open(...size, {recipes, isProduction}), read(snapshot)).state;
}

export const identity = {run: 'r', target: 't', server: exampleServer, plan_hash: 'h'};

export function running(state: ConsoleState): ConsoleState {
  const run = createRunState(createPlan(0, {steps}), identity);
  const asked = press(state, 'a', 'enter', 'enter', 'enter');
  const word = asked.wizard === null ? '' : confirmationWord(asked, asked.wizard);
  const confirmed = press(asked, ...word, 'enter');
  return play(confirmed, {kind: 'run', run: {...run, phase: 'acting', current: 11}}).state;
}

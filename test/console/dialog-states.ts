import {confirmationWord} from '../../source/console/state/run.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {createRunState} from '../../source/core/engine/run-state.ts';
import {sessionId} from '../../source/core/sessions/session.ts';
import type {JournalEvent} from '../../source/model/journal-entry.ts';
import type {Parameter, Recipe} from '../../source/model/recipe.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {resultOf} from '../replay/report/results.ts';
import {createFinding, createPlan, createRecipe, createStep, open, play, press, read} from './played.ts';

const hostile = '\u001b[2J\u202E漢字 \u0007กำลัง';

const backend = createBackend({
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
  createStep(4000 + index, {title: `terminate ${4000 + index} (${hostile} idle in transaction)`}),
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

export const runEntries = events.map((event, index) => ({
  schema_version: 1 as const,
  seq: index + 1,
  at: '2026-01-01T00:00:00.000Z',
  ...{hash: '', previous: '', actor: 'ann', target: 'db', run: 'one'},
  ...event,
}));

function runDetail(state: ConsoleState): ConsoleState {
  const journal = play(state, {
    kind: 'journal-read',
    entries: runEntries,
    problem: null,
    unfinished: 0,
  }).state;
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

/** Each page that covers a view, opened on `start`. */
export const dialogs: Record<string, (state: ConsoleState) => ConsoleState> = {
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

import {completeParams, readChoice} from '../source/core/recipe/parameters.ts';
import {effectsOf} from '../source/core/sessions/effect-of-ending.ts';
import {backendStates} from '../source/core/sessions/session.ts';
import {pidParameter, readCriteria, requireNamed} from '../source/core/sessions/session-parameters.ts';
import {
  describeSessions,
  ofApplications,
  type Selection,
  selectSessions,
  watchGroups,
} from '../source/core/sessions/session-plan.ts';
import {terminateStep} from '../source/core/sessions/session-steps.ts';
import {counted} from '../source/core/text/format.ts';
import type {Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';

const parameters: Parameter[] = [
  {...pidParameter, is_required: true},
  {
    name: 'even_if_changed',
    description:
      'yes: also terminate a session that has run something since the preview, as an active session always has',
    kind: 'choice',
    choices: ['no', 'yes'],
    default: 'no',
  },
];

const recipe: Recipe = {
  id: 'terminate-sessions',
  title: 'Terminate sessions by pid',
  summary: 'Terminates the named sessions in any state, verifying each',
  parameters,
  diagnose: () => [],
  planRequires: () => ({sessions: true}),
  plan,
};
export default recipe;

function plan(snapshot: Snapshot, params: ParameterValues, {sessions}: RecipeData): Plan {
  const complete = completeParams(params, parameters);
  const criteria = requireNamed({...readCriteria(params, parameters), states: backendStates});
  const even_if_changed = readChoice('even_if_changed', complete.even_if_changed ?? '', ['no', 'yes']);
  const guard = even_if_changed === 'yes' ? 'session' : 'unchanged';
  const selection = selectSessions(snapshot, criteria, sessions);
  const {chosen, skipped} = selection;
  return {
    recipe: recipe.id,
    params: complete,
    explanation: chosen.length === 0 ? ['No session to end.'] : explain(selection, guard, sessions),
    steps: chosen.map(session => terminateStep(session, guard)),
    skipped,
    batch_size: 5,
    pause_ms: 500,
    slots_freed: chosen.length,
    watch_groups: watchGroups(chosen),
    // Sessions are named by pid: a reconnecting application is no reason to stop.
    tolerates_reconnect: true,
    on_failure: 'continue',
  };
}

function explain(
  selection: Selection,
  guard: 'unchanged' | 'session',
  facts: RecipeData['sessions'],
): string[] {
  return [
    `${counted(selection.chosen.length, 'session')} to end${ofApplications(selection.chosen)}:`,
    ...describeSessions(selection),
    ...effectsOf('end', selection.chosen, facts),
    'Clients lose their connection.',
    guard === 'unchanged'
      ? 'A session that has run anything since this preview is skipped (even_if_changed=yes terminates it too).'
      : 'They are ended in any state.',
  ];
}

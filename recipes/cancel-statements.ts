import {completeParams} from '../source/core/recipe/parameters.ts';
import {effectsOf} from '../source/core/sessions/effect-of-ending.ts';
import {pidParameter, readCriteria, requireNamed} from '../source/core/sessions/session-parameters.ts';
import {
  describeSessions,
  ofApplications,
  type Selection,
  selectSessions,
} from '../source/core/sessions/session-plan.ts';
import {cancelStep} from '../source/core/sessions/session-steps.ts';
import {counted} from '../source/core/text/format.ts';
import type {Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';

const parameters: Parameter[] = [{...pidParameter, is_required: true}];

const recipe: Recipe = {
  id: 'cancel-statements',
  title: 'Cancel statements by pid',
  summary: 'Cancels the running statements of the named sessions; the sessions stay, their transactions fail',
  parameters,
  diagnose: () => [],
  planRequires: () => ({sessions: true}),
  plan,
};
export default recipe;

function plan(snapshot: Snapshot, params: ParameterValues, {sessions}: RecipeData): Plan {
  // An idle session has no statement to cancel.
  const criteria = requireNamed({
    ...readCriteria(params, parameters),
    states: ['active', 'fastpath function call'],
  });
  const selection = selectSessions(snapshot, criteria, sessions);
  const {chosen, skipped} = selection;
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: chosen.length === 0 ? ['No statement to cancel.'] : explain(selection, sessions),
    steps: chosen.map(cancelStep),
    skipped,
    batch_size: 10,
    pause_ms: 200,
    slots_freed: 0,
    watch_groups: [],
    on_failure: 'continue',
  };
}

function explain(selection: Selection, facts: RecipeData['sessions']): string[] {
  return [
    `${counted(selection.chosen.length, 'statement')} to cancel${ofApplications(selection.chosen)}:`,
    ...describeSessions(selection),
    ...effectsOf('cancel', selection.chosen, facts),
    'Only the statement in this preview is cancelled, not a later one of the same session.',
  ];
}

import {thresholds} from '../source/core/health/thresholds.ts';
import {completeParams} from '../source/core/recipe/parameters.ts';
import {effectsOf} from '../source/core/sessions/effect-of-ending.ts';
import {backendStates} from '../source/core/sessions/session.ts';
import {
  absentNames,
  filterParameters,
  pidParameter,
  readCriteria,
  type SessionCriteria,
} from '../source/core/sessions/session-parameters.ts';
import {
  describeSessions,
  ofApplications,
  type Selection,
  selectSessions,
  watchGroups,
} from '../source/core/sessions/session-plan.ts';
import {terminateStep} from '../source/core/sessions/session-steps.ts';
import {counted, formatAge} from '../source/core/text/format.ts';
import {writeDuration} from '../source/core/text/time.ts';
import type {Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';

const idleInTransaction = thresholds.longest_idle_in_transaction_ms;

const parameters: Parameter[] = [
  {
    name: 'older_than',
    description: 'Minimum time in one of these states: 30s, 5min, 1h',
    kind: 'duration',
    default: writeDuration(idleInTransaction.critical),
  },
  {
    name: 'states',
    description: `Session states, comma-separated: ${backendStates.filter(state => state.startsWith('idle')).join(', ')}`,
    kind: 'states',
    default: 'idle in transaction,idle in transaction (aborted)',
    suggest: () => backendStates.filter(state => state.startsWith('idle')),
  },
  ...filterParameters,
  pidParameter,
];

const recipe: Recipe = {
  id: 'kill-idle-sessions',
  title: 'Terminate leaked sessions',
  summary:
    'Terminates sessions left idle or idle in transaction, in batches, verifying each; never active ones',
  parameters,
  // Which sessions are leaked, silent or too many is assessed with the slots and pools that they take.
  diagnose: () => [],
  planRequires: () => ({sessions: true}),
  plan,
};
export default recipe;

function longestOf(group: readonly Backend[]): number {
  return Math.max(0, ...group.map(({state_age_ms}) => state_age_ms ?? 0));
}

function plan(snapshot: Snapshot, params: ParameterValues, facts: RecipeData): Plan {
  const criteria = readCriteria(params, parameters);
  const selection = selectSessions(snapshot, criteria, facts.sessions);
  const {chosen, skipped} = selection;
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation:
      chosen.length === 0 ? explainNone(snapshot, criteria, facts) : explain(selection, snapshot, facts),
    steps: chosen.map(session => terminateStep(session, 'unchanged')),
    skipped,
    batch_size: 5,
    pause_ms: 500,
    slots_freed: chosen.length,
    watch_groups: watchGroups(chosen),
    on_failure: 'continue',
  };
}

/** Mentions sessions that match except for older_than. */
function explainNone(snapshot: Snapshot, criteria: SessionCriteria, {sessions}: RecipeData): string[] {
  const {chosen} = selectSessions(snapshot, {...criteria, older_than_ms: 0, at_most: null}, sessions);
  if (chosen.length === 0)
    return [...absentNames(snapshot.backends, criteria), 'No session matches. Nothing to end.'];
  return [
    `No session matches. ${counted(chosen.length, 'session')} would without older_than=${formatAge(criteria.older_than_ms)}; the longest has been in that state for ${formatAge(longestOf(chosen))}.`,
  ];
}

function explain(selection: Selection, {budget}: Snapshot, {sessions}: RecipeData): string[] {
  const {chosen, blocked} = selection;
  const waiters = chosen.reduce((sum, {pid}) => Math.max(sum, blocked.get(pid) ?? 0), 0);
  const freed = `This frees ${counted(chosen.length, 'slot')} of the ${budget.used} in use (${budget.usable} usable)`;
  return [
    `${counted(chosen.length, 'session')} to end${ofApplications(chosen)}:`,
    ...describeSessions(selection),
    waiters > 0 ? `${freed} and unblocks ${counted(waiters, 'waiting session')}.` : `${freed}.`,
    ...effectsOf('end', chosen, sessions),
    'Clients lose their connection.',
    'A session that has run anything since this preview is skipped.',
  ];
}

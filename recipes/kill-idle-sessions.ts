import {thresholds} from '../source/core/health/thresholds.ts';
import {completeParams, writeText} from '../source/core/recipe/parameters.ts';
import {protectionOf} from '../source/core/sessions/protection.ts';
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
  groupByApplication,
  type Selection,
  selectSessions,
  watchGroups,
} from '../source/core/sessions/session-plan.ts';
import {terminateStep} from '../source/core/sessions/session-steps.ts';
import {counted, formatAge, formatRatio} from '../source/core/text/format.ts';
import {writeDuration} from '../source/core/text/time.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';

const idleInTransaction = thresholds.longest_idle_in_transaction_ms;
const slots = thresholds.used_ratio;

const leakStates: readonly unknown[] = ['idle in transaction', 'idle in transaction (aborted)'];

const parameters: Parameter[] = [
  {
    name: 'older_than',
    description: 'Minimum time in that state: 30s, 5min, 1h',
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
  title: 'End leaked sessions',
  summary: 'Ends sessions left idle or idle in transaction, in batches, verifying each; never active ones',
  parameters,
  diagnose,
  plan,
};
export default recipe;

function diagnose(snapshot: Snapshot): Finding[] {
  // Called for few sessions only: it scans statements, and this runs for every snapshot.
  const isUnprotected = (backend: Backend) => protectionOf(backend, snapshot, false) === null;
  const leaks = snapshot.backends.filter(isLeak).filter(isUnprotected);
  return [
    ...groupByApplication(leaks).map(group => leakFinding(group, snapshot)),
    ...idleFindings(snapshot, isUnprotected),
  ];
}

function isLeak({state, state_age_ms}: Backend): boolean {
  return leakStates.includes(state) && (state_age_ms ?? 0) > idleInTransaction.warning;
}

function leakFinding(group: Backend[], {budget}: Snapshot): Finding {
  const longest_ms = longestOf(group);
  return {
    recipe: recipe.id,
    severity: budget.used_ratio >= slots.critical ? 'critical' : 'warning',
    ...groupOf(group),
    summary: `${nameOf(group)} leaks ${counted(group.length, 'session')} idle in transaction, the longest for ${formatAge(longest_ms)}`,
    evidence: {...evidenceOf(group, longest_ms), slots_used_ratio: budget.used_ratio},
    params: {...paramsOf(group), older_than: writeDuration(idleInTransaction.warning)},
  };
}

/** Idle sessions count only while slots run short, and only in larger groups: every pool keeps a few idle. */
function idleFindings({backends, budget}: Snapshot, isUnprotected: (backend: Backend) => boolean): Finding[] {
  const {idle_ms, idle_group_ratio, idle_group_sessions} = thresholds;
  const leastSessions = Math.max(idle_group_sessions.warning, budget.usable * idle_group_ratio.warning);
  if (budget.used_ratio < slots.warning) return [];
  const idle = backends
    .filter(({state, state_age_ms}) => state === 'idle' && (state_age_ms ?? 0) > idle_ms.warning)
    .filter(isUnprotected);
  return groupByApplication(idle)
    .filter(group => group.length >= leastSessions)
    .map(group => ({
      recipe: recipe.id,
      severity: budget.used_ratio >= slots.critical ? 'critical' : 'warning',
      ...groupOf(group, '/state:idle'),
      summary: `${nameOf(group)} has ${counted(group.length, 'session')} idle for over ${writeDuration(idle_ms.warning)} while ${formatRatio(budget.used_ratio, 0)} of the slots are in use`,
      evidence: {...evidenceOf(group, longestOf(group)), slots_used_ratio: budget.used_ratio},
      params: {...paramsOf(group), states: 'idle', older_than: writeDuration(idle_ms.warning)},
    }));
}

function groupOf(group: Backend[], suffix = ''): {subject: string} {
  const [first] = group;
  return {subject: `application:${first?.application_name ?? ''}/role:${first?.usename ?? ''}${suffix}`};
}

function nameOf([first]: Backend[]): string {
  return `${first?.application_name || '(no name)'}/${first?.usename ?? '?'}`;
}

function longestOf(group: Backend[]): number {
  return Math.max(0, ...group.map(({state_age_ms}) => state_age_ms ?? 0));
}

function evidenceOf(group: Backend[], longest_ms: number): Finding['evidence'] {
  const [first] = group;
  return {
    application_name: first?.application_name ?? '',
    usename: first?.usename ?? null,
    sessions: group.length,
    longest_state_age_ms: longest_ms,
    clients: new Set(group.map(({client_addr}) => client_addr)).size,
  };
}

function paramsOf([first]: Backend[]): ParameterValues {
  return {application: writeText(first?.application_name ?? ''), role: writeText(first?.usename ?? '')};
}

function plan(snapshot: Snapshot, params: ParameterValues): Plan {
  const criteria = readCriteria(params, parameters);
  const selection = selectSessions(snapshot, criteria);
  const {chosen, skipped} = selection;
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: chosen.length === 0 ? explainNone(snapshot, criteria) : explain(selection, snapshot),
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
function explainNone(snapshot: Snapshot, criteria: SessionCriteria): string[] {
  const {chosen} = selectSessions(snapshot, {...criteria, older_than_ms: 0, at_most: null});
  if (chosen.length === 0)
    return [...absentNames(snapshot.backends, criteria), 'No session matches. Nothing to end.'];
  return [
    `No session matches. ${counted(chosen.length, 'session')} would without older_than=${formatAge(criteria.older_than_ms)}; the longest has been in that state for ${formatAge(longestOf(chosen))}.`,
  ];
}

function explain(selection: Selection, {budget}: Snapshot): string[] {
  const {chosen, blocked} = selection;
  const waiters = chosen.reduce((sum, {pid}) => Math.max(sum, blocked.get(pid) ?? 0), 0);
  const freed = `This frees ${counted(chosen.length, 'slot')} of the ${budget.used} in use (${budget.usable} usable)`;
  return [
    `${counted(chosen.length, 'session')} to end:`,
    ...describeSessions(selection),
    waiters > 0 ? `${freed} and unblocks ${counted(waiters, 'waiting session')}.` : `${freed}.`,
    'Open transactions are rolled back and clients lose their connection. This cannot be undone.',
    'A session that has run anything since this preview is skipped.',
  ];
}

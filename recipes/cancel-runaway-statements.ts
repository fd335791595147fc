import {completeParams, readChoice, readValues} from '../source/core/recipe/parameters.ts';
import {effectsOf} from '../source/core/sessions/effect-of-ending.ts';
import {type Protection, protectionOf, subjectOf, toSkipped} from '../source/core/sessions/protection.ts';
import {isWaitingForLock} from '../source/core/sessions/session.ts';
import {
  absence,
  absentNames,
  absentSelectors,
  type ClassRules,
  classLimitsMs,
  classOf,
  filterParameters,
  matchesCriteria,
  readCriteria,
  readSelectors,
  type StatementClass,
  statementClasses,
} from '../source/core/sessions/session-parameters.ts';
import {countBlocked, describeSessions, ofApplications} from '../source/core/sessions/session-plan.ts';
import {cancelStep, isKnownSession, type KnownSession} from '../source/core/sessions/session-steps.ts';
import {redactLiterals} from '../source/core/sql/shown-sql.ts';
import {counted, formatAge} from '../source/core/text/format.ts';
import type {Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';

const examples: Record<StatementClass, string> = {
  simple: 'lookups by key',
  standard: 'joins',
  complex: 'aggregations',
  report: 'reports',
};

const parameters: Parameter[] = [
  ...statementClasses.map(
    (name): Parameter => ({
      name,
      description: `Statements allowed ${formatAge(classLimitsMs[name])} (${examples[name]}): role:NAME, application:NAME or pattern:WORDS, comma-separated; * matches anything`,
      kind: 'text',
      default: '',
      check: text => readSelectors(name, text),
      suggest: ({backends}) => suggestSelectors(backends),
    }),
  ),
  {
    name: 'otherwise',
    description: 'Class of all other statements; none skips them',
    kind: 'choice',
    choices: [...statementClasses, 'none'],
    default: 'report',
  },
  {
    name: 'older_than',
    description: 'Minimum run time, for every class',
    kind: 'duration',
    default: '',
  },
  ...filterParameters,
];

const recipe: Recipe = {
  id: 'cancel-runaway-statements',
  title: 'Cancel runaway statements',
  summary: 'Cancels statements that run longer than their class allows (1s, 5s, 15s, 30s); the sessions stay',
  parameters,
  // A long statement is no harm by itself: see core/assessment/harms/long-statements.ts.
  diagnose: () => [],
  planRequires: () => ({sessions: true}),
  plan,
};
export default recipe;

function suggestSelectors(backends: readonly Backend[]): string[] {
  const running = backends.filter(isRunning);
  const words = running.flatMap(({usename, application_name}) => [
    ...(usename === null ? [] : [`role:${usename}`]),
    ...(application_name === '' ? [] : [`application:${application_name}`]),
  ]);
  return [...new Set(words)];
}

function isRunning({state}: Backend): boolean {
  return state === 'active' || state === 'fastpath function call';
}

function runsForMs({query_age_ms, state_age_ms}: Backend): number {
  return query_age_ms ?? state_age_ms ?? 0;
}

function plan(snapshot: Snapshot, params: ParameterValues, {sessions}: RecipeData): Plan {
  const choice = choose(snapshot, params, sessions);
  const {chosen, skipped} = choice;
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain(choice, snapshot, {params, sessions}),
    steps: chosen.map(cancelStep),
    skipped,
    batch_size: 10,
    pause_ms: 200,
    slots_freed: 0,
    watch_groups: [],
    on_failure: 'continue',
  };
}

type Choice = {chosen: KnownSession[]; skipped: Skipped[]};

function choose(snapshot: Snapshot, params: ParameterValues, facts: RecipeData['sessions']): Choice {
  const criteria = readCriteria(params, parameters);
  const rules = readRules(params);
  const overdue = snapshot.backends
    .filter(backend => isRunning(backend) && matchesCriteria(backend, {...criteria, older_than_ms: 0}))
    .filter(backend => isOverdue(backend, rules, criteria.older_than_ms))
    .sort((a, b) => runsForMs(b) - runsForMs(a) || a.pid - b.pid);
  const chosen: KnownSession[] = [];
  const skipped: Skipped[] = [];
  for (const backend of overdue) {
    const protection = protectionOf(backend, snapshot, false, facts) ?? waitProtection(backend);
    if (protection !== null) skipped.push(toSkippedStatement(backend, protection));
    else if (chosen.length >= (criteria.at_most ?? overdue.length))
      skipped.push(
        toSkippedStatement(backend, {reason: `beyond at_most=${criteria.at_most}`, is_forbidden: false}),
      );
    else if (isKnownSession(backend)) chosen.push(backend);
  }
  return {chosen, skipped};
}

/** With run time and start of the statement, to identify it. */
function toSkippedStatement(backend: Backend, protection: Protection): Skipped {
  const line = toSkipped(backend, protection);
  const statement = [...redactLiterals(backend.query ?? '')];
  const beginning = statement.length > 60 ? `${statement.slice(0, 59).join('')}…` : statement.join('');
  const who = `${line.description} for ${formatAge(runsForMs(backend))}`;
  return {...line, description: beginning === '' ? who : `${who}, ${beginning}`};
}

function readRules(params: ParameterValues): ClassRules {
  const read = readValues(params, parameters);
  const otherwise = readChoice('otherwise', read('otherwise'), [...statementClasses, 'none']);
  return {
    selectors: {
      simple: readSelectors('simple', read('simple')),
      standard: readSelectors('standard', read('standard')),
      complex: readSelectors('complex', read('complex')),
      report: readSelectors('report', read('report')),
    },
    otherwise: otherwise === 'none' ? null : otherwise,
  };
}

function isOverdue(backend: Backend, rules: ClassRules, older_than_ms: number): boolean {
  const name = classOf(backend, rules);
  return name !== null && runsForMs(backend) >= Math.max(classLimitsMs[name], older_than_ms);
}

function waitProtection(backend: Backend): Protection | null {
  // A statement that waits for a lock is not running: release its blocker instead.
  if (!isWaitingForLock(backend)) return null;
  const by = backend.blocked_by
    .map(pid => (pid === 0 ? 'a prepared transaction' : subjectOf(pid)))
    .join(', ');
  return {reason: `it waits for a lock${by && ` held by ${by}`}: see release-blockers`, is_forbidden: false};
}

function absences({backends}: Snapshot, params: ParameterValues): string[] {
  const selectors = absentSelectors(readRules(params), backends);
  return [
    ...absentNames(backends, readCriteria(params, parameters)),
    ...selectors.map(({by, glob}) => absence(by, glob, backends)),
  ];
}

type Given = {params: ParameterValues; sessions: RecipeData['sessions']};

function explain({chosen, skipped}: Choice, snapshot: Snapshot, given: Given): string[] {
  const {params} = given;
  const absent = absences(snapshot, params);
  if (chosen.length > 0) return [...absent, ...explainChosen(chosen, snapshot, given)];
  if (skipped.length > 0) {
    const exceeds = skipped.length === 1 ? 'exceeds its' : 'exceed their';
    return [...absent, `${counted(skipped.length, 'statement')} ${exceeds} class; all are skipped.`];
  }
  if (absent.length > 0) return [...absent, 'Nothing to cancel.'];
  return ['No statement exceeds its class. Nothing to cancel.'];
}

function explainChosen(chosen: KnownSession[], snapshot: Snapshot, {params, sessions}: Given): string[] {
  const rules = readRules(params);
  const classes = statementClasses.flatMap(name => {
    const count = chosen.filter(session => classOf(session, rules) === name).length;
    return count === 0 ? [] : [`${count} ${name} (over ${formatAge(classLimitsMs[name])})`];
  });
  return [
    `${counted(chosen.length, 'statement')} to cancel${ofApplications(chosen)}: ${classes.join(', ')}.`,
    ...describeSessions({chosen, skipped: [], blocked: countBlocked(snapshot)}),
    ...effectsOf('cancel', chosen, sessions),
    'Only the statement in this preview is cancelled, not a later one of the same session.',
  ];
}

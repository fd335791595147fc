import {usageError} from '../core/errors.ts';
import {requiredParams} from '../core/recipe/parameters.ts';
import type {Finding} from '../model/finding.ts';
import type {Parameter, ParameterValues} from '../model/parameter.ts';
import type {Plan} from '../model/plan.ts';
import type {Recipe} from '../model/recipe.ts';
import type {RecipeData} from '../model/recipe-data.ts';
import type {Sql, SqlStep, Verification} from '../model/step.ts';
import {
  createParameterReader,
  type DiagnosisRow,
  diagnosisQuery,
  diagnosisRows,
  functionsOf,
  guardOf,
} from './diagnosis.ts';
import {parameterValue} from './front-matter.ts';
import type {MarkdownPlan, MarkdownRecipe} from './markdown-recipe.ts';
import {fill, type Value} from './template.ts';

/**
 * The recipe that a runbook is. The rows of its diagnosis are findings; its plan is a step for each of them, guarded
 * by the diagnosis itself: what it no longer returns with the same values is left alone.
 */
export function compileMarkdownRecipe(runbook: MarkdownRecipe): Recipe {
  const {id, title, why, plan: act, prose} = runbook;
  const parameters = parametersOf(runbook);
  const advice = act === null && prose.length > 0 ? prose.join(' ') : null;
  const diagnosisFor = (params: ParameterValues) => ({answers: {[id]: diagnosisQuery(runbook, params)}});
  const recipe: Recipe = {
    id,
    title,
    summary: why,
    parameters,
    diagnoseRequires: diagnosisFor({}),
    diagnose: (_snapshot, facts) =>
      (diagnosisRows(id, facts) ?? []).map(found => toFinding(found, runbook, advice)),
    planRequires: diagnosisFor,
  };
  return act === null
    ? recipe
    : {...recipe, plan: (_snapshot, params, facts) => makePlan(runbook, act, {parameters, params, facts})};
}

/** What was found can be named, where the plan has a step for each. */
function parametersOf({id, parameters, plan: act}: MarkdownRecipe): Parameter[] {
  const own = parameters.map(
    ({isRequired, line: _line, ...parameter}): Parameter => ({
      ...parameter,
      check: text => parameterValue(parameter, text),
      ...(isRequired && {is_required: true}),
    }),
  );
  if (act?.scope !== 'each') return own;
  const subject: Parameter = {
    name: 'subject',
    description: 'only this one of what was found',
    kind: 'text',
    default: '',
    suggest: (_snapshot, facts) => (diagnosisRows(id, facts) ?? []).map(found => found.subject),
  };
  return [...own, subject];
}

function toFinding(
  {subject, summary, severity, evidence, left_alone}: DiagnosisRow,
  {id, plan: act}: MarkdownRecipe,
  advice: string | null,
): Finding {
  return {
    recipe: id,
    severity: severity === 'critical' ? 'critical' : 'warning',
    subject,
    summary,
    evidence: {
      ...evidence,
      ...(left_alone !== null && {left_alone}),
      ...(advice !== null && evidence.advice === undefined && {advice}),
    },
    ...(act?.scope === 'each' && {params: {subject}}),
  };
}

type Asked = {parameters: readonly Parameter[]; params: ParameterValues; facts: RecipeData};

function makePlan(runbook: MarkdownRecipe, act: MarkdownPlan, {parameters, params, facts}: Asked): Plan {
  const {id} = runbook;
  const completed = requiredParams(params, parameters);
  const all = diagnosisRows(id, facts);
  if (all === null)
    throw usageError(`${id}: its diagnosis could not be read`, "'poolctl doctor' says what is missing");
  const meant = all.filter(({subject}) => !completed.subject || subject === completed.subject);
  const chosen = meant.filter(({left_alone}) => left_alone === null);
  const steps = stepsFor(runbook, act, {chosen, params: completed});
  return {
    recipe: id,
    params: completed,
    explanation: explain(runbook, meant),
    steps,
    skipped: meant.flatMap(({subject, summary, left_alone}) =>
      left_alone === null ? [] : [{subject, description: summary, reason: left_alone}],
    ),
    batch_size: Math.max(1, steps.length),
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

const mostDescribed = 12;

function explain({why, prose, functions}: MarkdownRecipe, found: readonly DiagnosisRow[]): string[] {
  if (found.length === 0) return [why, 'Nothing of the kind is found now: nothing to do.'];
  const rest = found.length - mostDescribed;
  return [
    why,
    ...found.slice(0, mostDescribed).map(({subject, summary}) => `- ${subject}: ${summary}`),
    ...(rest > 0 ? [`- and ${rest} more`] : []),
    ...(functions.length > 0
      ? [`Its queries call functions of this database: ${functions.map(({name}) => name).join(', ')}.`]
      : []),
    ...prose,
  ];
}

type Chosen = {chosen: readonly DiagnosisRow[]; params: ParameterValues};

function stepsFor(runbook: MarkdownRecipe, act: MarkdownPlan, {chosen, params}: Chosen): SqlStep[] {
  const parameter = createParameterReader(runbook, params);
  if (act.scope === 'once') {
    const subject = `runbook:${runbook.id}`;
    return chosen.length === 0
      ? []
      : [toStep(runbook, act, {subject, lookUp: parameter, guard: guardOf(runbook, params, null)})];
  }
  const own = new Set(runbook.parameters.map(({name}) => name));
  return chosen.map(found =>
    toStep(runbook, act, {
      subject: found.subject,
      lookUp: name => (own.has(name) ? parameter(name) : (found.columns[name] ?? null)),
      guard: guardOf(runbook, params, found),
    }),
  );
}

type StepContext = {subject: string; lookUp: (name: string) => Value; guard: Verification};

function toStep(
  runbook: MarkdownRecipe,
  {plan, verify, undo, lock, transaction, timeout_ms}: MarkdownPlan,
  {subject, lookUp, guard}: StepContext,
): SqlStep {
  const check = {...fill(verify.template, lookUp), functions: functionsOf(runbook)};
  const holds = (value: boolean) => holding(check, value);
  return {
    kind: 'sql',
    title: `${runbook.title}: ${subject}`,
    subject,
    guard,
    apply: fill(plan.template, lookUp),
    // What somebody changed since is not the run's to take back.
    undo:
      typeof undo === 'string'
        ? undo
        : {apply: fill(undo.template, lookUp), guard: holds(true), verify: holds(false)},
    verify: holds(true),
    lock,
    transaction,
    timeout_ms,
  };
}

/** The one value of the query, whatever its column is called; no row and NULL are "no". */
function holding({text, ...rest}: Sql, value: boolean): Verification {
  return {
    query: {...rest, text: `SELECT (\n${text}\n) IS TRUE AS holds`},
    expect: {column: 'holds', op: '=', value},
  };
}

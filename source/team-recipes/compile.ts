import {usageError} from '../core/errors.ts';
import {oneBatch} from '../core/recipe/one-batch.ts';
import {requiredParams} from '../core/recipe/parameters.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe} from '../model/recipe.ts';
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
 * Compiles a Markdown recipe. Each row of its diagnosis becomes a finding, and its plan has a step for each. The
 * diagnosis is also the guard of each step: a step whose row is gone or has changed is skipped.
 */
export function compileMarkdownRecipe(source: MarkdownRecipe): Recipe {
  const {id, title, why, plan, prose} = source;
  const parameters = parametersOf(source);
  const advice = plan === null && prose.length > 0 ? prose.join(' ') : null;
  const diagnosisFor = (params: ParameterValues) => ({answers: {[id]: diagnosisQuery(source, params)}});
  const recipe: Recipe = {
    id,
    title,
    summary: why,
    parameters,
    diagnoseRequires: diagnosisFor({}),
    diagnose: (_snapshot, facts) =>
      (diagnosisRows(id, facts) ?? []).map(row => toFinding(row, source, advice)),
    planRequires: diagnosisFor,
  };
  return plan === null
    ? recipe
    : {...recipe, plan: (_snapshot, params, facts) => makePlan(source, plan, {parameters, params, facts})};
}

/** The recipe's parameters, and `subject` if the plan has a step for each finding. */
function parametersOf({id, parameters, plan}: MarkdownRecipe): Parameter[] {
  const own = parameters.map(
    ({isRequired, line: _line, ...parameter}): Parameter => ({
      ...parameter,
      check: text => parameterValue(parameter, text),
      ...(isRequired && {is_required: true}),
    }),
  );
  if (plan?.scope !== 'each') return own;
  const subject: Parameter = {
    name: 'subject',
    description: 'only the finding with this subject',
    kind: 'text',
    default: '',
    suggest: (_snapshot, facts) => (diagnosisRows(id, facts) ?? []).map(row => row.subject),
  };
  return [...own, subject];
}

function toFinding(
  {subject, summary, severity, evidence, skipped}: DiagnosisRow,
  {id, plan}: MarkdownRecipe,
  advice: string | null,
): Finding {
  return {
    recipe: id,
    severity: severity === 'critical' ? 'critical' : 'warning',
    subject,
    summary,
    evidence: {
      ...evidence,
      ...(skipped !== null && {skipped}),
      ...(advice !== null && evidence.advice === undefined && {advice}),
    },
    ...(plan?.scope === 'each' && {params: {subject}}),
  };
}

type PlanInput = {parameters: readonly Parameter[]; params: ParameterValues; facts: RecipeData};

function makePlan(source: MarkdownRecipe, plan: MarkdownPlan, {parameters, params, facts}: PlanInput): Plan {
  const {id} = source;
  const completed = requiredParams(params, parameters);
  const all = diagnosisRows(id, facts);
  if (all === null)
    throw usageError(`the diagnosis of ${id} could not be read`, "'poolctl doctor' shows what is missing");
  const selected = all.filter(({subject}) => !completed.subject || subject === completed.subject);
  const chosen = selected.filter(({skipped}) => skipped === null);
  const steps = stepsFor(source, plan, {chosen, params: completed});
  return {
    recipe: id,
    params: completed,
    explanation: explain(source, selected),
    steps,
    skipped: selected.flatMap(({subject, summary, skipped}) =>
      skipped === null ? [] : [{subject, description: summary, reason: skipped}],
    ),
    ...oneBatch(steps),
  };
}

const maxDescribed = 12;

function explain({why, prose, functions}: MarkdownRecipe, rows: readonly DiagnosisRow[]): string[] {
  if (rows.length === 0) return [why, 'The diagnosis found nothing: there is nothing to do.'];
  const rest = rows.length - maxDescribed;
  return [
    why,
    ...rows.slice(0, maxDescribed).map(({subject, summary}) => `- ${subject}: ${summary}`),
    ...(rest > 0 ? [`- and ${rest} more`] : []),
    ...(functions.length > 0
      ? [`Its queries call functions of this database: ${functions.map(({name}) => name).join(', ')}.`]
      : []),
    ...prose,
  ];
}

type StepInput = {chosen: readonly DiagnosisRow[]; params: ParameterValues};

function stepsFor(source: MarkdownRecipe, plan: MarkdownPlan, {chosen, params}: StepInput): SqlStep[] {
  const parameter = createParameterReader(source, params);
  if (plan.scope === 'once') {
    const subject = `recipe:${source.id}`;
    return chosen.length === 0
      ? []
      : [toStep(source, plan, {subject, lookUp: parameter, guard: guardOf(source, params, null)})];
  }
  const own = new Set(source.parameters.map(({name}) => name));
  return chosen.map(row =>
    toStep(source, plan, {
      subject: row.subject,
      lookUp: name => (own.has(name) ? parameter(name) : (row.columns[name] ?? null)),
      guard: guardOf(source, params, row),
    }),
  );
}

type StepContext = {subject: string; lookUp: (name: string) => Value; guard: Verification};

function toStep(
  source: MarkdownRecipe,
  {apply: plan, verify, undo, lock, transaction, timeout_ms}: MarkdownPlan,
  {subject, lookUp, guard}: StepContext,
): SqlStep {
  const check = {...fill(verify.template, lookUp), functions: functionsOf(source)};
  const expecting = (value: boolean) => expectBoolean(check, value);
  return {
    kind: 'sql',
    title: `${source.title}: ${subject}`,
    subject,
    guard,
    apply: fill(plan.template, lookUp),
    // Undo only while the change is in place: what was changed since then stays.
    undo:
      typeof undo === 'string'
        ? undo
        : {apply: fill(undo.template, lookUp), guard: expecting(true), verify: expecting(false)},
    verify: expecting(true),
    lock,
    transaction,
    timeout_ms,
  };
}

/** Expects the query's single value, whatever its column's name, to be `value`. No row and NULL count as false. */
function expectBoolean({text, ...rest}: Sql, value: boolean): Verification {
  return {
    query: {...rest, text: `SELECT (\n${text}\n) IS TRUE AS holds`},
    expect: {column: 'holds', op: '=', value},
  };
}

import {resolve} from 'node:path';
import {createJiti} from 'jiti/static';
import {AbortError, usageError} from '../core/errors.ts';
import {completeParams, requiredParams} from '../core/recipe/parameters.ts';
import type {Plan, Recipe} from '../model/recipe.ts';
import type {Sql, Step, Verification} from '../model/step.ts';
import * as poolctl from './poolctl.ts';
import {namePattern} from './template.ts';

type Report = (line: number, message: string) => void;

/**
 * Loads the recipe that is the default export of a TypeScript file, and reports what is wrong with it. This runs the
 * file's code, so only folders that the user names are loaded.
 */
export async function loadTypeScript(id: string, file: string, report: Report): Promise<Recipe | null> {
  const path = resolve(file);
  // 'poolctl' resolves to this program, whether or not it is installed beside the recipe.
  const jiti = createJiti(path, {fsCache: false, moduleCache: false, virtualModules: {poolctl}});
  let exported: unknown;
  try {
    exported = await jiti.import(path, {default: true});
  } catch (error) {
    report(lineOf(error, path), `cannot be loaded: ${firstLineOf(error)}`);
    return null;
  }
  const problem = recipeProblem(id, exported);
  if (problem !== null) report(1, problem);
  return problem === null ? withErrorHandling(exported as Recipe) : null;
}

/** Why `value` is not a recipe with this id; null if it is. */
function recipeProblem(id: string, value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('diagnose' in value)) {
    return 'no recipe exported: export default defineRecipe({...})';
  }
  const recipe = value as Partial<Record<keyof Recipe, unknown>>;
  if (recipe.id !== id) return `id "${String(recipe.id)}" must be the name of the file, "${id}"`;
  for (const key of ['title', 'summary'] as const) {
    if (typeof recipe[key] !== 'string' || recipe[key] === '') return `${key} is missing`;
  }
  if (!Array.isArray(recipe.parameters)) return 'parameters must be a list: [] if there are none';
  if (!recipe.parameters.every(isParameter))
    return 'a parameter needs name (snake_case), description, kind and default';
  if (typeof recipe.diagnose !== 'function') return 'diagnose must be a function';
  return recipe.plan === undefined || typeof recipe.plan === 'function' ? null : 'plan must be a function';
}

function isParameter(value: unknown): boolean {
  const {name, description, kind, default: initial} = (value ?? {}) as Record<string, unknown>;
  const texts = [name, description, kind, initial].every(each => typeof each === 'string');
  return texts && namePattern.test(String(name));
}

/** A recipe's data requirements; also read from their names in poolctl 0.1 (`watches`, `needs`). */
function withOlderNames(
  recipe: Recipe & {watches?: Recipe['diagnoseRequires']; needs?: Recipe['planRequires']},
): Pick<Recipe, 'diagnoseRequires' | 'planRequires'> {
  const {watches, needs, diagnoseRequires = watches, planRequires = needs} = recipe;
  return {...(diagnoseRequires && {diagnoseRequires}), ...(planRequires && {planRequires})};
}

/** Turns an exception in the recipe's diagnosis into a finding, and one in its plan into an AbortError. */
function withErrorHandling(recipe: Recipe): Recipe {
  const {id, diagnose, plan} = recipe;
  const {diagnoseRequires, planRequires} = withOlderNames(recipe);
  return {
    ...recipe,
    diagnose(snapshot, facts) {
      try {
        return checked(diagnose.call(recipe, snapshot, facts), findingsProblem);
      } catch (error) {
        const summary = `the diagnosis of ${id} failed: ${firstLineOf(error)}`;
        return [{recipe: id, severity: 'warning', subject: `recipe:${id}`, summary, evidence: {}}];
      }
    },
    ...(diagnoseRequires !== undefined && {diagnoseRequires}),
    ...(planRequires !== undefined && {
      planRequires: params =>
        attempt(`planRequires of ${id}`, () =>
          planRequires.call(recipe, completeParams(params, recipe.parameters)),
        ),
    }),
    ...(plan !== undefined && {
      plan: (snapshot, params, facts) =>
        attempt(`the plan of ${id}`, () => {
          const completed = requiredParams(params, recipe.parameters);
          const result = checked(withSkipped(plan.call(recipe, snapshot, completed, facts)), planProblem);
          return {...result, steps: result.steps.map(declareFunctions)};
        }),
    }),
  };
}

/** Accepts plans of recipes written for poolctl 0.1, where `skipped` was `left_alone`. */
function withSkipped(plan: Plan): Plan {
  if (typeof plan !== 'object' || plan === null || !('left_alone' in plan)) return plan;
  const {left_alone, ...rest} = plan as Plan & {left_alone: Plan['skipped']};
  return {...rest, skipped: left_alone};
}

/** Limits guards and verifications to reading functions of pg_catalog and those that the step declares. */
function declareFunctions(step: Step): Step {
  if (step.kind !== 'sql') return step;
  const {guard, verify, undo} = step;
  return {
    ...step,
    ...(guard && {guard: withFunctions(guard)}),
    verify: withFunctions(verify),
    undo:
      typeof undo === 'string'
        ? undo
        : {
            ...undo,
            ...(undo.guard && {guard: withFunctions(undo.guard)}),
            verify: withFunctions(undo.verify),
          },
  };
}

function withFunctions<Query extends Pick<Sql, 'functions'>>({
  query,
  expect,
}: Verification<Query>): Verification<Query> {
  return {query: {...query, functions: query.functions ?? []}, expect};
}

function checked<T>(value: T, problemOf: (value: unknown) => string | null): T {
  const problem = problemOf(value);
  if (problem !== null) throw new Error(problem);
  return value;
}

/** Throws AbortError (exit 2): the recipe's own, or one that names the recipe's defect. */
function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AbortError) throw error;
    throw usageError(`${what} failed: ${firstLineOf(error)}`, 'This is a defect of the recipe.');
  }
}

function firstLineOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return (message.split('\n')[0] ?? '').replace(/^ParseError:\s*/, '').trim();
}

/** Babel's messages have `(12:3)`; errors of the recipe's own code have a stack. */
function lineOf(error: unknown, path: string): number {
  if (!(error instanceof Error)) return 1;
  const place = /\((\d+):\d+\)/.exec(error.message)?.[1];
  const at = error.stack?.split(path)[1];
  return Number(place ?? /^:(\d+)/.exec(at ?? '')?.[1] ?? 1);
}

/** Why the engine cannot run the plan; null if it can. Types of recipes are not checked when they load. */
function planProblem(plan: unknown): string | null {
  const {steps, explanation, skipped, watch_groups, batch_size, params} = membersOf(plan);
  const lists = {steps, explanation, skipped, watch_groups};
  for (const [name, list] of Object.entries(lists)) {
    if (!Array.isArray(list)) return `${name} must be a list`;
  }
  if (typeof batch_size !== 'number' || !(batch_size >= 1)) return 'batch_size must be a number from 1';
  if (typeof params !== 'object' || params === null) return 'params are missing';
  for (const [index, step] of (steps as unknown[]).entries()) {
    const problem = stepProblem(step);
    if (problem !== null) return `step ${index + 1}: ${problem}`;
  }
  return null;
}

function findingsProblem(findings: unknown): string | null {
  if (!Array.isArray(findings)) return 'it must return a list of findings';
  for (const finding of findings) {
    const {severity, subject, summary, evidence} = membersOf(finding);
    if (typeof subject !== 'string' || typeof summary !== 'string')
      return 'a finding needs subject and summary';
    if (severity !== 'warning' && severity !== 'critical') return 'severity must be warning or critical';
    if (typeof evidence !== 'object' || evidence === null)
      return 'a finding needs evidence: {} if it has none';
  }
  return null;
}

function stepProblem(step: unknown): string | null {
  const members = membersOf(step);
  const {kind, title, subject, undo, verify, lock, transaction, timeout_ms} = members;
  if (typeof title !== 'string' || typeof subject !== 'string') return 'title and subject are missing';
  if (kind === 'advice') return typeof members.text === 'string' ? null : 'advice needs text';
  if (kind === 'file') {
    const isWhole = typeof members.path === 'string' && typeof members.change === 'object';
    return isWhole && Array.isArray(members.diff) ? null : 'a file step needs path, change and diff';
  }
  if (kind !== 'sql') return 'kind must be sql, file or advice';
  if (!isSql(members.apply)) return 'apply needs text and values';
  if (!isVerification(verify)) return 'verify needs query and expect';
  if (!isUndo(undo)) return 'undo needs apply and verify, or is "irreversible" or "unneeded"';
  if (typeof lock !== 'string' || !['none', 'share', 'exclusive'].includes(lock))
    return 'lock must be none, share or exclusive';
  const isTimed = typeof transaction === 'boolean' && typeof timeout_ms === 'number';
  return isTimed ? null : 'transaction (true or false) and timeout_ms are missing';
}

function isUndo(undo: unknown): boolean {
  if (undo === 'irreversible' || undo === 'unneeded') return true;
  const {apply, verify} = membersOf(undo);
  return isSql(apply) && isVerification(verify);
}

function isVerification(verification: unknown): boolean {
  const {query, expect} = membersOf(verification);
  const {column, op, value} = membersOf(expect);
  return isSql(query) && typeof column === 'string' && typeof op === 'string' && value !== undefined;
}

function isSql(sql: unknown): boolean {
  const {text, values} = membersOf(sql);
  return typeof text === 'string' && Array.isArray(values);
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

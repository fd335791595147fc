import {resolve} from 'node:path';
import {createJiti} from 'jiti/static';
import {AbortError, usageError} from '../core/errors.ts';
import {completeParams, requiredParams} from '../core/recipe/parameters.ts';
import type {Plan} from '../model/plan.ts';
import type {Recipe} from '../model/recipe.ts';
import type {Sql, Step, Verification} from '../model/step.ts';
import * as poolctl from './poolctl.ts';

import {namePattern} from './template.ts';

type Report = (line: number, message: string) => void;

/**
 * The recipe that a TypeScript file exports as its default. Its code runs: it is loaded from folders that the user
 * names alone. What is wrong with it goes to `report`.
 */
export async function loadTypeScript(id: string, file: string, report: Report): Promise<Recipe | null> {
  const path = resolve(file);
  // 'poolctl' is this very program, whether or not it is installed beside the recipe.
  const jiti = createJiti(path, {fsCache: false, moduleCache: false, virtualModules: {poolctl}});
  let exported: unknown;
  try {
    exported = await jiti.import(path, {default: true});
  } catch (error) {
    report(lineOf(error, path), `it cannot be loaded: ${firstLineOf(error)}`);
    return null;
  }
  const lack = lackOf(id, exported);
  if (lack !== null) report(1, lack);
  return lack === null ? guarded(exported as Recipe) : null;
}

/** What keeps a value from being the recipe of that id; null: it is one. */
function lackOf(id: string, value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('diagnose' in value)) {
    return 'it exports no recipe: export default defineRecipe({...})';
  }
  const recipe = value as Partial<Record<keyof Recipe, unknown>>;
  if (recipe.id !== id) return `its id is "${String(recipe.id)}": it is to be the name of its file, "${id}"`;
  for (const key of ['title', 'summary'] as const) {
    if (typeof recipe[key] !== 'string' || recipe[key] === '') return `it has no ${key}`;
  }
  if (!Array.isArray(recipe.parameters)) return 'it has no parameters: write [] where it takes none';
  if (!recipe.parameters.every(isParameter))
    return 'a parameter wants name (snake_case), description, kind and default';
  if (typeof recipe.diagnose !== 'function') return 'its diagnose is no function';
  return recipe.plan === undefined || typeof recipe.plan === 'function' ? null : 'its plan is no function';
}

function isParameter(value: unknown): boolean {
  const {name, description, kind, default: initial} = (value ?? {}) as Record<string, unknown>;
  const texts = [name, description, kind, initial].every(each => typeof each === 'string');
  return texts && namePattern.test(String(name));
}

/** A recipe's required data, under the names of poolctl 0.1 too (`watches`, `needs`). */
function withOlderNames(
  recipe: Recipe & {watches?: Recipe['diagnoseRequires']; needs?: Recipe['planRequires']},
): Pick<Recipe, 'diagnoseRequires' | 'planRequires'> {
  const {watches, needs, diagnoseRequires = watches, planRequires = needs} = recipe;
  return {...(diagnoseRequires && {diagnoseRequires}), ...(planRequires && {planRequires})};
}

/** A defect of a team's recipe is told as one, and takes nothing else down. */
function guarded(recipe: Recipe): Recipe {
  const {id, diagnose, plan} = recipe;
  const {diagnoseRequires, planRequires} = withOlderNames(recipe);
  return {
    ...recipe,
    diagnose(snapshot, facts) {
      try {
        return whole(diagnose.call(recipe, snapshot, facts), lackOfFindings);
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
          const given = requiredParams(params, recipe.parameters);
          const made = whole(withSkipped(plan.call(recipe, snapshot, given, facts)), lackOfPlan);
          return {...made, steps: made.steps.map(watched)};
        }),
    }),
  };
}

/** A plan as recipes written for poolctl 0.1 return it: `skipped` was `left_alone`. */
function withSkipped(plan: Plan): Plan {
  if (typeof plan !== 'object' || plan === null || !('left_alone' in plan)) return plan;
  const {left_alone, ...rest} = plan as Plan & {left_alone: Plan['skipped']};
  return {...rest, skipped: left_alone};
}

/** What looks in a step of a team's is held to looking, as its data queries are: it names the functions it calls. */
function watched(step: Step): Step {
  if (step.kind !== 'sql') return step;
  const {guard, verify, undo} = step;
  return {
    ...step,
    ...(guard && {guard: gated(guard)}),
    verify: gated(verify),
    undo:
      typeof undo === 'string'
        ? undo
        : {...undo, ...(undo.guard && {guard: gated(undo.guard)}), verify: gated(undo.verify)},
  };
}

function gated<Query extends Pick<Sql, 'functions'>>({
  query,
  expect,
}: Verification<Query>): Verification<Query> {
  return {query: {...query, functions: query.functions ?? []}, expect};
}

function whole<T>(value: T, lackIn: (value: unknown) => string | null): T {
  const lack = lackIn(value);
  if (lack !== null) throw new Error(lack);
  return value;
}

/** Throws AbortError (exit 2): what the recipe throws itself, or that it is at fault. */
function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AbortError) throw error;
    throw usageError(`${what} failed: ${firstLineOf(error)}`, 'It is a defect of that recipe.');
  }
}

function firstLineOf(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return (said.split('\n')[0] ?? '').replace(/^ParseError:\s*/, '').trim();
}

/** Babel says `file:12:3` or `(12:3)`; an error of its own code has a stack. */
function lineOf(error: unknown, path: string): number {
  if (!(error instanceof Error)) return 1;
  const said = /\((\d+):\d+\)/.exec(error.message)?.[1];
  const at = error.stack?.split(path)[1];
  return Number(said ?? /^:(\d+)/.exec(at ?? '')?.[1] ?? 1);
}

/**
 * What a recipe written by hand returned, where nothing but its author's editor has seen its types: what of it is
 * not as the engine needs it, in words; null where all is.
 */
export function lackOfPlan(plan: unknown): string | null {
  const {steps, explanation, skipped, watch_groups, batch_size, params} = membersOf(plan);
  const lists = {steps, explanation, skipped, watch_groups};
  for (const [name, list] of Object.entries(lists)) {
    if (!Array.isArray(list)) return `${name} is no list`;
  }
  if (typeof batch_size !== 'number' || !(batch_size >= 1)) return 'batch_size is no number from 1 up';
  if (typeof params !== 'object' || params === null) return 'params are missing';
  for (const [index, step] of (steps as unknown[]).entries()) {
    const lack = lackOfStep(step);
    if (lack !== null) return `step ${index + 1}: ${lack}`;
  }
  return null;
}

/** The same of what a diagnosis returned. */
export function lackOfFindings(findings: unknown): string | null {
  if (!Array.isArray(findings)) return 'it returns no list of findings';
  for (const finding of findings) {
    const {severity, subject, summary, evidence} = membersOf(finding);
    if (typeof subject !== 'string' || typeof summary !== 'string')
      return 'a finding wants subject and summary';
    if (severity !== 'warning' && severity !== 'critical') return 'a severity is warning or critical';
    if (typeof evidence !== 'object' || evidence === null)
      return 'a finding wants evidence: {} where it has none';
  }
  return null;
}

function lackOfStep(step: unknown): string | null {
  const members = membersOf(step);
  const {kind, title, subject, undo, verify, lock, transaction, timeout_ms} = members;
  if (typeof title !== 'string' || typeof subject !== 'string') return 'it wants title and subject';
  if (kind === 'advice') return typeof members.text === 'string' ? null : 'advice wants text';
  if (kind === 'file') {
    const isWhole = typeof members.path === 'string' && typeof members.change === 'object';
    return isWhole && Array.isArray(members.diff) ? null : 'a file wants path, change and diff';
  }
  if (kind !== 'sql') return 'its kind is sql, file or advice';
  if (!isSql(members.apply)) return 'apply wants text and values';
  if (!isVerification(verify)) return 'verify wants query and expect: how is it seen that it worked?';
  if (!isUndo(undo)) return 'undo wants apply and verify, or is "irreversible" or "unneeded"';
  if (typeof lock !== 'string' || !['none', 'share', 'exclusive'].includes(lock))
    return 'lock is none, share or exclusive';
  const isTimed = typeof transaction === 'boolean' && typeof timeout_ms === 'number';
  return isTimed ? null : 'it wants transaction (true or false) and timeout_ms';
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

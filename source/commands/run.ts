import {carryOut, type EnginePorts, planHash, type RunState} from '../core/engine.ts';
import {AbortError, type ExitCode, exitCodes} from '../core/errors.ts';
import type {Output} from '../core/ports.ts';
import type {ParameterValues, Plan, Recipe} from '../core/recipe.ts';
import {sanitise} from '../core/sanitise.ts';
import type {Snapshot} from '../core/snapshot.ts';
import {watchWorld} from '../core/world.ts';
import {planDocument, runDocument} from './run-document.ts';
import {endText, planText, progressText} from './run-text.ts';

export type RunPorts = {
  recipes: readonly Recipe[];
  /** A fresh reading at every call. */
  read(): Promise<Snapshot>;
  engine: Pick<EnginePorts, 'executor' | 'journal' | 'clock' | 'sha256'>;
  identity: {run: string; actor: string};
  /** Asks on the terminal; null where the user leaves. Absent without a terminal. */
  ask?: ((question: string) => Promise<string | null>) | undefined;
  output: Output;
  /** Aborted by Ctrl-C: the run ends between two steps. */
  signal?: AbortSignal | undefined;
};

export type RunFlags = {
  /** `name=value`, one each. */
  set: readonly string[];
  dryRun: boolean;
  yes: boolean;
  /** The hash of the plan that was approved. */
  approve: string | null;
  json: boolean;
};

/** Carries out a recipe without the console: previewed, approved, guarded, verified and journaled as there. */
export async function runRecipe(ports: RunPorts, id: string | undefined, flags: RunFlags): Promise<ExitCode> {
  const recipe = findRecipe(ports.recipes, id);
  const params = readParams(flags.set);
  requireConsent(ports, flags);
  const snapshot = await ports.read();
  const plan = recipe.plan(snapshot, params);
  const target = snapshot.target.id;
  const hash = planHash(plan, target, ports.engine.sha256);
  if (flags.approve !== null && flags.approve !== hash) throw drifted(hash);
  if (flags.dryRun || plan.steps.length === 0) {
    printPlan(ports.output, {plan, target, hash}, flags);
    return emptyPlanCode(plan);
  }
  if (!flags.yes && flags.approve === null && !(await isConfirmed(ports, snapshot, {plan, target, hash}))) {
    ports.output.talk('not confirmed: nothing was done');
    return exitCodes.interrupted;
  }
  const state = await follow(ports, plan, {recipe, params, target});
  ports.output.data(flags.json ? JSON.stringify(runDocument(plan, state), null, 2) : endText(state));
  if (flags.json && state.reason !== null)
    ports.output.talk(sanitise([state.reason, state.hint ?? ''].join(' ').trim()));
  return state.exit_code ?? exitCodes.actFailed;
}

type ActingRecipe = Recipe & Required<Pick<Recipe, 'plan'>>;
type Planned = {plan: Plan; target: string; hash: string};

function findRecipe(recipes: readonly Recipe[], id: string | undefined): ActingRecipe {
  const recipe = recipes.find(each => each.id === id);
  if (recipe === undefined) {
    throw usage(
      id === undefined ? 'run: which recipe?' : `no recipe "${id}"`,
      "'poolctl recipes' lists them",
    );
  }
  if (!canAct(recipe))
    throw usage(`${recipe.id} is advice: it changes nothing`, "'poolctl recipes' lists those that act");
  return recipe;
}

function canAct(recipe: Recipe): recipe is ActingRecipe {
  return recipe.plan !== undefined;
}

function readParams(settings: readonly string[]): ParameterValues {
  return Object.fromEntries(
    settings.map(setting => {
      const at = setting.indexOf('=');
      if (at < 1) throw usage(`--set ${setting}: not name=value`, 'write --set older_than=10min');
      return [setting.slice(0, at).trim(), setting.slice(at + 1)];
    }),
  );
}

/** Nothing is done that nobody agreed to: by a flag, or by a word on the terminal. */
function requireConsent({ask}: RunPorts, {dryRun, yes, approve, json}: RunFlags): void {
  if (dryRun && (yes || approve !== null)) {
    throw usage('--dry-run does nothing: it does not go with --yes or --approve');
  }
  if (dryRun || yes || approve !== null) return;
  if (ask === undefined || json) {
    throw usage('nobody can be asked here', 'add --dry-run to see the plan, then --approve HASH or --yes');
  }
}

function printPlan(output: Output, {plan, target, hash}: Planned, {json}: RunFlags): void {
  output.data(
    json ? JSON.stringify(planDocument(plan, target, hash), null, 2) : planText(plan, target, hash),
  );
}

/** Nothing to do is well, unless it is so because the server would refuse what was asked for. */
function emptyPlanCode({steps, left_alone}: Plan): ExitCode {
  const isRefused = steps.length === 0 && left_alone.some(({is_forbidden}) => is_forbidden);
  return isRefused ? exitCodes.privilege : exitCodes.ok;
}

/** On production the target's own name has to be typed: there a slip hurts most. */
async function isConfirmed({ask, output}: RunPorts, {target}: Snapshot, planned: Planned): Promise<boolean> {
  const word = target.is_production ? target.id : 'yes';
  output.talk(planText(planned.plan, planned.target, planned.hash));
  const where = target.is_production ? ' on PRODUCTION' : '';
  const typed = await ask?.(`Type ${word} to carry out ${planned.plan.steps.length} step(s)${where}: `);
  return typed?.trim() === word;
}

async function follow(
  {engine, identity, read, output, signal}: RunPorts,
  plan: Plan,
  {recipe, params, target}: {recipe: Recipe; params: ParameterValues; target: string},
): Promise<RunState> {
  const ports = {...engine, ...watchWorld(recipe, params, read)};
  let last: RunState | null = null;
  for await (const state of carryOut(plan, {...identity, target}, ports, signal)) {
    const progress = progressText(last, state);
    if (progress !== '') output.talk(progress);
    last = state;
  }
  if (last === null) throw new TypeError('a run has at least one state');
  return last;
}

function drifted(hash: string): AbortError {
  return new AbortError('the plan is not the one that was approved: nothing was done', {
    hint: `look at it again with --dry-run; it is ${hash} now`,
    exitCode: exitCodes.drift,
  });
}

function usage(message: string, hint?: string): AbortError {
  return new AbortError(message, {exitCode: exitCodes.usage, ...(hint !== undefined && {hint})});
}

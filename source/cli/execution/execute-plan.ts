import {type EnginePorts, execute, planHash, type RunIdentity} from '../../core/engine/execute.ts';
import {createRunState, describeInterruption} from '../../core/engine/run-state.ts';
import {AbortError, BugError, exitCodes, usageError} from '../../core/errors.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Plan} from '../../model/plan.ts';
import type {ExitCode, RunState} from '../../model/run.ts';
import type {Target} from '../../model/target.ts';
import type {Output} from '../context.ts';
import {planDocument, runDocument} from './plan-document.ts';
import {endText, planText, progressText} from './plan-text.ts';

export type ConsentPorts = {
  /** Asks on the terminal; null where the user leaves. Absent without a terminal. */
  ask?: ((question: string) => Promise<string | null>) | undefined;
  output: Output;
};

export type ExecutePorts = ConsentPorts & {
  engine: Omit<EnginePorts, 'slots' | 'recheck'>;
  identity: Omit<RunIdentity, 'target' | 'server'>;
  /** Aborted by Ctrl-C: the run ends between two steps, or within one that can be cancelled. */
  signal?: AbortSignal | undefined;
};

export type ConsentFlags = {
  dryRun: boolean;
  yes: boolean;
  /** `--yes` on a production target covers what cannot be undone only along with this. */
  yesIrreversible: boolean;
  /** With `--yes` or `--approve`: this is the server of a run whose journal does not prove it. */
  sameServer?: boolean;
  /** The hash of the plan that was approved. */
  approve: string | null;
  json: boolean;
};

/** Nothing is done that nobody agreed to: by a flag, or by a word on the terminal. */
export function requireConsent({ask}: ConsentPorts, {dryRun, yes, approve, json}: ConsentFlags): void {
  if (dryRun && (yes || approve !== null)) {
    throw usageError('--dry-run does nothing: it does not go with --yes or --approve');
  }
  if (dryRun || yes || approve !== null) return;
  if (ask === undefined || json) {
    throw usageError(
      'nobody can be asked here',
      'add --dry-run to see the plan, then --approve HASH or --yes',
    );
  }
}

/** Previews a plan, has it agreed to, carries it out and says how it ended. */
export async function executePlan(
  ports: ExecutePorts,
  plan: Plan,
  {target, world}: {target: Target; world: Pick<EnginePorts, 'slots' | 'recheck'>},
  flags: ConsentFlags,
): Promise<ExitCode> {
  const hash = planHash(plan, {target: target.id, server: serverOf(target)}, ports.engine.sha256);
  const planned = {plan, target, hash};
  if (flags.approve !== null && flags.approve !== hash) throw drifted(planned);
  if (flags.dryRun) {
    printPlan(ports.output, planned, flags);
    return emptyPlanCode(plan);
  }
  if (plan.steps.length === 0) {
    printNothing(ports.output, planned, flags);
    return emptyPlanCode(plan);
  }
  if (!(await isAgreed(ports, planned, flags))) {
    ports.output.stderr('not confirmed: nothing was done');
    return exitCodes.interrupted;
  }
  const state = await follow(ports, planned, world);
  if (state.status === 'interrupted')
    ports.output.stderr(sanitise(`poolctl: ${describeInterruption(state)}`));
  ports.output.stdout(flags.json ? jsonText(runDocument(plan, state), 2) : endText(state));
  // A journal that was lost in the middle of a run is no ordinary end.
  const isSaid = flags.json || state.exit_code === exitCodes.journal;
  if (isSaid && state.reason !== null)
    ports.output.stderr(
      [`poolctl: ${state.reason}`, ...(state.hint ? [`  ${state.hint}`] : [])].map(sanitise).join('\n'),
    );
  return state.exit_code ?? exitCodes.actFailed;
}

type Planned = {plan: Plan; target: Target; hash: string};

function printPlan(output: Output, {plan, target, hash}: Planned, {json}: ConsentFlags): void {
  output.stdout(json ? jsonText(planDocument(plan, target, hash), 2) : planText(plan, target, hash));
}

/** Nothing to do is well, unless it is so because the server would refuse what was asked for. */
function emptyPlanCode({steps, skipped}: Plan): ExitCode {
  const isRefused = steps.length === 0 && skipped.some(({is_forbidden}) => is_forbidden);
  return isRefused ? exitCodes.privilege : exitCodes.ok;
}

/** What a script that asked for a run reads where there was nothing to do: the document of a run, without one. */
function printNothing(output: Output, {plan, target, hash}: Planned, {json}: ConsentFlags): void {
  const state = createRunState(plan, {run: '', target: target.id, server: serverOf(target), plan_hash: hash});
  const done = {...state, status: 'done' as const, reason: 'nothing to do'};
  const document = {...runDocument(plan, done), run: null};
  output.stdout(json ? jsonText(document, 2) : planText(plan, target, hash));
}

async function isAgreed(ports: ConsentPorts, planned: Planned, flags: ConsentFlags): Promise<boolean> {
  const {plan, target} = planned;
  requireServer(planned, flags);
  // Who approves a hash has seen this very plan, what cannot be undone included.
  if (flags.approve !== null) return true;
  if (!flags.yes) return isConfirmed(ports, planned, flags);
  if (!target.is_production || flags.yesIrreversible || !plan.steps.some(isIrreversible)) return true;
  throw usageError(
    `--yes does not cover what cannot be undone on ${target.id}, which is marked production`,
    'look at it with --dry-run, then --approve HASH, or add --yes-irreversible',
  );
}

function isIrreversible(step: Plan['steps'][number]): boolean {
  return step.kind === 'sql' && step.undo === 'irreversible';
}

/** A flag cannot be meant of a server that nothing proves to be the run's. */
function requireServer({plan, target}: Planned, {yes, approve, sameServer}: ConsentFlags): void {
  if (plan.server_doubt === undefined || sameServer || (!yes && approve === null)) return;
  throw usageError(
    `run ${plan.undoes} is not proven to have been on this server: ${plan.server_doubt}`,
    `look at it with --dry-run; where ${target.id} is that server, add --same-server`,
  );
}

/** The target's own name has to be typed on production, where a slip hurts most, and where its server is in doubt. */
async function isConfirmed(
  {ask, output}: ConsentPorts,
  {plan, target, hash}: Planned,
  {sameServer}: ConsentFlags,
): Promise<boolean> {
  const isDoubtful = plan.server_doubt !== undefined && !sameServer;
  const word = target.is_production || isDoubtful ? target.id : 'yes';
  output.stderr(planText(plan, target, hash));
  const where = target.is_production ? ' on PRODUCTION' : '';
  const steps = counted(plan.steps.length, 'step');
  const typed = await ask?.(`Type ${word} to carry out ${steps}${where}: `);
  return typed?.trim() === word;
}

async function follow(
  {engine, identity, output, signal}: ExecutePorts,
  {plan, target}: Planned,
  world: Pick<EnginePorts, 'slots' | 'recheck'>,
): Promise<RunState> {
  let last: RunState | null = null;
  const acting = {...identity, target: target.id, server: serverOf(target)};
  for await (const state of execute(plan, acting, {...engine, ...world}, signal)) {
    const progress = progressText(last, state);
    if (progress !== '') output.stderr(progress);
    last = state;
  }
  if (last === null) throw new BugError('a run has at least one state');
  return last;
}

function drifted({plan, hash}: Planned): AbortError {
  const why = plan.steps.length === 0 && plan.undoes !== undefined ? `${plan.explanation.join(' ')} ` : '';
  return new AbortError('the plan is not the one that was approved: nothing was done', {
    hint: `${why}look at it again with --dry-run; it is ${hash} now`,
    exitCode: exitCodes.drift,
  });
}

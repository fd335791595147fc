import {execute, planHash} from '../../core/engine/execute.ts';
import {countUndone, createRunState, describeInterruption, whyReadOnly} from '../../core/engine/run-state.ts';
import {AbortError, BugError, exitCodes, usageError} from '../../core/errors.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {EnginePorts, RunIdentity} from '../../model/ports.ts';
import type {Plan} from '../../model/recipe.ts';
import type {ExitCode, RunState} from '../../model/run.ts';
import type {Target} from '../../model/target.ts';
import type {consentFlags, FlagValues} from '../call/usage.ts';
import type {Output, Prompt} from '../context.ts';
import {endText, planDocument, planText, progressText, runDocument} from './render-plan.ts';

export type ConsentPorts = {
  /** Undefined without a terminal. */
  ask?: Prompt | undefined;
  output: Output;
};

export type ExecutePorts = ConsentPorts & {
  engine: Omit<EnginePorts, 'slots' | 'recheck'>;
  identity: Omit<RunIdentity, 'target' | 'server'>;
  /** Aborted by Ctrl-C: the run ends after the current step, or cancels it if possible. */
  signal?: AbortSignal | undefined;
};

export type ConsentFlags = {
  dryRun: boolean;
  yes: boolean;
  /** On production, `--yes` needs it for irreversible steps. */
  yesIrreversible: boolean;
  /** For undo: confirms that the run was on this server, if the journal does not prove it. */
  sameServer?: boolean;
  /** The hash of the plan that was approved. */
  approve: string | null;
  json: boolean;
};

export function readConsentFlags(
  flags: FlagValues<typeof consentFlags> & {sameServer?: boolean | undefined; json?: boolean | undefined},
): ConsentFlags {
  return {
    dryRun: flags.dryRun ?? false,
    yes: flags.yes ?? false,
    yesIrreversible: flags.yesIrreversible ?? false,
    sameServer: flags.sameServer ?? false,
    approve: flags.approve ?? null,
    json: flags.json ?? false,
  };
}

/** Throws AbortError (exit 2) if neither a flag nor the terminal can give consent. */
export function requireConsent({ask}: ConsentPorts, {dryRun, yes, approve, json}: ConsentFlags): void {
  if (dryRun && (yes || approve !== null)) {
    throw usageError('--dry-run cannot be used with --yes or --approve', 'Leave out one of them.');
  }
  if (dryRun || yes || approve !== null) return;
  if (ask === undefined || json) {
    throw usageError(
      json ? 'cannot ask for confirmation with --json' : 'no terminal to ask for confirmation',
      'See the plan with --dry-run, then add --approve HASH or --yes.',
    );
  }
}

/** Prints a plan, asks for consent, executes it and prints the result. */
export async function executePlan(
  ports: ExecutePorts,
  plan: Plan,
  {
    target,
    drift,
    watchHarm = () => ({harm: async () => ({})}),
  }: {
    target: Target;
    drift: Pick<EnginePorts, 'slots' | 'recheck'>;
    /** Called when a plan with steps is about to be confirmed; `harm` once it is. */
    watchHarm?: (isAsked: boolean) => {harm(): Promise<Pick<EnginePorts, 'harm'>>};
  },
  flags: ConsentFlags,
): Promise<ExitCode> {
  const hash = planHash(plan, {target: target.id, server: serverOf(target)}, ports.engine.sha256);
  const planned = {plan, target, hash};
  if (flags.approve !== null && flags.approve !== hash) throw drifted(planned);
  if (flags.dryRun) {
    printPlan(ports.output, planned, flags);
    return emptyPlanCode(plan);
  }
  if (plan.steps.length === 0) return printNothing(ports.output, planned, flags);
  if (target.read_only !== undefined)
    throw usageError(whyReadOnly(target.read_only), 'See the plan with --dry-run.');
  const watching = watchHarm(!flags.yes && flags.approve === null);
  if (!(await hasConsent(ports, planned, flags))) {
    ports.output.stderr('poolctl: not confirmed, nothing was executed');
    return exitCodes.interrupted;
  }
  const state = await runPlan(ports, planned, {...drift, ...(await watching.harm())});
  if (state.status === 'interrupted')
    ports.output.stderr(sanitise(`poolctl: ${describeInterruption(state)}`));
  ports.output.stdout(flags.json ? jsonText(runDocument(plan, state), 2) : endText(state));
  // Text on stdout includes the reason. With JSON, or if the journal failed, it is printed on stderr, too.
  const isReported = flags.json || state.exit_code === exitCodes.journal;
  if (isReported && state.reason !== null)
    ports.output.stderr(
      [`poolctl: ${state.reason}`, ...(state.hint ? [`  ${state.hint}`] : [])].map(sanitise).join('\n'),
    );
  return state.exit_code ?? exitCodes.actFailed;
}

type Planned = {plan: Plan; target: Target; hash: string};

function printPlan(output: Output, {plan, target, hash}: Planned, {json}: ConsentFlags): void {
  output.stdout(json ? jsonText(planDocument(plan, target, hash), 2) : planText(plan, target, hash));
}

/** Exit 0 if there is nothing to do, 5 if the server would refuse every step. */
function emptyPlanCode({steps, skipped}: Plan): ExitCode {
  const isRefused = steps.length === 0 && skipped.some(({is_forbidden}) => is_forbidden);
  return isRefused ? exitCodes.privilege : exitCodes.ok;
}

/** For a plan without steps: with --json, a run document with `run: null`. Exit 7 if an undo leaves what it was to undo. */
function printNothing(output: Output, {plan, target, hash}: Planned, {json}: ConsentFlags): ExitCode {
  const left = countUndone([], plan);
  const outcome =
    left === 0
      ? {status: 'done' as const, reason: 'nothing to do'}
      : {status: 'failed' as const, reason: `nothing was undone: ${stayText(left)} in effect`};
  const state = createRunState(plan, {run: '', target: target.id, server: serverOf(target), plan_hash: hash});
  const document = {...runDocument(plan, {...state, ...outcome}), run: null};
  output.stdout(json ? jsonText(document, 2) : planText(plan, target, hash));
  if (left > 0) output.stderr(`poolctl: ${outcome.reason}`);
  return left > 0 ? exitCodes.actFailed : emptyPlanCode(plan);
}

function stayText(steps: number): string {
  return `${counted(steps, 'step')} ${steps === 1 ? 'stays' : 'stay'}`;
}

async function hasConsent(ports: ConsentPorts, planned: Planned, flags: ConsentFlags): Promise<boolean> {
  const {plan, target} = planned;
  requireServer(planned, flags);
  // The hash approves exactly this plan, including its irreversible steps.
  if (flags.approve !== null) return true;
  if (!flags.yes) return isConfirmed(ports, planned, flags);
  if (!target.is_production || flags.yesIrreversible || !plan.steps.some(isIrreversible)) return true;
  throw usageError(
    `--yes does not cover steps that cannot be undone on ${target.id}, which is marked production`,
    'See the plan with --dry-run, then use --approve HASH or add --yes-irreversible.',
  );
}

function isIrreversible(step: Plan['steps'][number]): boolean {
  return step.kind === 'sql' && step.undo === 'irreversible';
}

/** Throws AbortError (exit 2) if the server of the run is in doubt and only flags give consent. */
function requireServer({plan, target}: Planned, {yes, approve, sameServer}: ConsentFlags): void {
  if (plan.server_doubt === undefined || sameServer || (!yes && approve === null)) return;
  throw usageError(
    `the journal does not prove that run ${plan.undoes} was on this server: ${plan.server_doubt}`,
    `See the plan with --dry-run. If ${target.id} is that server, add --same-server.`,
  );
}

/** Asks for `yes`; on production, or if the server is in doubt, for the name of the target. */
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
  const typed = await ask?.(`Type ${word} to execute ${steps}${where}: `);
  return typed?.trim() === word;
}

async function runPlan(
  {engine, identity, output, signal}: ExecutePorts,
  {plan, target}: Planned,
  drift: Pick<EnginePorts, 'slots' | 'recheck' | 'harm'>,
): Promise<RunState> {
  let last: RunState | null = null;
  const runner = {...identity, target: target.id, server: serverOf(target)};
  for await (const state of execute(plan, runner, {...engine, ...drift}, signal)) {
    const progress = progressText(last, state);
    if (progress !== '') output.stderr(progress);
    last = state;
  }
  if (last === null) throw new BugError('a run has at least one state');
  return last;
}

function drifted({plan, hash}: Planned): AbortError {
  const why = plan.steps.length === 0 && plan.undoes !== undefined ? `${plan.explanation.join(' ')} ` : '';
  return new AbortError('the plan has changed since it was approved, nothing was executed', {
    hint: `${why}See it again with --dry-run; its hash is ${hash} now.`,
    exitCode: exitCodes.drift,
  });
}

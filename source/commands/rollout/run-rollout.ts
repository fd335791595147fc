import {printMessage} from '../../cli/context.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ExitCode} from '../../model/run.ts';
import {promotesWithoutApproval, type RolloutPlan} from '../../rollout/plan.ts';
import {lastRollout, newRollout, nextTask} from '../../rollout/state.ts';
import {editedWhileOpen, openBeforeEdit, rolloutToRollBack} from './recorded.ts';
import {
  rollbackDocument,
  rollbackText,
  rolloutDocument,
  rolloutPlanText,
  rolloutText,
  stagesToRollBack,
} from './render-rollout.ts';
import {
  enterPhase,
  interrupted,
  journalEvent,
  type PlanFile,
  promote,
  type Rollout,
  type RolloutFlags,
  type RolloutPorts,
  rollBack,
  runHook,
  type StageInRollout,
  watch,
} from './stages.ts';

/**
 * Runs a staged rollout, or resumes an interrupted one. Exit 0 if every stage passed, 1 if one failed and all were
 * rolled back, 7 if a command failed. Throws AbortError: exit 2 without approval, 130 when interrupted.
 */
export async function runRollout(
  ports: RolloutPorts,
  plan: PlanFile,
  flags: RolloutFlags,
): Promise<ExitCode> {
  requireKnownStages(plan.plan, flags.approved);
  if (flags.dryRun) {
    ports.output.stdout(flags.json ? jsonText(rolloutDocument(plan, null), 2) : rolloutPlanText(plan));
    return exitCodes.ok;
  }
  const rollout = await openRollout(ports, plan, flags);
  try {
    return await advance(rollout);
  } catch (error) {
    const isLeft = rollout.state.failed !== null || !ports.signal.aborted || !isInterruption(error);
    if (isLeft || !(await wantsRollback(rollout))) throw error;
    await fail(rollout, 'interrupted');
    await advance(rollout);
    return exitCodes.interrupted;
  }
}

/** `rollout abort` and `rollout retry`: rolls back what is promoted. Exit 0, or 7 if a command failed. */
export async function runRollback(
  ports: RolloutPorts,
  planned: PlanFile,
  {verb, ...flags}: RolloutFlags & {verb: 'abort' | 'retry'},
): Promise<ExitCode> {
  const {plan, state} = await rolloutToRollBack(ports, planned, verb);
  const rollout = {ports, plan, flags, state};
  const names = promotedStages(rollout);
  const which = listStages(names);
  if (flags.dryRun) {
    ports.output.stdout(flags.json ? jsonText(rollbackDocument(plan, state), 2) : rollbackText(plan, state));
    return exitCodes.ok;
  }
  if (!flags.yes && names.length > 0) {
    if (ports.ask === undefined || flags.json) {
      throw usageError(`no consent to roll back ${which}, and no terminal to ask`, 'Add --yes.');
    }
    const typed = await ports.ask(sanitise(`Type yes to roll back ${which}: `));
    if (typed?.trim() !== 'yes') throw interrupted('not confirmed, nothing was executed');
  }
  if (state.failed === null) await fail(rollout, 'aborted');
  await advance(rollout);
  const isComplete = state.stages.every(({phase}) => phase !== 'not rolled back');
  return isComplete ? exitCodes.ok : exitCodes.actFailed;
}

async function advance(rollout: Rollout): Promise<ExitCode> {
  const {ports, plan, state} = rollout;
  for (;;) {
    if (ports.signal.aborted && state.failed === null) throw interrupted();
    const task = nextTask(plan.plan, state);
    if (task.kind === 'end') return end(rollout);
    const stage = plan.plan.stages[task.stage];
    if (stage === undefined) throw new RangeError(`no stage ${task.stage}`);
    const at = {...rollout, stage, index: task.stage};
    if (task.kind === 'approve') await approve(at);
    else if (task.kind === 'promote') await promote(at);
    else if (task.kind === 'watch') await watch(at);
    else if (task.kind === 'pass') await enterPhase(at, {phase: 'passed', detail: null});
    else await rollBack(at);
  }
}

function isInterruption(error: unknown): boolean {
  return error instanceof AbortError && error.exitCode === exitCodes.interrupted;
}

function promotedStages({plan, state}: Pick<Rollout, 'plan' | 'state'>): string[] {
  return stagesToRollBack(plan.plan, state).map(({name}) => name);
}

/** `2 stages (10 percent, everyone)`. */
function listStages(names: readonly string[]): string {
  return `${counted(names.length, 'stage')} (${names.join(', ')})`;
}

/** What the plan says, or else the answer on the terminal: a promoted stage that is not watched any more may do harm. */
async function wantsRollback(rollout: Rollout): Promise<boolean> {
  const {ports, plan, flags} = rollout;
  const {on_interrupt} = plan.plan;
  const names = promotedStages(rollout);
  if (names.length === 0 || on_interrupt === 'leave') return false;
  if (on_interrupt === 'roll back') return true;
  if (ports.askInterrupted === undefined || flags.json) return false;
  const typed = await ports.askInterrupted(
    sanitise(`Interrupted. Type yes to roll back ${listStages(names)}; Enter leaves them, to resume later: `),
  );
  return typed?.trim() === 'yes';
}

/** The stage that was promoted last fails; what is promoted is rolled back next. */
async function fail(rollout: Rollout, detail: string): Promise<void> {
  const {plan, state} = rollout;
  const index = Math.max(
    0,
    state.stages.findLastIndex(({is_promoted}) => is_promoted),
  );
  const stage = plan.plan.stages[index];
  if (stage !== undefined) await enterPhase({...rollout, stage, index}, {phase: 'failed', detail});
}

/** Prints the state of the last rollout of a plan. Exit 0. */
export async function showRollout(
  {journal, output}: Pick<RolloutPorts, 'journal' | 'output'>,
  plan: PlanFile,
  flags: {json: boolean},
): Promise<ExitCode> {
  const state = lastRollout(await journal.read(), plan.hash);
  const edited = await openBeforeEdit({journal}, plan);
  if (edited !== null) {
    const {message, hint} = editedWhileOpen(edited);
    printMessage(output, `${message}. ${hint}`);
  }
  output.stdout(flags.json ? jsonText(rolloutDocument(plan, state), 2) : rolloutText(plan, state));
  return exitCodes.ok;
}

async function openRollout(ports: RolloutPorts, plan: PlanFile, flags: RolloutFlags): Promise<Rollout> {
  const last = lastRollout(await ports.journal.read(), plan.hash);
  const edited = await openBeforeEdit(ports, plan);
  if (edited !== null) throw editedWhileOpen(edited);
  const isOpen = last !== null && last.ended === null;
  const state = isOpen ? last : newRollout(ports.identity.run, plan.plan.stages.length);
  const rollout = {ports, plan, flags, state};
  await requireConsent(rollout);
  if (isOpen) printMessage(ports.output, `resuming rollout ${state.run}`);
  else {
    const {name, stages} = plan.plan;
    const names = stages.map(stage => stage.name);
    await journalEvent(rollout, stages[0], {
      event: 'rollout',
      name,
      plan: plan.hash,
      file: plan.file,
      stages: names,
    });
    printMessage(ports.output, `rollout ${state.run} of ${name}: ${names.join(' -> ')}`);
  }
  return rollout;
}

async function end(rollout: Rollout): Promise<ExitCode> {
  const {ports, plan, state, flags} = rollout;
  const isIncomplete = state.stages.some(({phase}) => phase === 'not rolled back');
  const failed = state.failed === null ? null : plan.plan.stages[state.failed];
  const status = failed === null ? 'done' : isIncomplete ? 'failed' : 'stopped';
  const reason = failed
    ? `stage ${failed.name} failed${state.reason === null ? '' : `: ${state.reason}`}`
    : null;
  await journalEvent(rollout, plan.plan.stages[0], {event: 'end', status, reason, after: {}});
  state.ended = status;
  ports.output.stdout(flags.json ? jsonText(rolloutDocument(plan, state), 2) : rolloutText(plan, state));
  if (failed === null) return exitCodes.ok;
  return state.is_command_failure || isIncomplete ? exitCodes.actFailed : exitCodes.findings;
}

/** Throws AbortError (exit 2) if `--approve-stage` names a stage that the plan does not have. */
function requireKnownStages({stages}: RolloutPlan, approved: readonly string[]): void {
  const unknown = approved.find(name => !stages.some(stage => stage.name === name));
  if (unknown === undefined) return;
  throw usageError(
    `unknown stage "${unknown}" for --approve-stage`,
    `The stages of the plan are ${stages.map(({name}) => name).join(', ')}.`,
  );
}

/**
 * Asks once, before anything is executed, for consent to the stages that run commands without `approval`. Throws
 * AbortError: exit 2 without a terminal, 130 if the answer is no.
 */
async function requireConsent({ports, plan, flags, state}: Rollout): Promise<void> {
  const names = plan.plan.stages
    .filter((stage, at) => promotesWithoutApproval(stage) && !state.stages[at]?.is_promoted)
    .map(({name}) => name)
    .filter(name => !flags.approved.includes(name));
  if (flags.yes || names.length === 0) return;
  const which = listStages(names);
  if (ports.ask === undefined || flags.json) {
    throw usageError(
      `no consent to run the commands of ${which}, and no terminal to ask for confirmation`,
      'See the plan with --dry-run, then add --yes, --approve-stage NAME for each, or approval: true in the plan.',
    );
  }
  ports.output.stderr(rolloutPlanText(plan));
  const typed = await ports.ask(sanitise(`Type yes to run the commands of ${which}: `));
  if (typed?.trim() !== 'yes') throw interrupted('not confirmed, nothing was executed');
}

/** Approves a stage with `approval: true`, by a flag or on the terminal. Throws AbortError as `requireConsent`. */
async function approve(at: StageInRollout): Promise<void> {
  const {ports, stage, flags} = at;
  if (flags.yes || flags.approved.includes(stage.name)) {
    return enterPhase(at, {phase: 'approved', detail: flags.yes ? 'by --yes' : 'by --approve-stage'});
  }
  await runHook(at, at.plan.plan.on_approval, 'waits for approval');
  if (ports.ask === undefined || flags.json) {
    throw usageError(
      `stage "${stage.name}" needs approval, and there is no terminal to ask for it`,
      `To resume, run the same command with --approve-stage "${stage.name}".`,
    );
  }
  const typed = await ports.ask(`Type ${sanitise(stage.name)} to approve this stage: `);
  if (typed?.trim() !== stage.name) throw interrupted('not approved, nothing of this stage was executed');
  await enterPhase(at, {phase: 'approved', detail: 'on the terminal'});
}

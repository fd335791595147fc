import {printMessage} from '../../cli/context.ts';
import {exitCodes} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import type {ExitCode} from '../../model/run.ts';
import {lastRollout, newRollout, nextTask} from '../../rollout/state.ts';
import {approve, requireConsent, requireKnownStages} from './consent.ts';
import {rolloutDocument, rolloutPlanText, rolloutText} from './render-text.ts';
import {
  enterPhase,
  interrupted,
  journalEvent,
  type PlanFile,
  type Rollout,
  type RolloutFlags,
  type RolloutPorts,
} from './rollout.ts';
import {promote, rollBack, watch} from './stages.ts';

/**
 * Runs a staged rollout, or resumes the one that was interrupted. Exit 0 when every stage passed, 1 when one failed and
 * all were rolled back, 7 when a command failed. Throws AbortError: exit 2 without an approval, 130 when interrupted.
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
  for (;;) {
    const {state} = rollout;
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

/** Prints where the last rollout of a plan is. Exit 0. */
export async function showRollout(
  {journal, output}: Pick<RolloutPorts, 'journal' | 'output'>,
  plan: PlanFile,
  flags: {json: boolean},
): Promise<ExitCode> {
  const state = lastRollout(await journal.read(), plan.hash, plan.plan.stages.length);
  output.stdout(flags.json ? jsonText(rolloutDocument(plan, state), 2) : rolloutText(plan, state));
  return exitCodes.ok;
}

async function openRollout(ports: RolloutPorts, plan: PlanFile, flags: RolloutFlags): Promise<Rollout> {
  const last = lastRollout(await ports.journal.read(), plan.hash, plan.plan.stages.length);
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
  const isLeft = state.stages.some(({phase}) => phase === 'not rolled back');
  const failed = state.failed === null ? null : plan.plan.stages[state.failed];
  const status = failed === null ? 'done' : isLeft ? 'failed' : 'stopped';
  const reason = failed ? `stage ${failed.name} failed` : null;
  await journalEvent(rollout, plan.plan.stages[0], {event: 'end', status, reason, after: {}});
  state.ended = status;
  ports.output.stdout(flags.json ? jsonText(rolloutDocument(plan, state), 2) : rolloutText(plan, state));
  if (failed === null) return exitCodes.ok;
  return state.is_command_failure || isLeft ? exitCodes.actFailed : exitCodes.findings;
}

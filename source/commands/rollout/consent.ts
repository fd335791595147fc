import {usageError} from '../../core/errors.ts';
import {counted} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {promotesWithoutApproval, type RolloutPlan} from '../../rollout/state.ts';
import {rolloutPlanText} from './render-text.ts';
import {enterPhase, interrupted, type Rollout, type StageInRollout} from './rollout.ts';

/** Throws AbortError (exit 2) where `--approve-stage` names a stage that the plan does not have. */
export function requireKnownStages({stages}: RolloutPlan, approved: readonly string[]): void {
  const unknown = approved.find(name => !stages.some(stage => stage.name === name));
  if (unknown === undefined) return;
  throw usageError(
    `unknown stage "${unknown}" for --approve-stage`,
    `The stages of the plan are ${stages.map(({name}) => name).join(', ')}.`,
  );
}

/**
 * A stage with a command but without `approval` is promoted without a question, so its consent is needed once, before
 * anything is executed. Throws AbortError: exit 2 without a terminal, 130 where the answer is no.
 */
export async function requireConsent({ports, plan, flags, state}: Rollout): Promise<void> {
  const names = plan.plan.stages
    .filter((stage, at) => promotesWithoutApproval(stage) && !state.stages[at]?.is_promoted)
    .map(({name}) => name)
    .filter(name => !flags.approved.includes(name));
  if (flags.yes || names.length === 0) return;
  const which = `${counted(names.length, 'stage')} (${names.join(', ')})`;
  if (ports.ask === undefined || flags.json) {
    throw usageError(
      `${which} would run commands without a question, and there is no terminal to ask for confirmation`,
      'See the plan with --dry-run, then add --yes, --approve-stage NAME for each, or approval: true in the plan.',
    );
  }
  ports.output.stderr(rolloutPlanText(plan));
  const typed = await ports.ask(
    sanitise(`Type yes to run the commands of ${which} without another question: `),
  );
  if (typed?.trim() !== 'yes') throw interrupted('not confirmed, nothing was executed');
}

/** Approval of a stage with `approval: true`, by a flag or on the terminal. Throws AbortError as `requireConsent`. */
export async function approve(at: StageInRollout): Promise<void> {
  const {ports, stage, flags} = at;
  if (flags.yes || flags.approved.includes(stage.name)) {
    return enterPhase(at, {phase: 'approved', detail: flags.yes ? 'by --yes' : 'by --approve-stage'});
  }
  if (ports.ask === undefined || flags.json) {
    throw usageError(
      `stage "${stage.name}" waits for approval, and there is no terminal to ask for confirmation`,
      `The same call with --approve-stage "${stage.name}" resumes the rollout.`,
    );
  }
  const typed = await ports.ask(`Type ${sanitise(stage.name)} to approve this stage: `);
  if (typed?.trim() !== stage.name) throw interrupted('not approved, nothing of this stage was executed');
  await enterPhase(at, {phase: 'approved', detail: 'on the terminal'});
}

import type {Output} from '../../cli/context.ts';
import {aligned} from '../../cli/health/health-text.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {utcClock} from '../../core/text/clock.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Journal} from '../../model/ports.ts';
import type {ExitCode} from '../../model/run.ts';
import type {RolloutStage} from '../../rollout/plan.ts';
import {type RecordedRollout, type RolloutState, rolloutsIn} from '../../rollout/state.ts';
import type {PlanFile} from './stages.ts';

type JournalPort = {journal: Pick<Journal, 'read'>};

/** `poolctl rollout list`: every rollout of the journal, the newest first. Exit 0. */
export async function listRollouts(
  {journal, output}: JournalPort & {output: Output},
  flags: {json: boolean},
): Promise<ExitCode> {
  const rollouts = rolloutsIn(await journal.read()).reverse();
  const documents = rollouts.map(({run, at, name, file, plan, stages, state}) => ({
    ...{run, at, name, file, plan, status: statusOf(state), reason: state.reason},
    stages: stages.map((stage, index) => ({name: stage, phase: state.stages[index]?.phase ?? null})),
  }));
  const rows = documents.map(({run, at, name, status, reason, file}) => [
    ...[run, utcClock(at), name, status, file],
    reason ?? '',
  ]);
  const text = rows.length === 0 ? 'no rollouts' : aligned(rows).map(sanitise).join('\n');
  output.stdout(flags.json ? jsonText({schema_version: 1, rollouts: documents}, 2) : text);
  return exitCodes.ok;
}

const statuses = {
  done: 'done',
  stopped: 'failed, rolled back',
  failed: 'failed, not rolled back in full',
  interrupted: 'interrupted',
} as const;

export function statusOf({ended}: RolloutState): (typeof statuses)[keyof typeof statuses] | 'running' {
  return ended === null ? 'running' : statuses[ended];
}

/** The open rollout of the same file and name from before the plan was edited; null if there is none. */
export async function openBeforeEdit(
  {journal}: JournalPort,
  {file, plan, hash}: PlanFile,
): Promise<RecordedRollout | null> {
  const rollouts = rolloutsIn(await journal.read());
  const isOpen = (each: RecordedRollout) =>
    each.state.ended === null && each.plan !== hash && each.file === file && each.name === plan.name;
  return rollouts.findLast(isOpen) ?? null;
}

/** Throws AbortError (exit 6): the stages would be promoted a second time beside it. */
export function editedWhileOpen({run, name}: RecordedRollout): AbortError {
  return new AbortError(`the plan has changed since rollout ${run} of ${name}, which has not ended`, {
    hint: "Restore the plan to resume it, or roll it back with 'poolctl rollout abort PLAN'.",
    exitCode: exitCodes.drift,
  });
}

/**
 * The rollout that `abort` or `retry` is about, and its stages with the commands that the plan has now. Throws AbortError: exit 2
 * without such a rollout, 6 if the plan lacks a stage to roll back.
 */
export async function rolloutToRollBack(
  {journal}: JournalPort,
  planned: PlanFile,
  verb: 'abort' | 'retry',
): Promise<{plan: PlanFile; state: RolloutState}> {
  const {file, plan, hash} = planned;
  const own = rolloutsIn(await journal.read()).filter(
    each => each.plan === hash || (each.file === file && each.name === plan.name),
  );
  const isMeant = ({state: {ended, stages}}: RecordedRollout) =>
    verb === 'abort'
      ? ended === null
      : ended !== null && stages.some(({phase}) => phase === 'not rolled back');
  const rollout = own.findLast(isMeant);
  if (rollout === undefined) {
    throw usageError(
      verb === 'abort'
        ? 'no rollout of this plan is open'
        : 'no rollout of this plan has a stage that was not rolled back',
      "'poolctl rollout list' shows all rollouts.",
    );
  }
  const {state} = rollout;
  if (verb === 'retry')
    for (const stage of state.stages) if (stage.phase === 'not rolled back') stage.is_promoted = true;
  const stages = rollout.stages.map((name, index): RolloutStage => {
    const stage = plan.stages.find(each => each.name === name);
    if (stage !== undefined) return stage;
    const [first] = plan.stages;
    // A stage that has not been promoted needs no command.
    if (first !== undefined && !state.stages[index]?.is_promoted) return {...first, name, promote: null};
    throw new AbortError(`the plan has no stage "${name}", which has to be rolled back`, {
      hint: 'Add the stage with its rollback command.',
      exitCode: exitCodes.drift,
    });
  });
  return {plan: {file, hash: rollout.plan, plan: {...plan, stages}}, state};
}

import type {JournalEntry, ProcessIdentity, StageEvent, StagePhase} from '../model/journal-entry.ts';
import type {Finding} from '../model/recipe.ts';
import type {ServerIdentity} from '../model/target.ts';
import type {RolloutPlan} from './plan.ts';

type StageState = {
  /** null: not started. */
  phase: StagePhase | null;
  is_approved: boolean;
  /** Its promote command has started and may have completed in part. */
  is_promoted: boolean;
  is_passed: boolean;
  /** Time watched before an interruption. */
  seen_ms: number;
  /** Findings from before the promotion, which do not count against it. */
  known: readonly string[];
  detail: string | null;
  /** The process of the last command. */
  process: ProcessIdentity | null;
  /** The server before the promotion; null if it was not read, or not recorded by an earlier version of poolctl. */
  server: ServerIdentity | null;
};

export type RolloutState = {
  run: string;
  stages: StageState[];
  /** Index of the stage that failed; the rollout rolls back from there. */
  failed: number | null;
  /** Why that stage failed. */
  reason: string | null;
  /** A command failed, not the server's health. */
  is_command_failure: boolean;
  /** null: it has not ended. */
  ended: 'done' | 'stopped' | 'failed' | 'interrupted' | null;
};

/** A rollout as the journal has it. */
export type RecordedRollout = {
  run: string;
  at: string;
  name: string;
  file: string;
  plan: string;
  /** Names of its stages. */
  stages: readonly string[];
  state: RolloutState;
};

/** Every rollout of a journal, the oldest first. */
export function rolloutsIn(entries: readonly JournalEntry[]): RecordedRollout[] {
  const rollouts = new Map<string, RecordedRollout>();
  for (const entry of entries) {
    const {run} = entry;
    if (entry.event === 'rollout') {
      const {at, name, file, plan, stages} = entry;
      rollouts.set(run, {run, at, name, file, plan, stages, state: newRollout(run, stages.length)});
    }
    const state = rollouts.get(run)?.state;
    if (state === undefined) continue;
    if (entry.event === 'stage') {
      // A rollback is tried again after the end.
      state.ended = null;
      applyStageEvent(state, entry);
    }
    if (entry.event === 'end') state.ended = entry.status;
  }
  return [...rollouts.values()];
}

/** The last rollout of the plan with this hash; null if there is none. */
export function lastRollout(entries: readonly JournalEntry[], plan_hash: string): RolloutState | null {
  return rolloutsIn(entries).findLast(({plan}) => plan === plan_hash)?.state ?? null;
}

export function newRollout(run: string, stage_count: number): RolloutState {
  const stages = Array.from({length: stage_count}, () => ({
    phase: null,
    is_approved: false,
    is_promoted: false,
    is_passed: false,
    seen_ms: 0,
    known: [],
    detail: null,
    process: null,
    server: null,
  }));
  return {run, stages, failed: null, reason: null, is_command_failure: false, ended: null};
}

/** Identifies a finding regardless of its numbers. */
export function findingKey({recipe, subject}: Pick<Finding, 'recipe' | 'subject'>): string {
  return `${recipe} ${subject}`;
}

/** Updates the state in place. */
export function applyStageEvent(
  state: RolloutState,
  {stage: index, phase, detail, seen_ms, known, process, server}: StageEvent,
): void {
  const stage = state.stages[index];
  if (stage === undefined) return;
  if (phase === 'failed') {
    state.failed = index;
    state.reason = detail;
    state.is_command_failure = stage.phase === 'promoting';
  }
  stage.phase = phase;
  stage.detail = detail;
  stage.seen_ms = seen_ms ?? stage.seen_ms;
  stage.known = known ?? stage.known;
  stage.process = process ?? null;
  stage.server = server ?? stage.server;
  if (phase === 'approved') stage.is_approved = true;
  // A rollback that failed can be tried again.
  if (phase === 'promoting' || phase === 'promoted' || phase === 'rolling back') stage.is_promoted = true;
  if (phase === 'passed') stage.is_passed = true;
  if (phase === 'rolled back' || phase === 'not rolled back') stage.is_promoted = false;
}

export type RolloutTask =
  | {kind: 'approve' | 'promote' | 'watch' | 'pass' | 'roll back'; stage: number}
  | {kind: 'end'; is_failed: boolean};

/**
 * The next task: stages in order; once one has failed, the promoted stages are rolled back in reverse order, the failed
 * one first. A command that was running when the run was interrupted is started again, since it may have completed in
 * part.
 */
export function nextTask({stages}: RolloutPlan, state: RolloutState): RolloutTask {
  if (state.failed !== null) {
    const stage = state.stages.findLastIndex(({is_promoted}) => is_promoted);
    return stage === -1 ? {kind: 'end', is_failed: true} : {kind: 'roll back', stage};
  }
  const stage = state.stages.findIndex(({is_passed}) => !is_passed);
  const [plan, current] = [stages[stage], state.stages[stage]];
  if (plan === undefined || current === undefined) return {kind: 'end', is_failed: false};
  if (current.phase === 'promoted' || current.phase === 'watching') {
    return {kind: plan.watch === null ? 'pass' : 'watch', stage};
  }
  return {kind: plan.approval && !current.is_approved ? 'approve' : 'promote', stage};
}

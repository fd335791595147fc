import type {GivenLimits} from '../core/health/health.ts';
import type {Finding} from '../model/finding.ts';
import type {JournalEntry, ProcessIdentity, StageEvent, StagePhase} from '../model/journal-entry.ts';
import type {ServerIdentity} from '../model/target.ts';

/** A staged rollout, as its file says it. */
export type RolloutPlan = {
  name: string;
  stages: RolloutStage[];
};

export type RolloutStage = {
  name: string;
  /** A target of config.toml; null: the server of the call. */
  target: string | null;
  /** Shell commands; null where there is nothing to do, and the stage only watches. */
  promote: string | null;
  /** null: nothing takes it back, and the plan says so. */
  rollback: string | null;
  /** How long a command may take. */
  command_timeout_ms: number;
  /** Somebody has to say yes before it is promoted. */
  approval: boolean;
  watch: {for_ms: number; every_ms: number; sustain_ms: number} | null;
  /** In place of the target's own. */
  limits: GivenLimits;
  /** A snapshot or a recording to compare with. */
  baseline: string | null;
  /** PgBouncer's admin console, for clients that wait; null: that of the call, if any. */
  pooler: string | null;
};

/** Whether its command runs as soon as the stage before it has passed, without a question. */
export function actsUnasked({promote, approval}: RolloutStage): boolean {
  return promote !== null && !approval;
}

type StageState = {
  /** null: not begun. */
  phase: StagePhase | null;
  is_approved: boolean;
  /** It was promoted, or its command was begun: nobody knows how far it came. */
  is_touched: boolean;
  is_passed: boolean;
  /** Of its watch, before an interruption. */
  seen_ms: number;
  /** What was found before it was promoted: none of its doing. */
  known: readonly string[];
  detail: string | null;
  /** Of the command that was begun last. */
  process: ProcessIdentity | null;
  /** The one that was looked at before it was promoted; null where none was, or an older poolctl did not say. */
  server: ServerIdentity | null;
};

export type RolloutState = {
  run: string;
  stages: StageState[];
  /** The stage that failed: from here on it goes back. */
  failed: number | null;
  /** What failed was a command, not the server's health. */
  is_command_failure: boolean;
  /** null: it is not over. */
  ended: 'done' | 'stopped' | 'failed' | 'interrupted' | null;
};

/** The last rollout of this very plan; null where there was none. */
export function lastRollout(
  entries: readonly JournalEntry[],
  plan_hash: string,
  stage_count: number,
): RolloutState | null {
  const start = entries.findLast(entry => entry.event === 'rollout' && entry.plan === plan_hash);
  if (start === undefined) return null;
  const state = newRollout(start.run, stage_count);
  for (const entry of entries) {
    if (entry.run !== start.run) continue;
    if (entry.event === 'stage') takeStage(state, entry);
    if (entry.event === 'end') state.ended = entry.status;
  }
  return state;
}

export function newRollout(run: string, stage_count: number): RolloutState {
  const stages = Array.from({length: stage_count}, () => ({
    phase: null,
    is_approved: false,
    is_touched: false,
    is_passed: false,
    seen_ms: 0,
    known: [],
    detail: null,
    process: null,
    server: null,
  }));
  return {run, stages, failed: null, is_command_failure: false, ended: null};
}

/** A finding, whatever its figures are by now. */
export function findingKey({recipe, subject}: Pick<Finding, 'recipe' | 'subject'>): string {
  return `${recipe} ${subject}`;
}

/** What one event makes of the state, in place. */
export function takeStage(
  state: RolloutState,
  {stage: index, phase, detail, seen_ms, known, process, server}: StageEvent,
): void {
  const stage = state.stages[index];
  if (stage === undefined) return;
  if (phase === 'failed') {
    state.failed = index;
    state.is_command_failure = stage.phase === 'promoting';
  }
  stage.phase = phase;
  stage.detail = detail;
  stage.seen_ms = seen_ms ?? stage.seen_ms;
  stage.known = known ?? stage.known;
  stage.process = process ?? null;
  stage.server = server ?? stage.server;
  if (phase === 'approved') stage.is_approved = true;
  if (phase === 'promoting' || phase === 'promoted') stage.is_touched = true;
  if (phase === 'passed') stage.is_passed = true;
  if (phase === 'rolled back' || phase === 'not rolled back') stage.is_touched = false;
}

/** The next thing to do. */
export type RolloutTask =
  | {kind: 'approve' | 'promote' | 'watch' | 'pass' | 'roll back'; stage: number}
  | {kind: 'end'; is_failed: boolean};

/**
 * Stages in their order; once one has failed, those that were promoted back in the opposite order, the failed one
 * first. A command that was under way when the run ended is begun again once it is over: nobody knows how far it came.
 */
export function nextTask({stages}: RolloutPlan, state: RolloutState): RolloutTask {
  if (state.failed !== null) {
    const stage = state.stages.findLastIndex(({is_touched}) => is_touched);
    return stage === -1 ? {kind: 'end', is_failed: true} : {kind: 'roll back', stage};
  }
  const stage = state.stages.findIndex(({is_passed}) => !is_passed);
  const [plan, now] = [stages[stage], state.stages[stage]];
  if (plan === undefined || now === undefined) return {kind: 'end', is_failed: false};
  if (now.phase === 'promoted' || now.phase === 'watching') {
    return {kind: plan.watch === null ? 'pass' : 'watch', stage};
  }
  return {kind: plan.approval && !now.is_approved ? 'approve' : 'promote', stage};
}

import {type Fields, type Report, readFields} from '../config/fields.ts';
import {readYaml} from '../config/yaml.ts';
import type {GivenLimits} from '../core/health/health.ts';
import {intervalFor, watchDefaults} from '../core/health/thresholds.ts';
import type {JournalEntry, ProcessIdentity, StageEvent, StagePhase} from '../model/journal-entry.ts';
import type {Finding} from '../model/recipe.ts';
import type {ServerIdentity} from '../model/target.ts';

/** A staged rollout, as its file describes it. */
export type RolloutPlan = {
  name: string;
  stages: RolloutStage[];
  /** After Ctrl-C; if absent, poolctl asks on a terminal, and leaves the stages as they are elsewhere. */
  on_interrupt?: 'roll back' | 'leave';
  /** Shell commands; the reason is in POOLCTL_REASON. Absent from older plans, whose hash must not change. */
  on_failure?: string;
  on_approval?: string;
};

export type RolloutStage = {
  name: string;
  /** A target of config.toml; null: the server of the call. */
  target: string | null;
  /** A shell command; null: the stage only watches. */
  promote: string | null;
  /** A shell command; null: the plan says that nothing reverses the promotion. */
  rollback: string | null;
  /** Time limit of each command. */
  command_timeout_ms: number;
  /** The promotion waits for approval. */
  approval: boolean;
  watch: {for_ms: number; every_ms: number; sustain_ms: number} | null;
  /** Override the target's limits. */
  limits: GivenLimits;
  /** A file to compare with: a snapshot or a recording. */
  baseline: string | null;
  /** URL of PgBouncer's admin console, for waiting clients; null: the one of the call, if any. */
  pooler: string | null;
};

export type PlanProblem = {line: number; message: string};

const planKeys = [
  'name',
  'every',
  'sustain',
  'thresholds',
  'command_timeout',
  'pooler',
  'on_interrupt',
  'on_failure',
  'on_approval',
  'stages',
];
const stageKeys = [
  'name',
  'target',
  'promote',
  'rollback',
  'command_timeout',
  'approval',
  'watch',
  'every',
  'sustain',
  'thresholds',
  'baseline',
  'pooler',
];

const hourMs = 3_600_000;
const ranges = {
  watch: {min: 1000, max: 720 * hourMs},
  every: {min: 500, max: 60_000},
  sustain: {min: 0, max: 24 * hourMs},
  command_timeout: {min: 1000, max: 24 * hourMs},
};

/** Parses a rollout plan and reports every mistake with its line. Do not run a plan that has problems. */
export function readPlan(text: string): {plan: RolloutPlan; problems: PlanProblem[]} {
  const problems: PlanProblem[] = [];
  const report: Report = (line, message) => void problems.push({line, message});
  const document = readYaml(text, report);
  if (document === null) return {plan: {name: '', stages: []}, problems};
  const root = readFields(document, planKeys, report);
  const name = root.requiredText('name');
  const items = root.items('stages');
  if (items.length === 0) report(root.lineOf('stages'), 'stages must be a list with at least one stage');
  const defaults = readDefaults(root);
  const stages: RolloutStage[] = [];
  for (const item of items) {
    const stage = readStage(readFields(item, stageKeys, report), defaults, report);
    if (stage.name !== '' && stages.some(each => each.name === stage.name))
      report(item.line, `duplicate stage "${stage.name}"`);
    stages.push(stage);
  }
  const on_interrupt = root.choice('on_interrupt', ['roll back', 'leave']);
  const [on_failure, on_approval] = [root.text('on_failure'), root.text('on_approval')];
  problems.sort((a, b) => a.line - b.line);
  const plan = {
    name,
    stages,
    ...(on_interrupt !== null && {on_interrupt}),
    ...(on_failure !== null && {on_failure}),
    ...(on_approval !== null && {on_approval}),
  };
  return {plan, problems};
}

/** For every stage that does not set its own. */
type Defaults = {
  /** null: chosen by the time of the watch. */
  every_ms: number | null;
  sustain_ms: number;
  command_timeout_ms: number;
  limits: GivenLimits;
  pooler: string | null;
};

function readDefaults(root: Fields): Defaults {
  return {
    every_ms: root.duration_ms('every', ranges.every),
    sustain_ms: root.duration_ms('sustain', ranges.sustain) ?? watchDefaults.sustain_ms,
    command_timeout_ms: root.duration_ms('command_timeout', ranges.command_timeout) ?? 600_000,
    limits: root.limits('thresholds'),
    pooler: root.text('pooler'),
  };
}

function readStage(fields: Fields, defaults: Defaults, report: Report): RolloutStage {
  const promote = fields.text('promote');
  const rollback = fields.text('rollback');
  const for_ms = fields.duration_ms('watch', ranges.watch);
  const name = fields.requiredText('name');
  if (promote !== null && rollback === null)
    report(
      fields.line,
      `stage "${name}" has promote but no rollback: set rollback: COMMAND, or rollback: none`,
    );
  if (promote === null && !fields.has('watch')) report(fields.line, `stage "${name}" needs promote or watch`);
  const given_ms = fields.duration_ms('every', ranges.every) ?? defaults.every_ms;
  const every_ms = given_ms ?? intervalFor(for_ms ?? ranges.watch.max);
  if (for_ms !== null && for_ms <= every_ms)
    report(fields.lineOf('watch'), `stage "${name}" must watch for longer than every`);
  const sustain_ms = fields.duration_ms('sustain', ranges.sustain) ?? defaults.sustain_ms;
  return {
    name,
    target: fields.text('target'),
    promote,
    rollback: rollback === 'none' ? null : rollback,
    command_timeout_ms:
      fields.duration_ms('command_timeout', ranges.command_timeout) ?? defaults.command_timeout_ms,
    approval: fields.boolean('approval'),
    watch: for_ms === null ? null : {for_ms, every_ms, sustain_ms},
    limits: {...defaults.limits, ...fields.limits('thresholds')},
    baseline: fields.text('baseline'),
    pooler: fields.text('pooler') ?? defaults.pooler,
  };
}

/** Whether its command runs as soon as the stage before it has passed. */
export function promotesWithoutApproval({promote, approval}: RolloutStage): boolean {
  return promote !== null && !approval;
}

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

import {type Fields, type Report, readFields} from '../config/fields.ts';
import {readYaml} from '../config/yaml.ts';
import type {ApplicationCheck} from '../core/health/applications.ts';
import type {GivenLimits} from '../core/health/health.ts';
import {intervalFor, watchDefaults} from '../core/health/thresholds.ts';

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
  /** Absent from older plans, whose hash must not change. */
  applications?: ApplicationCheck[];
  /** A migration that must be safe before the promotion, and how long to wait for that. Absent from older plans. */
  preflight?: {path: string; wait_ms: number};
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
  'applications',
  'preflight',
  'preflight_wait',
  'baseline',
  'pooler',
];

const hourMs = 3_600_000;
const ranges = {
  watch: {min: 1000, max: 720 * hourMs},
  every: {min: 500, max: 60_000},
  sustain: {min: 0, max: 24 * hourMs},
  command_timeout: {min: 1000, max: 24 * hourMs},
  preflight_wait: {min: 0, max: 24 * hourMs},
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
  const applications = fields.applications('applications');
  const migration = fields.text('preflight');
  const wait_ms = fields.duration_ms('preflight_wait', ranges.preflight_wait);
  if (migration !== null && promote === null)
    report(fields.lineOf('preflight'), `stage "${name}" has preflight but no promote`);
  if (migration === null && wait_ms !== null)
    report(fields.lineOf('preflight_wait'), `stage "${name}" has preflight_wait but no preflight`);
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
    ...(applications.length > 0 && {applications}),
    ...(migration !== null && {preflight: {path: migration, wait_ms: wait_ms ?? 0}}),
    baseline: fields.text('baseline'),
    pooler: fields.text('pooler') ?? defaults.pooler,
  };
}

/** Whether its command runs as soon as the stage before it has passed. */
export function promotesWithoutApproval({promote, approval}: RolloutStage): boolean {
  return promote !== null && !approval;
}

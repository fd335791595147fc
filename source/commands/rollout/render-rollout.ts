import {aligned} from '../../cli/health/health-text.ts';
import {formatDuration, formatMetric} from '../../cli/health/reasons.ts';
import type {ApplicationCheck} from '../../core/health/applications.ts';
import type {GivenLimits} from '../../core/health/health.ts';
import {type MetricName, metricOf} from '../../core/health/metrics.ts';
import {revealLines} from '../../core/sql/shown-sql.ts';
import {formatAge} from '../../core/text/format.ts';
import {redactDeep, redactSecrets} from '../../core/text/redact.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {promotesWithoutApproval, type RolloutPlan, type RolloutStage} from '../../rollout/plan.ts';
import type {RolloutState} from '../../rollout/state.ts';
import {statusOf} from './recorded.ts';
import type {PlanFile} from './stages.ts';

/** The stages of a plan with their commands, and what happens on failure. */
export function rolloutPlanText({file, plan, hash}: PlanFile): string {
  return [
    `${plan.name}: ${file}`,
    `plan ${hash}`,
    ...plan.stages.flatMap((stage, index) => ['', ...stageLines(stage, index)]),
    '',
    ...approvalLines(plan.stages),
    'If a stage fails, it and the stages before it are rolled back, the last one first.',
  ]
    .map(sanitise)
    .join('\n');
}

/** What `abort` or `retry` would execute, in its order. */
export function rollbackText({plan}: Pick<PlanFile, 'plan'>, state: RolloutState): string {
  const stages = stagesToRollBack(plan, state);
  const hook = state.failed === null ? plan.on_failure : undefined;
  const lines = stages.flatMap(({name, promote, rollback}, index) => [
    `${index + 1}. ${name}`,
    ...aligned(
      promote === null
        ? [['rollback', 'not needed: nothing was promoted']]
        : commandRows('rollback', rollback ?? 'none: the stage stays promoted'),
    ).map(line => `   ${line}`),
  ]);
  const rows = [...(hook === undefined ? [] : aligned(commandRows('on_failure', hook))), ...lines];
  return [
    `${plan.name}: rollout ${state.run}: ${statusOf(state)}`,
    ...(rows.length === 0 ? ['Nothing to roll back.'] : ['Would execute:', ...rows]),
  ]
    .map(sanitise)
    .join('\n');
}

/** `abort --dry-run --json`: the rollout, and the names of the stages to roll back in their order. */
export function rollbackDocument(plan: PlanFile, state: RolloutState) {
  const rolls_back = stagesToRollBack(plan.plan, state).map(({name}) => name);
  return {...rolloutDocument(plan, state), rolls_back};
}

/** The promoted stages, the last one first. */
export function stagesToRollBack({stages}: RolloutPlan, state: RolloutState): RolloutStage[] {
  return stages.filter((_, at) => state.stages[at]?.is_promoted).reverse();
}

/** Which stages need approval, and which run without asking. */
function approvalLines(stages: readonly RolloutStage[]): string[] {
  const names = (chosen: readonly RolloutStage[]) => chosen.map(({name}) => name).join(', ');
  const asking = stages.filter(({approval}) => approval);
  const unasked = stages.filter(promotesWithoutApproval);
  return [
    ...(asking.length === 0 ? [] : [`Waits for approval before: ${names(asking)}.`]),
    ...(unasked.length === 0
      ? []
      : [`Runs commands without asking: ${names(unasked)}. This requires --yes.`]),
  ];
}

/** The progress of a rollout, stage by stage. */
export function rolloutText({plan}: Pick<PlanFile, 'plan'>, state: RolloutState | null): string {
  const rows = plan.stages.map(({name, watch}, index) => {
    const {phase = null, detail = null, seen_ms = 0} = state?.stages[index] ?? {};
    const isWatching = phase === 'watching' && watch !== null;
    const watched = isWatching ? `${formatAge(seen_ms)} of ${formatAge(watch.for_ms)}` : '';
    return [name, phase ?? 'to do', [watched, detail ?? ''].filter(Boolean).join(', ')];
  });
  const head = state === null ? 'not started' : `rollout ${state.run}: ${statusOf(state)}`;
  const failed = state?.failed == null ? undefined : plan.stages[state.failed];
  const why = failed && state?.reason ? [`${failed.name} failed: ${state.reason}`] : [];
  return [`${plan.name}: ${head}`, ...aligned(rows), ...why].map(sanitise).join('\n');
}

/** The progress of a rollout as JSON. */
export function rolloutDocument({file, plan, hash}: PlanFile, state: RolloutState | null) {
  return {
    schema_version: 1,
    file,
    plan: hash,
    name: plan.name,
    run: state?.run ?? null,
    status: state === null ? 'not started' : statusOf(state),
    reason: state?.reason ?? null,
    stages: plan.stages.map((stage, index) => {
      const {phase = null, detail = null, seen_ms = 0} = state?.stages[index] ?? {};
      return {...redactDeep(stage), acts_unasked: promotesWithoutApproval(stage), phase, detail, seen_ms};
    }),
  };
}

function stageLines(stage: RolloutStage, index: number): string[] {
  const {name, target, promote, rollback, watch, limits, baseline, pooler, approval} = stage;
  const {applications = [], preflight} = stage;
  const times =
    watch &&
    `${formatDuration(watch.for_ms)}, every ${formatDuration(watch.every_ms)}, stops when critical for ${formatDuration(watch.sustain_ms)}`;
  const rows = [
    [
      'approval',
      approval ? 'required' : promotesWithoutApproval(stage) ? 'not required: runs with --yes' : '',
    ],
    ['preflight', preflight === undefined ? '' : preflightRow(preflight)],
    ...commandRows('promote', promote ?? ''),
    ['watch', times ?? ''],
    ['target', watch === null && preflight === undefined ? '' : (target ?? 'the server of this call')],
    ['limits', limitsText(limits)],
    ...applications.map(each => ['application', applicationText(each)]),
    ['baseline', baseline ?? ''],
    ['pooler', watch === null ? '' : redactSecrets(pooler ?? '')],
    ...commandRows('rollback', promote === null ? '' : (rollback ?? 'none')),
  ];
  return [
    `${index + 1}. ${name}`,
    ...aligned(rows.filter(([, text]) => text !== '')).map(line => `   ${line}`),
  ];
}

function preflightRow({path, wait_ms}: NonNullable<RolloutStage['preflight']>): string {
  return `${path} must be safe${wait_ms === 0 ? '' : `, waits up to ${formatDuration(wait_ms)}`}`;
}

/** A row for each line of a command, with passwords masked. */
function commandRows(name: string, command: string): string[][] {
  return revealLines(redactSecrets(command.replace(/\n$/, ''))).map((line, at) => [
    at === 0 ? name : ' ',
    line,
  ]);
}

function applicationText({name, against, limits}: ApplicationCheck): string {
  return [name, against === null ? '' : `against ${against}`, limitsText(limits)].filter(Boolean).join(', ');
}

function limitsText(limits: GivenLimits): string {
  return Object.entries(limits)
    .map(([name, {warning, critical}]) => {
      const metric = name as MetricName;
      const values = [warning, critical].flatMap(each => (each === null ? [] : [formatMetric(metric, each)]));
      return `${metricOf(metric).limit_name} ${values.join(',')}`;
    })
    .join(', ');
}

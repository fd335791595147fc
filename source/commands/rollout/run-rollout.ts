import {printMessage} from '../../cli/context.ts';
import {aligned} from '../../cli/health/health-text.ts';
import {formatDuration, formatMetric} from '../../cli/health/reasons.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import type {GivenLimits} from '../../core/health/health.ts';
import {type MetricName, metricOf} from '../../core/health/metrics.ts';
import {revealLines} from '../../core/sql/shown-sql.ts';
import {counted, formatAge} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {redactDeep, redactSecrets} from '../../core/text/redact.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ExitCode} from '../../model/run.ts';
import type {RolloutPlan, RolloutStage} from '../../rollout/plan.ts';
import {
  lastRollout,
  newRollout,
  nextTask,
  promotesWithoutApproval,
  type RolloutState,
} from '../../rollout/plan.ts';
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

/** Prints the state of the last rollout of a plan. Exit 0. */
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
  const isIncomplete = state.stages.some(({phase}) => phase === 'not rolled back');
  const failed = state.failed === null ? null : plan.plan.stages[state.failed];
  const status = failed === null ? 'done' : isIncomplete ? 'failed' : 'stopped';
  const reason = failed ? `stage ${failed.name} failed` : null;
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
  const which = `${counted(names.length, 'stage')} (${names.join(', ')})`;
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

/** The stages of a plan with their commands, and what happens on failure. */
function rolloutPlanText({file, plan, hash}: PlanFile): string {
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
function rolloutText({plan}: PlanFile, state: RolloutState | null): string {
  const rows = plan.stages.map(({name, watch}, index) => {
    const {phase = null, detail = null, seen_ms = 0} = state?.stages[index] ?? {};
    const isWatching = phase === 'watching' && watch !== null;
    const watched = isWatching ? `${formatAge(seen_ms)} of ${formatAge(watch.for_ms)}` : '';
    return [name, phase ?? 'to do', [watched, detail ?? ''].filter(Boolean).join(', ')];
  });
  const head = state === null ? 'not started' : `rollout ${state.run}: ${statusOf(state)}`;
  return [`${plan.name}: ${head}`, ...aligned(rows)].map(sanitise).join('\n');
}

/** The progress of a rollout as JSON. */
function rolloutDocument({file, plan, hash}: PlanFile, state: RolloutState | null): object {
  return {
    schema_version: 1,
    file,
    plan: hash,
    name: plan.name,
    run: state?.run ?? null,
    status: state === null ? 'not started' : statusOf(state),
    stages: plan.stages.map((stage, index) => {
      const {phase = null, detail = null, seen_ms = 0} = state?.stages[index] ?? {};
      return {...redactDeep(stage), acts_unasked: promotesWithoutApproval(stage), phase, detail, seen_ms};
    }),
  };
}

const statuses = {
  done: 'done',
  stopped: 'failed, rolled back',
  failed: 'failed, not rolled back in full',
  interrupted: 'interrupted',
} as const;

function statusOf({ended}: RolloutState): string {
  return ended === null ? 'running' : statuses[ended];
}

function stageLines(stage: RolloutStage, index: number): string[] {
  const {name, target, promote, rollback, watch, limits, baseline, pooler, approval} = stage;
  const times =
    watch &&
    `${formatDuration(watch.for_ms)}, every ${formatDuration(watch.every_ms)}, stops when critical for ${formatDuration(watch.sustain_ms)}`;
  const rows = [
    [
      'approval',
      approval ? 'required' : promotesWithoutApproval(stage) ? 'not required: runs with --yes' : '',
    ],
    ...commandRows('promote', promote ?? ''),
    ['watch', times ?? ''],
    ['target', watch === null ? '' : (target ?? 'the server of this call')],
    ['limits', limitsText(limits)],
    ['baseline', baseline ?? ''],
    ['pooler', watch === null ? '' : redactSecrets(pooler ?? '')],
    ...commandRows('rollback', promote === null ? '' : (rollback ?? 'none')),
  ];
  return [
    `${index + 1}. ${name}`,
    ...aligned(rows.filter(([, text]) => text !== '')).map(line => `   ${line}`),
  ];
}

/** A row for each line of a command, with passwords masked. */
function commandRows(name: string, command: string): string[][] {
  return revealLines(redactSecrets(command.replace(/\n$/, ''))).map((line, at) => [
    at === 0 ? name : ' ',
    line,
  ]);
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

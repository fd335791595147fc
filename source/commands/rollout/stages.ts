import {type Output, type Prompt, printMessage} from '../../cli/context.ts';
import {healthText} from '../../cli/health/health-text.ts';
import {applicationReasons, formatMetric, type HealthReport, worseLines} from '../../cli/health/reasons.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import type {ApplicationHealth} from '../../core/health/applications.ts';
import {metricNames, metricOf} from '../../core/health/metrics.ts';
import type {WatchedHealth} from '../../core/health/watching.ts';
import {compareServers, serverDifference} from '../../core/server/server-identity.ts';
import {counted, formatAge} from '../../core/text/format.ts';
import type {JournalEvent, ProcessIdentity, StageEvent} from '../../model/journal-entry.ts';
import type {Journal} from '../../model/ports.ts';
import type {Preflight} from '../../model/preflight.ts';
import type {Finding} from '../../model/recipe.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {RolloutPlan, RolloutStage} from '../../rollout/plan.ts';
import type {CommandResult} from '../../rollout/run-command.ts';
import {applyStageEvent, findingKey, type RolloutState} from '../../rollout/state.ts';

export type RolloutPorts = {
  journal: Pick<Journal, 'append' | 'read'>;
  /** Runs a command of the plan and waits for its end. */
  runCommand(
    stage: RolloutStage,
    command: string,
    onStarted: (process: ProcessIdentity) => void,
    reason?: string,
  ): Promise<CommandResult>;
  /** Whether a command of an interrupted rollout is still running. */
  isRunning(process: ProcessIdentity): boolean;
  /** Judges the migration of a stage, and waits until it is safe as long as the plan says. Throws AbortError if that fails. */
  judgeMigration(stage: RolloutStage): Promise<Preflight>;
  /** Reads the findings before a stage is promoted, and the server's identity. Throws AbortError if it fails. */
  diagnose(stage: RolloutStage): Promise<{findings: Finding[]; server: ServerIdentity}>;
  /**
   * Watches a stage. `onAvailable` gets the time in which the server could be read. Throws AbortError (exit 6) if the URL
   * does not lead to `server`.
   */
  watch(
    stage: RolloutStage,
    options: {
      for_ms: number;
      server: ServerIdentity | null;
      onAvailable(available_ms: number): Promise<void>;
    },
  ): Promise<HealthReport & {health: WatchedHealth}>;
  /** Undefined without a terminal. */
  ask?: Prompt | undefined;
  /** Asks after an interruption. */
  askInterrupted?: Prompt | undefined;
  identity: {run: string; actor: string};
  /** The target that a stage watches, for the journal. */
  targetOf(stage: RolloutStage): string;
  output: Output;
  signal: AbortSignal;
};

/** A parsed plan. Its hash identifies its rollouts in the journal. */
export type PlanFile = {file: string; plan: RolloutPlan; hash: string};

export type RolloutFlags = {dryRun: boolean; yes: boolean; approved: readonly string[]; json: boolean};

export type Rollout = {ports: RolloutPorts; plan: PlanFile; flags: RolloutFlags; state: RolloutState};

export type StageInRollout = Rollout & {stage: RolloutStage; index: number};

/** Writes an event to the journal. */
export async function journalEvent(
  {ports, state}: Rollout,
  stage: RolloutStage | undefined,
  event: JournalEvent,
): Promise<void> {
  const target = stage === undefined ? '' : ports.targetOf(stage);
  await ports.journal.append({actor: ports.identity.actor, run: state.run, target, ...event});
}

/** Writes a stage's next phase to the journal, then updates the state and prints it on stderr. */
export async function enterPhase(at: StageInRollout, event: Omit<StageEvent, 'stage'>): Promise<void> {
  const staged = {...event, stage: at.index};
  await journalEvent(at, at.stage, {event: 'stage', name: at.stage.name, ...staged});
  applyStageEvent(at.state, staged);
  const detail = event.detail === null ? '' : `: ${event.detail}`;
  printMessage(at.ports.output, `${at.stage.name}: ${event.phase}${detail}`);
  if (event.phase === 'failed') await runHook(at, at.plan.plan.on_failure, event.detail ?? 'failed');
}

/** Runs a hook of the plan; its failure is only reported. */
export async function runHook(
  {ports, stage}: StageInRollout,
  command: string | undefined,
  reason: string,
): Promise<void> {
  if (command === undefined) return;
  const problem = problemOf(await ports.runCommand(stage, command, () => {}, reason));
  if (problem !== null) printMessage(ports.output, `${stage.name}: hook ${problem}`);
}

export function interrupted(message = 'interrupted'): AbortError {
  return new AbortError(message, {
    hint: 'Run the same command again to resume.',
    exitCode: exitCodes.interrupted,
  });
}

export async function promote(at: StageInRollout): Promise<void> {
  const {ports, stage, state, index} = at;
  const before = state.stages[index];
  // After an interruption it may be executed in part, and would not be judged as it was.
  if (stage.preflight !== undefined && before?.phase !== 'promoting') await requireSafeMigration(at);
  const diagnosed = stage.watch === null ? null : await ports.diagnose(stage);
  const found = diagnosed?.findings.map(findingKey) ?? [];
  if (diagnosed !== null && before?.phase === 'promoting') {
    requireServer(stage, before.server, diagnosed.server);
  }
  const where = diagnosed === null ? {} : {server: diagnosed.server};
  // Findings after an interrupted promotion can be its effect, so the recorded ones from before it count.
  const known = before?.phase === 'promoting' ? [...before.known] : found;
  if (stage.promote === null)
    return enterPhase(at, {phase: 'promoted', detail: 'nothing to promote', known, ...where});
  const problem = problemOf(await runCommand(at, {phase: 'promoting', known, ...where}, stage.promote));
  await enterPhase(
    at,
    problem === null ? {phase: 'promoted', detail: null} : {phase: 'failed', detail: `promote ${problem}`},
  );
}

/** Throws AbortError (exit 1) unless the stage's migration is safe: nothing of the stage is executed, nothing rolled back. */
async function requireSafeMigration({ports, stage}: StageInRollout): Promise<void> {
  const {verdict, statements} = await ports.judgeMigration(stage);
  if (verdict === 'safe') return printMessage(ports.output, `${stage.name}: the migration is safe`);
  const [first, ...more] = statements.filter(each => each.verdict !== 'safe');
  const place = [first?.file, `line ${first?.line}`].filter(Boolean).join(', ');
  const rest = more.length === 0 ? '' : `, and ${counted(more.length, 'more statement')}`;
  throw new AbortError(
    `${stage.name}: the migration is not safe now: ${place} ${first?.reasons.join('; ')}${rest}`,
    {
      hint: "Nothing of this stage was executed. 'poolctl preflight' shows it; to resume, run the same command again.",
      exitCode: exitCodes.findings,
    },
  );
}

export async function watch(at: StageInRollout): Promise<void> {
  const {ports, stage, state, index} = at;
  const watchedBefore_ms = state.stages[index]?.seen_ms ?? 0;
  const for_ms = Math.max((stage.watch?.every_ms ?? 0) * 2, (stage.watch?.for_ms ?? 0) - watchedBefore_ms);
  const note = watchedBefore_ms > 0 ? `${formatAge(for_ms)} left` : null;
  await enterPhase(at, {phase: 'watching', detail: note, seen_ms: watchedBefore_ms});
  const onAvailable = createAvailabilityRecorder(at, watchedBefore_ms);
  try {
    const report = await ports.watch(stage, {
      for_ms,
      onAvailable,
      server: state.stages[index]?.server ?? null,
    });
    if (!at.flags.json) ports.output.stderr(healthText(report));
    const problem = healthProblem(report, state.stages[index]?.known ?? []);
    await enterPhase(
      at,
      problem === null ? {phase: 'passed', detail: null} : {phase: 'failed', detail: problem},
    );
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    if (ports.signal.aborted || error.exitCode === exitCodes.interrupted) throw interrupted();
    // Another server does not show the health of this stage: the rollout stops without a rollback.
    if (error.exitCode === exitCodes.drift) throw error;
    await enterPhase(at, {phase: 'failed', detail: error.message});
  }
}

/** Records progress at each tenth of the watch, so that a resumed rollout watches only the rest. */
function createAvailabilityRecorder(
  at: StageInRollout,
  watchedBefore_ms: number,
): (available_ms: number) => Promise<void> {
  const tenth = (at.stage.watch?.for_ms ?? 0) / 10;
  let recorded_ms = 0;
  return async available_ms => {
    if (available_ms - recorded_ms < tenth) return;
    recorded_ms = available_ms;
    const phase = 'watching' as const;
    const stage = at.index;
    const progress = {phase, stage, detail: null, seen_ms: Math.round(watchedBefore_ms + available_ms)};
    await journalEvent(at, at.stage, {event: 'stage', name: at.stage.name, ...progress});
    applyStageEvent(at.state, progress);
  };
}

export async function rollBack(at: StageInRollout): Promise<void> {
  const {stage} = at;
  if (stage.promote === null) return enterPhase(at, {phase: 'rolled back', detail: 'nothing was promoted'});
  if (stage.rollback === null)
    return enterPhase(at, {phase: 'not rolled back', detail: 'the plan has no rollback command'});
  const problem = problemOf(await runCommand(at, {phase: 'rolling back'}, stage.rollback));
  const back = {phase: 'rolled back', detail: null} as const;
  await enterPhase(at, problem === null ? back : {phase: 'not rolled back', detail: `rollback ${problem}`});
}

/**
 * Runs a command of the plan, and records its process as soon as it starts. Throws AbortError (exit 7) if the same
 * command, started before an interruption, is still running.
 */
async function runCommand(
  at: StageInRollout,
  event: Pick<StageEvent, 'phase' | 'known' | 'server'>,
  text: string,
): Promise<CommandResult> {
  const {ports, stage, state, index} = at;
  const before = state.stages[index];
  const isAgain = before?.phase === event.phase;
  if (isAgain && before.process !== null && ports.isRunning(before.process)) {
    throw new AbortError(
      `${stage.name}: the command started earlier is still running, process ${before.process.pid}`,
      {hint: 'When it has ended, run the same command again to resume.', exitCode: exitCodes.actFailed},
    );
  }
  const note = isAgain ? 'again, the first run was interrupted: ' : '';
  await enterPhase(at, {...event, detail: `${note}${text}`});
  let recorded = Promise.resolve();
  const result = await ports.runCommand(stage, text, process => {
    const started = {phase: event.phase, stage: index, detail: `process ${process.pid}`, process};
    recorded = journalEvent(at, stage, {event: 'stage', name: stage.name, ...started});
    recorded.catch(() => {});
  });
  await recorded;
  return result;
}

function problemOf({code, failure}: CommandResult): string | null {
  return failure ?? (code === 0 ? null : `exited with ${code}`);
}

/**
 * Why a stage fails: a critical limit, a critical finding that is new since its promotion, or statements or errors worse
 * than the baseline. null if it passes; warnings do not fail a stage.
 */
function healthProblem(
  {health, comparison, applications}: HealthReport & {health: WatchedHealth},
  known: readonly string[],
): string | null {
  const early = health.watch.failed_early;
  const critical = metricNames.filter(name => health.thresholds[name].level === 'critical' && name !== early);
  const found = health.findings.filter(
    each => each.severity === 'critical' && !known.includes(findingKey(each)),
  );
  const problems = [
    ...(early === null ? [] : [`${metricOf(early).title} stayed critical`]),
    ...critical.map(name => `${metricOf(name).title} ${formatMetric(name, health.metrics[name])}`),
    ...found.map(({summary}) => summary),
    ...(comparison === null ? [] : worseLines(comparison)),
    ...applications.flatMap(applicationProblems),
  ];
  return problems.length === 0 ? null : problems.join('; ');
}

/** As of the server, warnings of limits do not fail a stage; without a session nothing shows that it is well. */
function applicationProblems(application: ApplicationHealth): string[] {
  const {name, peak_sessions} = application.figures;
  if (peak_sessions === 0) return [`no session of ${name} was seen`];
  if (application.level === 'unknown') {
    const [reason = 'what its sessions do is hidden'] = application.left_out;
    return [`${name} cannot be checked: ${reason}`];
  }
  const isWorse = application.worse.length > 0;
  return applicationReasons(application).flatMap(({level, text}) =>
    level === 'critical' || isWorse ? [text] : [],
  );
}

/** Throws AbortError (exit 6) if the URL of a stage now leads to another server. */
export function requireServer(
  {name}: RolloutStage,
  expected: ServerIdentity | null,
  found: ServerIdentity | undefined,
): void {
  if (expected === null || found === undefined || compareServers(expected, found) !== 'other') return;
  throw new AbortError(`${name}: ${serverDifference(expected, found)}; the rollout stops here`, {
    hint: 'To resume, run the same command when the URL leads to the first server again.',
    exitCode: exitCodes.drift,
  });
}

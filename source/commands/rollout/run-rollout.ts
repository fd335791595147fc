import type {Output} from '../../cli/context.ts';
import type {HealthReport} from '../../cli/health/health-report.ts';
import {healthText} from '../../cli/health/health-text.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import type {WatchedHealth} from '../../core/health/watching.ts';
import {counted, formatAge} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Finding} from '../../model/finding.ts';
import type {JournalEvent, ProcessIdentity, StageEvent} from '../../model/journal-entry.ts';
import type {Journal} from '../../model/ports.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {
  actsUnasked,
  findingKey,
  lastRollout,
  newRollout,
  nextTask,
  type RolloutPlan,
  type RolloutStage,
  type RolloutState,
  takeStage,
} from '../../rollout/state.ts';
import {rolloutDocument, rolloutPlanText, rolloutText} from './render-text.ts';
import {healthProblem, requireServer} from './stage-health.ts';

export type RolloutPorts = {
  journal: Pick<Journal, 'append' | 'read'>;
  /** Runs a command of the plan to its end, whatever becomes of it. */
  runCommand(
    stage: RolloutStage,
    command: string,
    onStarted: (process: ProcessIdentity) => void,
  ): Promise<CommandResult>;
  /** Whether a command of a run before, which may have outlived it, is there yet. */
  isRunning(process: ProcessIdentity): boolean;
  /** What is found before a stage is promoted, and where. Throws AbortError where its server cannot be read. */
  diagnose(stage: RolloutStage): Promise<{findings: Finding[]; server: ServerIdentity}>;
  /**
   * Watches a stage; `onSeen` is told how much of the time was seen. Throws AbortError (exit 6) where the address leads
   * to another server than `server`.
   */
  watch(
    stage: RolloutStage,
    options: {for_ms: number; server: ServerIdentity | null; onSeen(seen_ms: number): Promise<void>},
  ): Promise<HealthReport & {health: WatchedHealth}>;
  /** Asks on the terminal; absent without one. */
  ask?: ((question: string) => Promise<string | null>) | undefined;
  identity: {run: string; actor: string};
  /** Of the server that a stage watches, for the journal. */
  targetOf(stage: RolloutStage): string;
  output: Output;
  signal: AbortSignal;
};

type CommandResult = {code: number | null; trouble: string | null};

/** A plan as it was read; its hash is what tells one rollout from another's. */
export type PlanFile = {file: string; plan: RolloutPlan; hash: string};

export type RolloutFlags = {dryRun: boolean; yes: boolean; approved: readonly string[]; json: boolean};

/**
 * Carries a staged rollout out, or goes on with the one that was interrupted. Exit 0 when every stage passed, 1 when
 * one failed and all was rolled back, 7 when a command failed. Throws AbortError: 2 where an approval is missing, 130
 * when interrupted.
 */
export async function runRollout(
  ports: RolloutPorts,
  plan: PlanFile,
  flags: RolloutFlags,
): Promise<ExitCode> {
  requireStages(plan.plan, flags.approved);
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
    else if (task.kind === 'pass') await tell(at, {phase: 'passed', detail: null});
    else await rollBack(at);
  }
}

/** Where the last rollout of this plan is. Exit 0. */
export async function showRollout(
  {journal, output}: Pick<RolloutPorts, 'journal' | 'output'>,
  plan: PlanFile,
  flags: {json: boolean},
): Promise<ExitCode> {
  const state = lastRollout(await journal.read(), plan.hash, plan.plan.stages.length);
  output.stdout(flags.json ? jsonText(rolloutDocument(plan, state), 2) : rolloutText(plan, state));
  return exitCodes.ok;
}

type Rollout = {ports: RolloutPorts; plan: PlanFile; flags: RolloutFlags; state: RolloutState};
type AtStage = Rollout & {stage: RolloutStage; index: number};

async function openRollout(ports: RolloutPorts, plan: PlanFile, flags: RolloutFlags): Promise<Rollout> {
  const last = lastRollout(await ports.journal.read(), plan.hash, plan.plan.stages.length);
  const isOpen = last !== null && last.ended === null;
  const state = isOpen ? last : newRollout(ports.identity.run, plan.plan.stages.length);
  const rollout = {ports, plan, flags, state};
  await requireConsent(rollout);
  if (isOpen) say(ports, `goes on with rollout ${state.run}`);
  else {
    const {name, stages} = plan.plan;
    const names = stages.map(stage => stage.name);
    await record(rollout, stages[0], {
      event: 'rollout',
      name,
      plan: plan.hash,
      file: plan.file,
      stages: names,
    });
    say(ports, `rollout ${state.run} of ${name}: ${names.join(' -> ')}`);
  }
  return rollout;
}

/**
 * A stage with a command and no `approval` of its own is promoted without a question: that, too, takes consent, once
 * and before anything is done. Throws AbortError: 2 where nobody can be asked, 130 where the answer is no.
 */
async function requireConsent({ports, plan, flags, state}: Rollout): Promise<void> {
  const names = plan.plan.stages
    .filter((stage, at) => actsUnasked(stage) && !state.stages[at]?.is_touched)
    .map(({name}) => name)
    .filter(name => !flags.approved.includes(name));
  if (flags.yes || names.length === 0) return;
  const which = `${counted(names.length, 'stage')} (${names.join(', ')})`;
  if (ports.ask === undefined || flags.json) {
    throw usageError(
      `${which} would run commands without a question, and there is no terminal to ask for confirmation`,
      'Look at it with --dry-run, then add --yes, --approve-stage NAME for each, or approval: true in the plan.',
    );
  }
  ports.output.stderr(rolloutPlanText(plan));
  const typed = await ports.ask(
    sanitise(`Type yes to run the commands of ${which} without a further question: `),
  );
  if (typed?.trim() !== 'yes') throw interrupted('not confirmed: nothing was done');
}

async function approve(at: AtStage): Promise<void> {
  const {ports, stage, flags} = at;
  if (flags.yes || flags.approved.includes(stage.name)) {
    return tell(at, {phase: 'approved', detail: flags.yes ? 'by --yes' : 'by --approve-stage'});
  }
  if (ports.ask === undefined || flags.json) {
    throw usageError(
      `stage "${stage.name}" waits for approval, and nobody can be asked here`,
      `The same call with --approve-stage "${stage.name}" goes on.`,
    );
  }
  const typed = await ports.ask(`Type ${sanitise(stage.name)} to let this stage go ahead: `);
  if (typed?.trim() !== stage.name) throw interrupted('not approved: nothing of this stage was done');
  await tell(at, {phase: 'approved', detail: 'on the terminal'});
}

async function promote(at: AtStage): Promise<void> {
  const {ports, stage, state, index} = at;
  const before = state.stages[index];
  const looked = stage.watch === null ? null : await ports.diagnose(stage);
  const found = looked?.findings.map(findingKey) ?? [];
  if (looked !== null && before?.phase === 'promoting') requireServer(stage, before.server, looked.server);
  const where = looked === null ? {} : {server: looked.server};
  // What is found after half a promotion may be its doing.
  const known = before?.phase === 'promoting' ? [...before.known] : found;
  if (stage.promote === null)
    return tell(at, {phase: 'promoted', detail: 'nothing to promote', known, ...where});
  const problem = problemOf(await command(at, {phase: 'promoting', known, ...where}, stage.promote));
  await tell(
    at,
    problem === null ? {phase: 'promoted', detail: null} : {phase: 'failed', detail: `promote ${problem}`},
  );
}

async function watch(at: AtStage): Promise<void> {
  const {ports, stage, state, index} = at;
  const seenBefore_ms = state.stages[index]?.seen_ms ?? 0;
  const for_ms = Math.max(stage.watch?.every_ms ?? 0, (stage.watch?.for_ms ?? 0) - seenBefore_ms);
  const note = seenBefore_ms > 0 ? `${formatAge(for_ms)} are left` : null;
  await tell(at, {phase: 'watching', detail: note, seen_ms: seenBefore_ms});
  const onSeen = keepSeen(at, seenBefore_ms);
  try {
    const report = await ports.watch(stage, {for_ms, onSeen, server: state.stages[index]?.server ?? null});
    if (!at.flags.json) ports.output.stderr(healthText(report));
    const problem = healthProblem(report, state.stages[index]?.known ?? []);
    await tell(at, problem === null ? {phase: 'passed', detail: null} : {phase: 'failed', detail: problem});
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    if (ports.signal.aborted || error.exitCode === exitCodes.interrupted) throw interrupted();
    // What another server is like says nothing of the stage: neither that it passed nor that it failed.
    if (error.exitCode === exitCodes.drift) throw error;
    await tell(at, {phase: 'failed', detail: error.message});
  }
}

/** Every tenth of the watch is on disk: what an interruption leaves is not watched again. */
function keepSeen(at: AtStage, seenBefore_ms: number): (seen_ms: number) => Promise<void> {
  const tenth = (at.stage.watch?.for_ms ?? 0) / 10;
  let kept_ms = 0;
  return async seen_ms => {
    if (seen_ms - kept_ms < tenth) return;
    kept_ms = seen_ms;
    const phase = 'watching' as const;
    const stage = at.index;
    const seen = {phase, stage, detail: null, seen_ms: Math.round(seenBefore_ms + seen_ms)};
    await record(at, at.stage, {event: 'stage', name: at.stage.name, ...seen});
    takeStage(at.state, seen);
  };
}

async function rollBack(at: AtStage): Promise<void> {
  const {stage} = at;
  if (stage.promote === null) return tell(at, {phase: 'rolled back', detail: 'nothing was promoted'});
  if (stage.rollback === null)
    return tell(at, {phase: 'not rolled back', detail: 'the plan has no way back'});
  const problem = problemOf(await command(at, {phase: 'rolling back'}, stage.rollback));
  const back = {phase: 'rolled back', detail: null} as const;
  await tell(at, problem === null ? back : {phase: 'not rolled back', detail: `rollback ${problem}`});
}

/**
 * Runs a command of the plan, its process on disk as soon as there is one. Throws AbortError (exit 7) where the run
 * before left the same one running: two of them at once are worse than to wait.
 */
async function command(
  at: AtStage,
  event: Pick<StageEvent, 'phase' | 'known' | 'server'>,
  text: string,
): Promise<CommandResult> {
  const {ports, stage, state, index} = at;
  const before = state.stages[index];
  const isAgain = before?.phase === event.phase;
  if (isAgain && before.process !== null && ports.isRunning(before.process)) {
    throw new AbortError(
      `${stage.name}: the command of the run before is still running, process ${before.process.pid}`,
      {hint: 'The same call goes on when it has ended.', exitCode: exitCodes.actFailed},
    );
  }
  const note = isAgain ? 'a second time, nobody knows how far the first one came: ' : '';
  await tell(at, {...event, detail: `${note}${text}`});
  let noted = Promise.resolve();
  const result = await ports.runCommand(stage, text, process => {
    const started = {phase: event.phase, stage: index, detail: `process ${process.pid}`, process};
    noted = record(at, stage, {event: 'stage', name: stage.name, ...started});
    noted.catch(() => {});
  });
  await noted;
  return result;
}

async function end(rollout: Rollout): Promise<ExitCode> {
  const {ports, plan, state, flags} = rollout;
  const isLeft = state.stages.some(({phase}) => phase === 'not rolled back');
  const failed = state.failed === null ? null : plan.plan.stages[state.failed];
  const status = failed === null ? 'done' : isLeft ? 'failed' : 'stopped';
  const reason = failed ? `stage ${failed.name} failed` : null;
  await record(rollout, plan.plan.stages[0], {event: 'end', status, reason, after: {}});
  state.ended = status;
  ports.output.stdout(flags.json ? jsonText(rolloutDocument(plan, state), 2) : rolloutText(plan, state));
  if (failed === null) return exitCodes.ok;
  return state.is_command_failure || isLeft ? exitCodes.actFailed : exitCodes.findings;
}

/** On disk first, then in the state, then on stderr. */
async function tell(at: AtStage, event: Omit<StageEvent, 'stage'>): Promise<void> {
  const staged = {...event, stage: at.index};
  await record(at, at.stage, {event: 'stage', name: at.stage.name, ...staged});
  takeStage(at.state, staged);
  say(at.ports, `${at.stage.name}: ${event.phase}${event.detail === null ? '' : `: ${event.detail}`}`);
}

async function record(
  {ports, state}: Rollout,
  stage: RolloutStage | undefined,
  event: JournalEvent,
): Promise<void> {
  const target = stage === undefined ? '' : ports.targetOf(stage);
  await ports.journal.append({actor: ports.identity.actor, run: state.run, target, ...event});
}

function say({output}: RolloutPorts, text: string): void {
  output.stderr(sanitise(`poolctl: ${text}`));
}

function problemOf({code, trouble}: {code: number | null; trouble: string | null}): string | null {
  return trouble ?? (code === 0 ? null : `exited with ${code}`);
}

function requireStages({stages}: RolloutPlan, approved: readonly string[]): void {
  const unknown = approved.find(name => !stages.some(stage => stage.name === name));
  if (unknown === undefined) return;
  throw usageError(
    `--approve-stage ${unknown}: the plan has no such stage`,
    `It has ${stages.map(({name}) => name).join(', ')}.`,
  );
}

function interrupted(message = 'interrupted'): AbortError {
  return new AbortError(message, {
    hint: 'The same call goes on where it was.',
    exitCode: exitCodes.interrupted,
  });
}

import type {JournalEvent, ProcessIdentity} from '../../model/journal-entry.ts';
import type {EnginePorts, RunIdentity, Sha256} from '../../model/ports.ts';
import type {Plan, WatchedGroup} from '../../model/recipe.ts';
import type {RunState, SlotUsage, StepResult} from '../../model/run.ts';
import type {Step} from '../../model/step.ts';
import {withAfter} from '../assessment/recovery.ts';
import {exitCodes} from '../errors.ts';
import {canonicalJson} from '../text/json.ts';
import {detectReconnect, stopAfterEnding, unseenGroup} from './drift.ts';
import {skippedResult} from './execute-sql.ts';
import {executeStep, planDrifted, resultOf} from './execute-step.ts';
import {
  anyAborted,
  createInterruption,
  type Interruption,
  type Stop,
  StopRun,
  stopOf,
} from './interruption.ts';
import {countOutcomes, createRunState, exitCodeOf, whyPartly, whyReadOnly, withStep} from './run-state.ts';

/** Identifies what an approval covers: this server since its last start, this recipe, its parameters and exact steps. */
export function planHash(
  {recipe, params, steps}: Plan,
  {target, server}: Pick<RunIdentity, 'target' | 'server'>,
  sha256: Sha256,
): string {
  return sha256(canonicalJson({target, server, recipe, params, steps}));
}

/**
 * Executes a plan; the only way poolctl changes anything. Each intent is on disk before its step is executed, each outcome
 * after it. Yields the run's state at every change; the last has phase `ended`. Never throws: failures are in `reason` and
 * `exit_code`. Aborting `signal` lets the current step finish or cancels it and records the run's end within ten seconds.
 * Closes the executor.
 */
export async function* execute(
  plan: Plan,
  identity: RunIdentity,
  ports: EnginePorts,
  signal?: AbortSignal,
): AsyncGenerator<RunState> {
  const interruption = createInterruption(signal, ports.clock);
  const run = createRun(plan, identity, ports, interruption);
  ports.executor.bind(identity.server);
  try {
    yield run.state;
    try {
      yield* executeSteps(run);
    } catch (error) {
      run.stop(stopOfRun(run, error));
    }
    yield* observeHarm(run);
  } finally {
    await ports.executor.close().catch(() => {});
    // Also when the consumer stops iterating: the journal must record the end of the run.
    await endRun(run);
    interruption.dispose();
  }
  yield run.state;
}

type Run = {
  plan: Plan;
  process: ProcessIdentity | undefined;
  ports: EnginePorts;
  interruption: Interruption;
  state: RunState;
  /** Set when the run ends early. */
  stopped: Stop | null;
  /** Groups for which it was looked whether other sessions ended with the first one. */
  seen: Set<WatchedGroup>;
  /** Whether the journal has the run's first entry and needs its `end`. */
  isOpen: boolean;
  stop(stop: Stop): void;
  record(event: JournalEvent): Promise<void>;
};

function createRun(plan: Plan, identity: RunIdentity, ports: EnginePorts, interruption: Interruption): Run {
  const {run, actor, target, server, process} = identity;
  const self: Run = {
    plan,
    process,
    ports,
    interruption,
    state: {
      ...createRunState(plan, {run, target, server, plan_hash: planHash(plan, identity, ports.sha256)}),
      harm: ports.harm?.before ?? [],
    },
    stopped: null,
    seen: new Set(),
    isOpen: false,
    stop(stop) {
      self.stopped = stop;
    },
    async record(event) {
      try {
        await ports.journal.append({actor, target, run, ...event});
      } catch (error) {
        self.isOpen = false;
        throw error;
      }
    },
  };
  return self;
}

async function* executeSteps(run: Run): AsyncGenerator<RunState> {
  const {plan, ports} = run;
  if (ports.read_only !== undefined) throw new StopRun(refusal(ports.read_only));
  throwIfInterrupted(run);
  await openRun(run);
  yield run.state;
  for (const [index, step] of plan.steps.entries()) {
    const group = unseenGroup(plan, run.state.steps, run.seen, index);
    const isNewBatch = index > 0 && index % plan.batch_size === 0;
    if (group !== null || isNewBatch) yield* pause(run, index, {group, isNewBatch});
    throwIfInterrupted(run);
    yield* runStep(run, index, step);
    yield run.state;
    const result = run.state.steps[index]?.result;
    if (result?.outcome === 'failed') throwIfInterrupted(run);
    if (result?.outcome === 'failed' && plan.on_failure !== 'continue') {
      const {message, hint} = result;
      throw new StopRun({status: 'failed', reason: `step ${index + 1} failed: ${message ?? ''}`, hint});
    }
  }
}

function refusal(source: string): Stop {
  return {status: 'failed', reason: whyReadOnly(source), exit_code: exitCodes.usage};
}

async function openRun(run: Run): Promise<void> {
  const {plan} = run;
  const before = await readSlots(run);
  run.state = {...run.state, before};
  await run.record({
    event: 'run',
    recipe: plan.recipe,
    plan: run.state.plan_hash,
    params: plan.params,
    server: run.state.server,
    ...(plan.undoes !== undefined && {undoes: plan.undoes}),
    step_count: plan.steps.length,
    before: slotNumbers(before),
    ...(run.process !== undefined && {process: run.process}),
  });
  run.isOpen = true;
}

/** Waits between batches, and after the first session of a group. Throws StopRun if ending more would do harm or free nothing. */
async function* pause(
  run: Run,
  next: number,
  {group, isNewBatch}: {group: WatchedGroup | null; isNewBatch: boolean},
): AsyncGenerator<RunState> {
  const {plan, ports} = run;
  run.state = {...run.state, phase: 'pausing', current: next, pause_ms: plan.pause_ms};
  yield run.state;
  await ports.clock.sleep(plan.pause_ms, run.interruption.requested).catch(() => {});
  throwIfInterrupted(run);
  const after = await readSlots(run);
  run.state = {...run.state, after, pause_ms: null};
  const stop = stopAfterEnding(plan, run.state, {group, isNewBatch});
  if (stop !== null) throw new StopRun(stop);
}

async function* runStep(run: Run, index: number, step: Step): AsyncGenerator<RunState> {
  const {ports} = run;
  run.state = {...withStep(run.state, index, {status: 'acting'}), phase: 'acting', current: index};
  yield run.state;
  const recheck = (await ports.recheck?.(step)) ?? {kind: 'go'};
  if (recheck.kind === 'stop') throw planDrifted(recheck.reason, isUnchanged(run));
  if (recheck.kind === 'skip')
    return await recordOutcome(run, index, skippedResult(recheck.reason, recheck.is_met));
  if (run.interruption.requested.aborted) run.state = withStep(run.state, index, {status: 'pending'});
  throwIfInterrupted(run);

  if (step.kind !== 'advice') await run.record({event: 'intent', step: index, content: step});
  const started = ports.clock.now().getTime();
  const recordAfter = (result: StepResult) =>
    recordOutcome(run, index, {...result, duration_ms: ports.clock.now().getTime() - started});
  try {
    const execution = executeStep(step, ports, run.interruption);
    let next = await execution.next();
    for (; !next.done; next = await execution.next()) {
      run.state = {...withStep(run.state, index, next.value), phase: next.value.status};
      yield run.state;
    }
    await recordAfter(next.value);
  } catch (error) {
    const result = resultOf(error);
    if (result !== null) await recordAfter(result);
    throw error;
  }
}

/** Shows the result even if it cannot be journaled; then throws, which ends the run. */
async function recordOutcome(run: Run, index: number, result: StepResult): Promise<void> {
  run.state = withStep(run.state, index, {status: 'ended', progress: null, result});
  const acted_as = run.ports.executor.actsAs?.() ?? null;
  await run.record({event: 'outcome', step: index, ...result, ...(acted_as !== null && {acted_as})});
}

/** Reads what is left of the harm, unless nothing was done. Does not fail the run, which is done. */
async function* observeHarm(run: Run): AsyncGenerator<RunState> {
  const {harm, executor} = run.ports;
  if (harm === undefined || !run.isOpen || isUnchanged(run)) return;
  // Its slot may be what others wait for.
  await executor.close().catch(() => {});
  run.state = {...run.state, phase: 'observing', current: null, pause_ms: null};
  yield run.state;
  const {requested} = run.interruption;
  if (requested.aborted) return;
  try {
    const after = await Promise.race([harm.after(requested), anyAborted(requested)]);
    if (after) run.state = {...run.state, harm: withAfter(harm.before, after)};
  } catch {
    // The server could not be read: `after` stays null.
  }
}

async function endRun(run: Run): Promise<void> {
  const after = run.isOpen ? await readSlots(run) : null;
  const stop = run.stopped ?? abandonedStop(run) ?? completedStop(run, after);
  const {status, reason, hint, exit_code} = run.isOpen ? await recordEnd(run, stop, after) : stop;
  run.state = {
    ...run.state,
    phase: 'ended',
    current: null,
    pause_ms: null,
    after,
    status,
    reason,
    hint: hint ?? null,
    exit_code: exit_code ?? exitCodeOf(status, run.state.steps, run.plan),
  };
}

async function recordEnd(run: Run, stop: Stop, after: SlotUsage | null): Promise<Stop> {
  try {
    await run.record({
      event: 'end',
      status: stop.status,
      reason: stop.reason,
      after: slotNumbers(after),
      ...(run.state.harm.length > 0 && {harm: run.state.harm}),
    });
    return stop;
  } catch (error) {
    return stopOf(error);
  }
}

/** The Stop for a consumer that stopped iterating before the last step. */
function abandonedStop(run: Run): Stop | null {
  const isUnfinished = run.state.steps.some(({result}) => result === null);
  return isUnfinished ? {status: 'interrupted', reason: 'interrupted'} : null;
}

function completedStop(run: Run, after: SlotUsage | null): Stop {
  const {failed} = countOutcomes(run.state.steps);
  const reconnect = detectReconnect(run.plan, run.state.steps, run.state.before, after);
  const hint = run.state.steps.find(({result}) => result?.hint !== undefined)?.result?.hint;
  return {
    status: failed > 0 ? 'failed' : 'done',
    reason: reconnect ?? whyPartly(run.state.steps, run.plan),
    hint,
  };
}

/** Drift (exit 6) is reported only if no step was executed. */
function stopOfRun(run: Run, error: unknown): Stop {
  const {exit_code, ...stop} = stopOf(error);
  if (exit_code === undefined || (exit_code === exitCodes.drift && !isUnchanged(run))) return stop;
  return {...stop, exit_code};
}

function isUnchanged(run: Run): boolean {
  const {verified, applied, unknown} = countOutcomes(run.state.steps);
  return verified + applied + unknown === 0;
}

function throwIfInterrupted({interruption}: Run): void {
  if (interruption.requested.aborted) throw new StopRun({status: 'interrupted', reason: 'interrupted'});
}

/** Null if it cannot be read: when slots are exhausted, that must not stop the run. */
async function readSlots({ports, interruption}: Run): Promise<SlotUsage | null> {
  try {
    return await interruption.waitFor(interruption.waitBriefly(ports.slots()));
  } catch {
    return null;
  }
}

function slotNumbers(reading: SlotUsage | null): Record<string, number> {
  return reading === null ? {} : {used: reading.used, headroom: reading.headroom};
}

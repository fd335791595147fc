import type {JournalEvent, ProcessIdentity} from '../../model/journal-entry.ts';
import type {Plan} from '../../model/plan.ts';
import type {Sha256} from '../../model/ports.ts';
import type {RunState, SlotUsage, StepResult} from '../../model/run.ts';
import type {Step} from '../../model/step.ts';
import {exitCodes} from '../errors.ts';
import {canonicalJson} from '../text/json.ts';
import {detectReconnect} from './drift.ts';
import {skippedResult} from './execute-sql.ts';
import {executeStep, planDrifted, resultOf} from './execute-step.ts';
import {createInterruption, type Interruption, type Stop, StopRun, stopOf} from './interruption.ts';
import type {EnginePorts, RunIdentity} from './ports.ts';

import {countOutcomes, createRunState, exitCodeOf, withStep} from './run-state.ts';

/** What an approval holds for: this server since its last start, this recipe, these parameters, exactly these steps. */
export function planHash(
  {recipe, params, steps}: Plan,
  {target, server}: Pick<RunIdentity, 'target' | 'server'>,
  sha256: Sha256,
): string {
  return sha256(canonicalJson({target, server, recipe, params, steps}));
}

/**
 * Carries a plan out, the only way poolctl changes anything: each intent is on disk before its act and each
 * outcome after it. Yields the run at every change and ends with one whose `phase` is `ended`; what goes wrong
 * is in its `reason` and `exit_code`, never thrown. Abort `signal` to end it early:
 * a step under way ends or is cancelled, and within ten seconds the run's end is in the journal. Closes the executor.
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
    yield* executeSteps(run);
  } catch (error) {
    run.stop(stopOfRun(run, error));
  } finally {
    await ports.executor.close().catch(() => {});
    // Also when whoever listens stops listening: the journal must say that the run is over.
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
  /** Why it stops short; null while it does not. */
  stopped: Stop | null;
  /** Whether the journal knows of the run, and so has to be told of its end. */
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
    state: createRunState(plan, {run, target, server, plan_hash: planHash(plan, identity, ports.sha256)}),
    stopped: null,
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
  const {plan} = run;
  throwIfInterrupted(run);
  await openRun(run);
  yield run.state;
  for (const [index, step] of plan.steps.entries()) {
    if (index > 0 && index % plan.batch_size === 0) yield* pause(run, index);
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

/** Between batches applications may reconnect; one that fills what was freed stops the run. */
async function* pause(run: Run, next: number): AsyncGenerator<RunState> {
  const {plan, ports} = run;
  run.state = {...run.state, phase: 'pausing', current: next, pause_ms: plan.pause_ms};
  yield run.state;
  await ports.clock.sleep(plan.pause_ms, run.interruption.requested).catch(() => {});
  throwIfInterrupted(run);
  const after = await readSlots(run);
  run.state = {...run.state, after, pause_ms: null};
  const refill = detectReconnect(plan, run.state.steps, run.state.before, after);
  if (refill !== null) {
    throw new StopRun({
      status: 'stopped',
      reason: refill,
      hint: 'interruption more frees nothing: stop or mend that application, or limit its role (ALTER ROLE ... CONNECTION LIMIT)',
    });
  }
}

async function* runStep(run: Run, index: number, step: Step): AsyncGenerator<RunState> {
  const {ports} = run;
  run.state = {...withStep(run.state, index, {status: 'acting'}), phase: 'acting', current: index};
  yield run.state;
  const recheck = (await ports.recheck?.(step)) ?? {kind: 'go'};
  if (recheck.kind === 'stop') throw planDrifted(recheck.reason, isUntouched(run));
  if (recheck.kind === 'skip') return await recordOutcome(run, index, skippedResult(recheck.reason));
  if (run.interruption.requested.aborted) run.state = withStep(run.state, index, {status: 'pending'});
  throwIfInterrupted(run);

  if (step.kind !== 'advice') await run.record({event: 'intent', step: index, content: step});
  const started = ports.clock.now().getTime();
  const settleAfter = (result: StepResult) =>
    recordOutcome(run, index, {...result, duration_ms: ports.clock.now().getTime() - started});
  try {
    const carrying = executeStep(step, ports, run.interruption);
    let next = await carrying.next();
    for (; !next.done; next = await carrying.next()) {
      run.state = {...withStep(run.state, index, next.value), phase: next.value.status};
      yield run.state;
    }
    await settleAfter(next.value);
  } catch (error) {
    const result = resultOf(error);
    if (result !== null) await settleAfter(result);
    throw error;
  }
}

/** Also when the journal can no longer be written: what happened is shown, and the run ends there. */
async function recordOutcome(run: Run, index: number, result: StepResult): Promise<void> {
  run.state = withStep(run.state, index, {status: 'ended', progress: null, result});
  const acted_as = run.ports.executor.actsAs?.() ?? null;
  await run.record({event: 'outcome', step: index, ...result, ...(acted_as !== null && {acted_as})});
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
    exit_code: exit_code ?? exitCodeOf(status, run.state.steps),
  };
}

async function recordEnd(run: Run, stop: Stop, after: SlotUsage | null): Promise<Stop> {
  try {
    await run.record({event: 'end', status: stop.status, reason: stop.reason, after: slotNumbers(after)});
    return stop;
  } catch (error) {
    return stopOf(error);
  }
}

/** Whoever listened stopped listening. */
function abandonedStop(run: Run): Stop | null {
  const isUnfinished = run.state.steps.some(({result}) => result === null);
  return isUnfinished ? {status: 'interrupted', reason: 'interrupted'} : null;
}

function completedStop(run: Run, after: SlotUsage | null): Stop {
  const {failed} = countOutcomes(run.state.steps);
  const refill = detectReconnect(run.plan, run.state.steps, run.state.before, after);
  const hint = run.state.steps.find(({result}) => result?.hint !== undefined)?.result?.hint;
  return {status: failed > 0 ? 'failed' : 'done', reason: refill, hint};
}

/** Only where nothing was done is another server a drift. */
function stopOfRun(run: Run, error: unknown): Stop {
  const {exit_code, ...stop} = stopOf(error);
  if (exit_code === undefined || (exit_code === exitCodes.drift && !isUntouched(run))) return stop;
  return {...stop, exit_code};
}

function isUntouched(run: Run): boolean {
  const {verified, applied, unknown} = countOutcomes(run.state.steps);
  return verified + applied + unknown === 0;
}

function throwIfInterrupted({interruption}: Run): void {
  if (interruption.requested.aborted) throw new StopRun({status: 'interrupted', reason: 'interrupted'});
}

/** A reading that fails does not stop a run: under exhaustion it may be what fails first. */
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

import type {Plan} from '../../model/recipe.ts';
import type {ExitCode, RunState, RunStatus, RunStep, SlotUsage, StepResult} from '../../model/run.ts';
import type {Budget} from '../../model/snapshot.ts';
import {exitCodes} from '../errors.ts';
import {counted} from '../text/format.ts';

export function createRunState(
  plan: Plan,
  identity: Pick<RunState, 'run' | 'target' | 'server' | 'plan_hash'>,
): RunState {
  return {
    ...identity,
    recipe: plan.recipe,
    phase: 'preparing',
    steps: plan.steps.map(({kind, title, subject}) => ({
      kind,
      title,
      subject,
      status: 'pending',
      progress: null,
      result: null,
    })),
    current: null,
    pause_ms: null,
    before: null,
    after: null,
    harm: [],
    status: null,
    reason: null,
    hint: null,
    exit_code: null,
  };
}

export function withStep(state: RunState, index: number, change: Partial<RunStep>): RunState {
  const step = state.steps[index];
  return step === undefined ? state : {...state, steps: state.steps.with(index, {...step, ...change})};
}

export type OutcomeCounts = Record<StepResult['outcome'] | 'pending', number>;

export function countOutcomes(steps: readonly RunStep[]): OutcomeCounts {
  const counts: OutcomeCounts = {verified: 0, applied: 0, failed: 0, skipped: 0, unknown: 0, pending: 0};
  for (const {result} of steps) counts[result?.outcome ?? 'pending']++;
  return counts;
}

/** The exit code of a run whose Stop has none. */
export function exitCodeOf(
  status: RunStatus,
  steps: readonly RunStep[],
  plan: Pick<Plan, 'skipped'>,
): ExitCode {
  if (status === 'interrupted') return exitCodes.interrupted;
  // Advice is done by hand: poolctl cannot know whether it was.
  const acts = steps.filter(({kind}) => kind !== 'advice');
  const {verified, applied, failed, skipped, unknown, pending} = countOutcomes(acts);
  const isAnythingDone = verified + applied + unknown > 0;
  if (failed > 0 && !isAnythingDone && acts.every(({result}) => isRefused(result)))
    return exitCodes.privilege;
  if (failed > 0 || applied + unknown > 0 || pending > 0 || status !== 'done') return exitCodes.actFailed;
  // Everything had changed since the preview, so nothing was executed: also where the effects were there already.
  if (skipped > 0 && verified === 0) return exitCodes.drift;
  return countUndone(acts, plan) > 0 ? exitCodes.actFailed : exitCodes.ok;
}

/** What a run that has ended did not do: steps that were skipped, and effects that its undo leaves. */
export function countUndone(steps: readonly RunStep[], {skipped}: Pick<Plan, 'skipped'>): number {
  // A session is ended only if cancelling its statement, the step before, was not enough.
  const enough = new Set(
    steps.flatMap(({subject, result}) =>
      result?.outcome === 'verified' && subject.startsWith('backend:') ? [subject] : [],
    ),
  );
  const left = steps.filter(
    ({kind, subject, result}) =>
      kind !== 'advice' && result?.outcome === 'skipped' && !result.is_met && !enough.has(subject),
  );
  return left.length + skipped.filter(({stays}) => stays).length;
}

/** Why a run that came to its end did only a part; null if it did all, or nothing. */
export function whyPartly(steps: readonly RunStep[], plan: Pick<Plan, 'skipped'>): string | null {
  const count = countUndone(steps, plan);
  const isDone = countOutcomes(steps).verified > 0;
  return count > 0 && isDone ? `partly done: ${counted(count, 'step')} skipped` : null;
}

export function slotsOf(budget: Budget): SlotUsage {
  const {used, headroom, groups} = budget;
  return {
    used,
    headroom,
    groups: groups.map(({application_name, usename, client_addr, count}) => ({
      application_name,
      usename,
      client_addr,
      count,
    })),
  };
}

/** 42501: insufficient_privilege. Skipped and pending steps do not count. */
function isRefused(result: StepResult | null): boolean {
  return result === null || result.outcome === 'skipped' || result.sqlstate === '42501';
}

/** `run 1a2b3c4d interrupted: 3 of 5 steps done; step 4 cancelled; 1 not started`: printed after the console has closed its screen. */
export function describeInterruption({run, status, steps}: RunState): string {
  const done = steps.filter(({result}) => result?.outcome === 'verified' || result?.outcome === 'applied');
  const others = steps.flatMap(({status: at, result}, index) => {
    const name = `step ${index + 1}`;
    if (at === 'acting' || at === 'verifying') return [`${name} unknown: check the server`];
    if (result?.outcome === 'unknown') return [`${name} ended, whether by poolctl is unknown`];
    if (result?.outcome !== 'failed') return [];
    const what = result.sqlstate === queryCanceled ? 'cancelled' : 'failed';
    return [`${name} ${what}${result.has_leftover ? ', leaving something behind' : ''}`];
  });
  const count = (is: (step: RunState['steps'][number]) => boolean) => steps.filter(is).length;
  const skipped = count(({result}) => result?.outcome === 'skipped');
  const pending = count(({status: at}) => at === 'pending');
  return [
    `run ${run} ${status ?? 'has not ended'}: ${done.length} of ${counted(steps.length, 'step')} done`,
    ...others,
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(pending > 0 ? [`${pending} not started`] : []),
  ].join('; ');
}

const queryCanceled = '57014';

/** Why an act is refused where the user forbids them all; `source` is what says so: `--read-only`. */
export function whyReadOnly(source: string): string {
  return `poolctl is read-only here (${source}): nothing was changed`;
}

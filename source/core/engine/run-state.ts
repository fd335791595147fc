import {type ExitCode, exitCodes} from '../errors.ts';
import type {StepProgress, StepResult} from '../ports.ts';
import type {GroupKey, Plan} from '../recipe.ts';
import type {ServerIdentity} from '../server-identity.ts';
import type {Budget} from '../snapshot.ts';
import type {Step} from '../step.ts';

/** Slots as a run watches them; poolctl's own sessions are in `used` and in no group. */
export type SlotReading = {used: number; headroom: number; groups: (GroupKey & {count: number})[]};

export type RunStep = {
  kind: Step['kind'];
  title: string;
  subject: string;
  status: 'pending' | 'acting' | 'verifying' | 'ended';
  /** How far the server is with it, where it tells. */
  progress: StepProgress | null;
  result: StepResult | null;
};

export type RunStatus = 'done' | 'stopped' | 'failed' | 'interrupted';

/** A run as it stands: plain data, a fresh value at every change. */
export type RunState = {
  run: string;
  recipe: string;
  target: string;
  server: ServerIdentity;
  plan_hash: string;
  phase: 'preparing' | 'acting' | 'verifying' | 'pausing' | 'ended';
  steps: RunStep[];
  /** The step being carried out, or the next one while pausing; null before and after. */
  current: number | null;
  /** How long the pause between batches is; null when there is none now. */
  pause_ms: number | null;
  /** null where the slots could not be read. */
  before: SlotReading | null;
  after: SlotReading | null;
  /** null until it ended. */
  status: RunStatus | null;
  /** Why it did not come to its end, or what is to be known although it did. */
  reason: string | null;
  hint: string | null;
  /** The contract's; null until it ended. */
  exit_code: ExitCode | null;
};

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

/** What a script sees of a run that ended by itself, by the contract. */
export function exitCodeOf(status: RunStatus, steps: readonly RunStep[]): ExitCode {
  if (status === 'interrupted') return exitCodes.interrupted;
  // Advice is for a person: whether it was followed nobody here can tell.
  const acts = steps.filter(({kind}) => kind !== 'advice');
  const {verified, applied, failed, skipped, unknown, pending} = countOutcomes(acts);
  const isAnythingDone = verified + applied + unknown > 0;
  if (failed > 0 && !isAnythingDone && acts.every(({result}) => isRefused(result)))
    return exitCodes.privilege;
  if (failed > 0 || applied + unknown > 0 || pending > 0 || status !== 'done') return exitCodes.actFailed;
  // Every session had changed since the preview: nothing was done.
  return skipped > 0 && verified === 0 ? exitCodes.drift : exitCodes.ok;
}

export function slotsOf(budget: Budget): SlotReading {
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

/** 42501: insufficient_privilege. A step that was not needed after all does not make it less of a refusal. */
function isRefused(result: StepResult | null): boolean {
  return result === null || result.outcome === 'skipped' || result.sqlstate === '42501';
}

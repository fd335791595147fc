import type {RunState} from '../../model/run.ts';
import {blockerOf, currentStep, isUnderWay, type RecipeWizard, type RunSlice} from './run.ts';

type Runs = Pick<RunSlice, 'wizard' | 'leftRun'>;

/** The run on the screen goes on behind what is opened instead. */
export function leaveRun<State extends Runs>(state: State): State {
  const {wizard} = state;
  return wizard?.stage === 'running'
    ? {...state, wizard: null, leftRun: {...wizard, asksToStop: false}}
    : state;
}

/** Which wizard this run is of: the one on the screen or the one that was left; null if it was closed. */
export function wizardOfRun({wizard, leftRun}: Runs, run: string | null): 'wizard' | 'leftRun' | null {
  const isOf = (each: RecipeWizard | null) => each?.stage === 'running' && (each.run?.run ?? run) === run;
  return isOf(leftRun) && leftRun?.run
    ? 'leftRun'
    : isOf(wizard)
      ? 'wizard'
      : isOf(leftRun)
        ? 'leftRun'
        : null;
}

/** One run is left at a time, also one whose end was not seen yet. */
export const whyNotLeave = 'another run is in the background: v shows it';

/** Why this wizard's plan cannot be executed now; null if it can: one run at a time, but for what ends the session that it waits for. */
export function whyNotYet({leftRun}: Pick<Runs, 'leftRun'>, {isForRun}: RecipeWizard): string | null {
  if (leftRun?.stage !== 'running' || isForRun) return null;
  return `${nameOf(leftRun)} is running, one run at a time: v shows it`;
}

/** Why only Ctrl-C quits: it would stop the run that was left. null where none is under way. */
export function whyNotQuit({leftRun}: Pick<Runs, 'leftRun'>): string | null {
  return leftRun?.stage === 'running'
    ? `${nameOf(leftRun)} is running: v shows it, Ctrl-C stops it and quits`
    : null;
}

/** Whether to end this session is what the run under way waits for. */
export function isWaitedFor({wizard, leftRun}: Runs, pid: number): boolean {
  return [wizard, leftRun].some(each => each?.stage === 'running' && blockerOf(each)?.pid === pid);
}

/** `repair-invalid-indexes: step 2 of 2, building index: scanning table, waits for 4711 web/app idle in transaction`. */
export function describeLeft(left: RecipeWizard): string {
  const {run, error, stage} = left;
  if (stage !== 'running') return `${nameOf(left)}: ${error ?? run?.status ?? 'ended'}`;
  const at = run === null || run.current === null ? 'under way' : describeAt(left, run, run.current);
  return `${nameOf(left)}: ${at}`;
}

function describeAt(left: RecipeWizard, {steps, phase}: RunState, current: number): string {
  const step = `step ${current + 1} of ${steps.length}`;
  if (left.stopping !== null) return `${step}, stopping`;
  const progress = currentStep(left)?.state.progress;
  const blocker = blockerOf(left);
  const isActing = steps[current] !== undefined && isUnderWay(steps[current]);
  const what = progress?.phase ?? (isActing || phase === 'pausing' ? phase : 'next');
  return `${step}, ${what}${blocker === null ? '' : `, waits for ${blocker.pid} ${blocker.description}`}`;
}

function nameOf({recipe, undoes}: RecipeWizard): string {
  return undoes === null ? recipe : `undo of run ${undoes}`;
}

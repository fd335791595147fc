import type {JournalEntry} from '../chain/journal.ts';
import {usageError} from '../errors.ts';
import {counted} from '../format.ts';
import type {StepResult} from '../ports.ts';
import type {Plan, Protected} from '../recipe.ts';
import type {SqlStep, Step} from '../step.ts';
import {invertChange} from './file-change.ts';

type RunEntry = JournalEntry & {event: 'run'};

/** One step of an earlier run as the journal has it; no result means that nobody knows whether it happened. */
type DoneStep = {index: number; step: Step; result: StepResult | null};

export type JournaledRun = {
  run: RunEntry;
  steps: DoneStep[];
  /** The run that has taken it back, or tried to. */
  undone_by: string | null;
};

/**
 * A run by its id or the beginning of it. Throws AbortError (exit 2) where there is none or more than one.
 */
export function findRun(entries: readonly JournalEntry[], id: string): JournaledRun {
  const runs = entries.filter((entry): entry is RunEntry => entry.event === 'run');
  const exact = runs.filter(({run}) => run === id);
  const [run, ...others] = exact.length > 0 ? exact : runs.filter(({run: each}) => each.startsWith(id));
  if (run === undefined || others.length > 0) {
    throw usageError(
      run === undefined ? `no run "${id}" in the journal` : `"${id}" is not one run alone`,
      "'poolctl journal list' names the runs",
    );
  }
  const own = entries.filter(entry => entry.run === run.run);
  const results = new Map(
    own.flatMap(entry => (entry.event === 'outcome' ? [[entry.step, entry] as const] : [])),
  );
  return {
    run,
    steps: own.flatMap(entry =>
      entry.event === 'intent'
        ? [{index: entry.step, step: entry.content, result: results.get(entry.step) ?? null}]
        : [],
    ),
    undone_by: runs.findLast(({undoes}) => undoes === run.run)?.run ?? null,
  };
}

/**
 * What takes a run back, from its journal alone: the last step first, each with the guard that its undo declares.
 * What cannot be taken back is in `left_alone`, with the reason.
 */
export function planUndo({run, steps, undone_by}: JournaledRun): Plan {
  const undone: Step[] = [];
  const left_alone: Protected[] = [];
  for (const {step, result} of steps.toReversed()) {
    const reason = whyNot(step, result);
    const sweep = result?.has_leftover ? sweepStep(step) : null;
    if (sweep !== null) undone.push(sweep);
    else if (reason === null) undone.push(invertStep(step));
    else left_alone.push({subject: step.subject, description: step.title, reason});
  }
  return {
    recipe: run.recipe,
    params: run.params,
    undoes: run.run,
    explanation: explain(run, undone.length, undone_by),
    steps: undone,
    left_alone,
    batch_size: Math.max(1, undone.length),
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

function explain({run, recipe, at, actor}: RunEntry, count: number, undone_by: string | null): string[] {
  const steps = counted(count, 'step');
  return [
    `Takes back ${steps} of run ${run} (${recipe}, ${at}, by ${actor}).`,
    ...(undone_by === null ? [] : [`Run ${undone_by} has done so before: what is as it was is left alone.`]),
  ];
}

function whyNot(step: Step, result: StepResult | null): string | null {
  if (step.kind === 'advice') return 'advice: poolctl changed nothing';
  if (result?.outcome === 'failed') return 'it failed: nothing was changed';
  if (result?.outcome === 'skipped') return 'it was left alone: nothing was changed';
  if (step.kind === 'sql' && step.undo === 'irreversible') return 'cannot be undone';
  return null;
}

function invertStep(step: Step): Step {
  const title = `undo: ${step.title}`;
  if (step.kind === 'file') {
    return {...step, title, change: invertChange(step.change), diff: invertDiff(step.diff)};
  }
  if (step.kind !== 'sql' || step.undo === 'irreversible') return {...step, title};
  return {...withoutMeans(step), title, ...step.undo, undo: redoOf(step)};
}

/** What goes stands before what comes, as in any diff. */
function invertDiff(diff: readonly string[]): string[] {
  return diff
    .map(line => line.replace(/^[+-]/, sign => (sign === '+' ? '-' : '+')))
    .reduce<string[]>((lines, line) => {
      const at = line.startsWith('-') ? lines.findLastIndex(each => !each.startsWith('+')) + 1 : lines.length;
      return lines.toSpliced(at, 0, line);
    }, []);
}

/** What a failed act left behind, where its own cleanup could not remove it. */
function sweepStep(step: Step): SqlStep | null {
  if (step.kind !== 'sql' || step.cleanup === undefined || step.undo === 'irreversible') return null;
  const {guard, apply} = step.cleanup;
  const {verify, progress} = step.undo;
  const means = {guard, apply, verify, ...(progress !== undefined && {progress})};
  const title = `sweep away what is left of: ${step.title}`;
  return {...withoutMeans(step), title, ...means, undo: 'irreversible'};
}

/** What belongs to the act alone: its cleanup would sweep away what the undo brings back. */
function withoutMeans({cleanup: _c, guard: _g, measures: _m, progress_pid: _p, ...step}: SqlStep): SqlStep {
  return step;
}

function redoOf({apply, guard, verify}: SqlStep) {
  return {apply, verify, ...(guard !== undefined && {guard})};
}

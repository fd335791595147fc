import {canonicalJson} from '../chain/canonical.ts';
import {hostOf, type JournalEntry} from '../chain/journal.ts';
import {AbortError, exitCodes, usageError} from '../errors.ts';
import {counted} from '../format.ts';
import type {StepResult} from '../ports.ts';
import type {Plan, Protected} from '../recipe.ts';
import {
  type Pin,
  type PinnedSql,
  type Pins,
  type SqlStep,
  type Step,
  secretReason,
  type Undo,
  undoOf,
  type Verification,
  withoutUndoText,
} from '../step.ts';
import {isWithheld, wasRedacted} from '../step-secrets.ts';
import {invertChange} from './file-change.ts';

type RunEntry = JournalEntry & {event: 'run'};

/** One step of an earlier run as the journal has it. */
type DoneStep = {
  step: Step;
  /** null: nobody knows whether it happened. */
  result: StepResult | null;
  /** The run that took it back, where that has not been taken back in turn. */
  undone_by: RunEntry | null;
};

export type JournaledRun = {
  run: RunEntry;
  steps: DoneStep[];
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
  return journaledRun(run, entries);
}

/** The runs that took this one back and still stand, the first one first; and whether anything is left to take back. */
export function undoStateOf(
  entries: readonly JournalEntry[],
  id: string,
): {undone_by: string[]; is_undoable: boolean} {
  const run = entries.find((entry): entry is RunEntry => entry.event === 'run' && entry.run === id);
  if (run === undefined) return {undone_by: [], is_undoable: false};
  const journaled = journaledRun(run, entries);
  const standing = journaled.steps.flatMap(({undone_by}) => undone_by ?? []).sort((a, b) => a.seq - b.seq);
  return {
    undone_by: [...new Set(standing.map(each => each.run))],
    is_undoable: planUndo(journaled).steps.length > 0,
  };
}

function journaledRun(run: RunEntry, entries: readonly JournalEntry[]): JournaledRun {
  const own = entries.filter(entry => entry.run === run.run);
  // A step's first outcome is the one that counts.
  const results = new Map(
    own.flatMap(entry => (entry.event === 'outcome' ? [[entry.step, entry] as const] : [])).toReversed(),
  );
  const undoing = entries
    .filter((entry): entry is RunEntry => entry.event === 'run' && entry.undoes === run.run)
    .map(entry => journaledRun(entry, entries));
  return {
    run,
    steps: own.flatMap(entry => {
      if (entry.event !== 'intent') return [];
      const {step, content} = entry;
      const result = results.get(step) ?? null;
      return [{step: content, result, undone_by: findUndo(invertStep(content, result?.pins), undoing)}];
    }),
  };
}

/** Of the runs that took a run back the last that did so with this step's inverse, and still stands. */
function findUndo(inverse: Step, undoing: readonly JournaledRun[]): RunEntry | null {
  const act = actOf(inverse);
  const isUndo = (each: DoneStep) =>
    (each.result?.outcome === 'verified' || each.result?.outcome === 'applied') &&
    each.undone_by === null &&
    actOf(each.step) === act;
  return undoing.findLast(({steps}) => steps.some(isUndo))?.run ?? null;
}

/** By what a step does; how it is guarded and verified may have been written otherwise by an older poolctl. */
function actOf(step: Step): string {
  const {kind, title, subject} = step;
  const act = step.kind === 'sql' ? step.apply : step.kind === 'file' ? [step.path, step.change] : step.text;
  return canonicalJson({kind, title, subject, act});
}

/**
 * What takes a run back, from its journal alone: the last step first, each with the guard that its undo declares.
 * What cannot be taken back is in `left_alone`, with the reason: a file of another machine than `host` too. Throws
 * AbortError (exit 6) while a process, `acting_pid`, is still at the run, and where all there is to take back is there.
 */
export function planUndo(
  {run, steps}: JournaledRun,
  acting_pid: number | null = null,
  host: string | null = null,
): Plan {
  if (acting_pid !== null) {
    throw new AbortError(`run ${run.run} is under way (pid ${acting_pid}): nothing was done`, {
      hint: 'Wait for its end, or interrupt it where it runs.',
      exitCode: exitCodes.drift,
    });
  }
  const undone: Step[] = [];
  const left_alone: Protected[] = [];
  let is_elsewhere = false;
  for (const {step, result, undone_by} of steps.toReversed()) {
    let reason = whyNot(step, result, undone_by);
    if (reason === null && step.kind === 'file' && host !== null && host !== hostOf(run)) {
      is_elsewhere = true;
      reason = `the file is on ${hostOf(run)}, and this is ${host}`;
    }
    const sweep = result?.has_leftover ? sweepStep(step) : null;
    if (sweep !== null) undone.push(sweep);
    else if (reason === null) undone.push(invertStep(step, result?.pins));
    else left_alone.push({subject: step.subject, description: step.title, reason});
  }
  if (is_elsewhere && undone.length === 0) {
    throw new AbortError(
      `run ${run.run} changed files on ${hostOf(run)}, and this is ${host}: nothing was done`,
      {
        hint: 'Undo it there: a file of the same path here is another one.',
        exitCode: exitCodes.drift,
      },
    );
  }
  return {
    recipe: run.recipe,
    params: run.params,
    undoes: run.run,
    explanation: explain(
      run,
      undone.length,
      steps.flatMap(step => step.undone_by ?? []),
    ),
    steps: undone,
    left_alone,
    batch_size: Math.max(1, undone.length),
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

function explain({run, recipe, at, actor}: RunEntry, count: number, undone_by: RunEntry[]): string[] {
  const what = `run ${run} (${recipe}, ${at}, by ${actor})`;
  const [last] = undone_by.toSorted((a, b) => b.seq - a.seq);
  if (last !== undefined && count === 0)
    return [`Already undone: ${what}, by ${describeUndo(last)}. There is nothing to do.`];
  if (count === 0) return [`Nothing to take back of ${what}.`];
  return [
    `Takes back ${counted(count, 'step')} of ${what}.`,
    ...(last === undefined ? [] : [`${counted(undone_by.length, 'step')} of it undone already.`]),
  ];
}

/** `run 1a2b3c4d (2026-11-21T06:34:48.000Z, by ann@laptop)`. */
function describeUndo({run, at, actor}: RunEntry): string {
  return `run ${run} (${at}, by ${actor})`;
}

function whyNot(step: Step, result: StepResult | null, undone_by: RunEntry | null): string | null {
  if (undone_by !== null) return `already undone by ${describeUndo(undone_by)}`;
  if (step.kind === 'advice') return 'advice: poolctl changed nothing';
  if (result?.outcome === 'failed') return 'it failed: nothing was changed';
  if (result?.outcome === 'skipped') return 'it was left alone: nothing was changed';
  if (step.holds_secret) return `cannot be undone: ${secretReason}`;
  const undo = step.kind === 'sql' ? (withoutUndoText(step) ?? undoOf(step)) : step.change;
  if (typeof undo === 'string') return undo;
  return wasRedacted(undo) ? 'cannot be undone: this journal masked what looked like a secret in it' : null;
}

/** `pins`: what the step's outcome tells of what it made. */
function invertStep(step: Step, pins: Pins | undefined): Step {
  const title = `undo: ${step.title}`;
  if (step.kind === 'file') {
    return {...step, title, change: invertChange(step.change), diff: invertDiff(step.diff)};
  }
  const undo = step.kind === 'sql' ? undoOf(step) : null;
  if (step.kind !== 'sql' || undo === null) return {...step, title};
  const {guard, verify, proof, undo: next, ...means} = undo;
  const redo = next ?? redoOf(step);
  const back = isWithheld(redo) ? {undo: 'irreversible' as const, holds_secret: true as const} : {undo: redo};
  return {
    ...withoutMeans(step),
    title,
    ...means,
    ...(guard !== undefined && {guard: withPins(guard, pins)}),
    verify: withPins(verify, pins),
    ...(proof !== undefined && {proof: withPins(proof, pins)}),
    ...back,
  };
}

/** What is not known of what was made is null: the query says what that means. */
function withPins({query, expect}: Verification<PinnedSql>, pins: Pins | undefined): Verification {
  const values = query.values.map(value => (isPin(value) ? (pins?.[value.pin] ?? null) : value));
  return {query: {...query, values}, expect};
}

function isPin(value: PinnedSql['values'][number]): value is Pin {
  return typeof value === 'object' && value !== null && 'pin' in value;
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
  const undo = step.kind === 'sql' ? undoOf(step) : null;
  if (step.kind !== 'sql' || step.cleanup === undefined || undo === null) return null;
  if (isWithheld(step.cleanup) || wasRedacted(step.cleanup)) return null;
  const {guard, apply} = step.cleanup;
  const {progress} = undo;
  const verify = withPins(undo.verify, undefined);
  const means = {guard, apply, verify, ...(progress !== undefined && {progress})};
  const title = `sweep away what is left of: ${step.title}`;
  return {...withoutMeans(step), title, ...means, undo: 'irreversible'};
}

/** What belongs to the act alone: its cleanup would sweep away what the undo brings back. */
function withoutMeans(step: SqlStep): SqlStep {
  const {
    afterwards: _a,
    cleanup: _c,
    guard: _g,
    measures: _m,
    pins: _p,
    progress_pid: _s,
    proof: _r,
    ...rest
  } = step;
  return rest;
}

/** The act as the undo of its undo, which is then taken back as the act was. */
function redoOf(step: SqlStep): Undo {
  const {apply, verify} = step;
  const names = ['afterwards', 'cleanup', 'guard', 'pins', 'progress', 'proof'] as const;
  const means = Object.fromEntries(
    names.flatMap(name => (step[name] === undefined ? [] : [[name, step[name]]])),
  );
  const undo = undoOf(step);
  return {apply, verify, ...means, ...(undo !== null && {undo})};
}

import type {JournalEntry, ProcessIdentity} from '../../model/journal-entry.ts';
import type {Plan, Skipped} from '../../model/plan.ts';
import type {StepResult} from '../../model/run.ts';
import type {Pins, Step} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {AbortError, exitCodes, usageError} from '../errors.ts';
import {compareServers, nameServer, serverDifference, serverDoubt} from '../server/server-identity.ts';
import {counted, formatVersion} from '../text/format.ts';
import {cleanupStep, effectKey, invertStep} from './invert-step.ts';
import {secretReason, undoOf, withoutUndoText} from './step.ts';
import {wasRedacted} from './step-secrets.ts';

type RunEntry = JournalEntry & {event: 'run'};

/** One step of an earlier run as the journal has it. */
type DoneStep = {
  step: Step;
  /** null: nobody knows whether it happened. */
  result: StepResult | null;
  /** The run that took it back, where that has not been taken back in turn. */
  undone_by: RunEntry | null;
  /** Of what it made, or what an undo of its undo made in its place. */
  pins: Pins | undefined;
  /** Of what its undo made. */
  redo_pins: Pins | undefined;
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
    is_undoable: planSteps(journaled).steps.length > 0,
  };
}

function journaledRun(run: RunEntry, entries: readonly JournalEntry[]): JournaledRun {
  // What came before cannot have taken it back, whatever it says: a run that undoes itself has no end.
  const later = entries.slice(entries.indexOf(run) + 1);
  const own = later.filter(entry => entry.run === run.run);
  // A step's first outcome is the one that counts.
  const results = new Map(
    own.flatMap(entry => (entry.event === 'outcome' ? [[entry.step, entry] as const] : [])).toReversed(),
  );
  const undoing = later
    .filter((entry): entry is RunEntry => entry.event === 'run' && entry.undoes === run.run)
    .map(entry => journaledRun(entry, later));
  return {
    run,
    steps: own.flatMap(entry => {
      if (entry.event !== 'intent') return [];
      const {step, content} = entry;
      return [undoneOf({step: content, result: results.get(step) ?? null}, undoing)];
    }),
  };
}

/**
 * Which of the runs that took a run back has done so with this step of it, and still stands; and how what was made is
 * known, by whatever made it last.
 */
function undoneOf(
  {step, result}: Pick<DoneStep, 'step' | 'result'>,
  undoing: readonly JournaledRun[],
): DoneStep {
  const act = effectKey(invertStep(step, undefined));
  const undos = undoing.flatMap(({run, steps}) =>
    steps.filter(each => isDone(each) && effectKey(each.step) === act).map(undo => ({run, undo})),
  );
  const last = undos.at(-1)?.undo;
  return {
    step,
    result,
    undone_by: undos.findLast(({undo}) => undo.undone_by === null)?.run ?? null,
    pins: last?.redo_pins ?? result?.pins,
    redo_pins: last?.pins,
  };
}

function isDone({result}: DoneStep): boolean {
  return result?.outcome === 'verified' || result?.outcome === 'applied';
}

/**
 * What takes a run back, from its journal alone: the last step first, each with the guard that its undo declares.
 * What cannot be taken back is in `skipped`, with the reason: a file of another machine than `host` too. Throws
 * AbortError (exit 6) where this is not the server of the run, while a process, `acting_pid`, is still at it, and where
 * all there is to take back is on another machine.
 */
export function planUndo(
  journaled: JournaledRun,
  {
    server,
    acting_pid,
    host = null,
  }: {server: ServerIdentity; acting_pid: number | null; host?: string | null},
): Plan {
  const {run} = journaled;
  if (acting_pid !== null) {
    throw new AbortError(`run ${run.run} is under way (pid ${acting_pid}): nothing was done`, {
      hint: 'Wait for its end, or interrupt it where it runs.',
      exitCode: exitCodes.drift,
    });
  }
  const recorded = run.server ?? null;
  const doubt = serverDoubt(recorded, server);
  if (recorded !== null && compareServers(recorded, server) === 'other') {
    throw new AbortError(`run ${run.run} was on another server: ${doubt}; nothing was done`, {
      hint: 'Give the address of that server.',
      exitCode: exitCodes.drift,
    });
  }
  const plan = planSteps(journaled, host);
  if (doubt === null) {
    const since = recorded === null ? null : serverDifference(recorded, server);
    return since === null ? plan : {...plan, explanation: [...plan.explanation, `Since that run: ${since}.`]};
  }
  const words = `Not proven to be the server of run ${run.run}: ${doubt}. Confirm that ${nameServer(server)} is it.`;
  return {...plan, server_doubt: doubt, explanation: [...plan.explanation, words]};
}

/** The undo as such, wherever it is asked for. */
function planSteps({run, steps}: JournaledRun, host: string | null = null): Plan {
  const undone: Step[] = [];
  const skipped: Skipped[] = [];
  let is_elsewhere = false;
  for (const {step, result, undone_by, pins} of steps.toReversed()) {
    let reason = whyNot(step, result, undone_by);
    if (reason === null && step.kind === 'file' && host !== null && host !== hostOf(run)) {
      is_elsewhere = true;
      reason = `the file is on ${hostOf(run)}, and this is ${host}`;
    }
    const sweep = result?.has_leftover ? cleanupStep(step) : null;
    if (sweep !== null) undone.push(sweep);
    else if (reason === null) undone.push(invertStep(step, pins));
    else skipped.push({subject: step.subject, description: step.title, reason});
  }
  if (is_elsewhere && undone.length === 0) {
    throw new AbortError(
      `run ${run.run} changed files on ${hostOf(run)}, and this is ${host}: nothing was done`,
      {
        hint: `Undo it there: a file of the same path here is another one. 'poolctl journal show ${run.run}' has the change.`,
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
    skipped,
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
  if (result?.outcome === 'skipped') return 'it was skipped: nothing was changed';
  if (step.holds_secret) return `cannot be undone: ${secretReason}`;
  const undo = step.kind === 'sql' ? (withoutUndoText(step) ?? undoOf(step)) : step.change;
  if (typeof undo === 'string') return undo;
  return wasRedacted(undo) ? 'cannot be undone: this journal masked what looked like a secret in it' : null;
}

/** Who did it on the server: the roles and versions of its outcomes, mostly one. */
export function actedAs(entries: readonly JournalEntry[]): string[] {
  const told = entries.flatMap(entry => (entry.event === 'outcome' ? (entry.acted_as ?? []) : []));
  return [
    ...new Set(
      told.map(({role, server_version_num}) => `${role} on PostgreSQL ${formatVersion(server_version_num)}`),
    ),
  ];
}

/** The machine that a run was executed on; older journals say so in its actor alone (`user@host`). */
export function hostOf({process, actor}: {process?: ProcessIdentity | undefined; actor: string}): string {
  return process?.host ?? actor.slice(actor.lastIndexOf('@') + 1);
}

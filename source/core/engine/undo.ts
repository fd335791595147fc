import type {JournalEntry, ProcessIdentity} from '../../model/journal-entry.ts';
import type {Plan, Skipped} from '../../model/recipe.ts';
import type {StepResult} from '../../model/run.ts';
import type {Pins, Step} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {AbortError, exitCodes, usageError} from '../errors.ts';
import {oneBatch} from '../recipe/one-batch.ts';
import {compareServers, nameServer, serverDifference, serverDoubt} from '../server/server-identity.ts';
import {counted, formatVersion} from '../text/format.ts';
import {cleanupStep, effectKey, invertStep} from './invert-step.ts';
import {secretReason, undoOf, wasRedacted, withoutUndoText} from './step.ts';

type RunEntry = JournalEntry & {event: 'run'};

/** A journaled step of an earlier run. */
type DoneStep = {
  step: Step;
  /** Null: unknown whether it took effect. */
  result: StepResult | null;
  /** The run that undid it, unless that run was undone in turn. */
  undone_by: RunEntry | null;
  /** Pins of what it created, or of what a redo created in its place. */
  pins: Pins | undefined;
  /** Pins of what its undo created. */
  redo_pins: Pins | undefined;
};

export type JournaledRun = {
  run: RunEntry;
  steps: DoneStep[];
};

/** A run by its id or a unique prefix. Throws AbortError (exit 2) if none or several match. */
export function findRun(entries: readonly JournalEntry[], id: string): JournaledRun {
  const runs = entries.filter((entry): entry is RunEntry => entry.event === 'run');
  const exact = runs.filter(({run}) => run === id);
  const [run, ...others] = exact.length > 0 ? exact : runs.filter(({run: each}) => each.startsWith(id));
  if (run === undefined || others.length > 0) {
    throw usageError(
      run === undefined ? `no run "${id}" in the journal` : `"${id}" matches several runs`,
      "'poolctl journal list' lists them",
    );
  }
  return journaledRun(run, entries);
}

/** The runs that undid this one and were not undone themselves, oldest first, and whether anything is left to undo. */
export function undoStateOf(
  entries: readonly JournalEntry[],
  id: string,
): {undone_by: string[]; is_undoable: boolean} {
  const run = entries.find((entry): entry is RunEntry => entry.event === 'run' && entry.run === id);
  if (run === undefined) return {undone_by: [], is_undoable: false};
  const journaled = journaledRun(run, entries);
  const activeUndos = journaled.steps.flatMap(({undone_by}) => undone_by ?? []).sort((a, b) => a.seq - b.seq);
  return {
    undone_by: [...new Set(activeUndos.map(each => each.run))],
    is_undoable: planSteps(journaled).steps.length > 0,
  };
}

function journaledRun(run: RunEntry, entries: readonly JournalEntry[]): JournaledRun {
  // Entries before this run cannot undo it; ignoring them also ends the recursion for a forged run that undoes itself.
  const later = entries.slice(entries.indexOf(run) + 1);
  const own = later.filter(entry => entry.run === run.run);
  // A step's first outcome is authoritative.
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
 * Finds the run that undid this step and was not undone itself, and the pins of what the step, or its latest redo, created.
 */
function undoneOf(
  {step, result}: Pick<DoneStep, 'step' | 'result'>,
  undoing: readonly JournaledRun[],
): DoneStep {
  const effect = effectKey(invertStep(step, undefined));
  const undos = undoing.flatMap(({run, steps}) =>
    steps.filter(each => isDone(each) && effectKey(each.step) === effect).map(undo => ({run, undo})),
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
 * Plans the undo of a run from its journal alone: last step first, each with the guard of its undo. Steps that cannot be
 * undone are in `skipped` with the reason, including files of another machine than `host`. Throws AbortError (exit 6) on
 * another server, while process `acting_pid` is still executing the run, and if everything to undo is on another machine.
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
    throw new AbortError(`run ${run.run} is running (pid ${acting_pid}): nothing was done`, {
      hint: 'Wait until it ends, or interrupt it where it runs.',
      exitCode: exitCodes.drift,
    });
  }
  const recorded = run.server ?? null;
  const doubt = serverDoubt(recorded, server);
  if (recorded !== null && compareServers(recorded, server) === 'other') {
    throw new AbortError(`run ${run.run} was on another server: ${doubt}; nothing was done`, {
      hint: 'Connect to that server.',
      exitCode: exitCodes.drift,
    });
  }
  const plan = planSteps(journaled, host);
  if (doubt === null) {
    const since = recorded === null ? null : serverDifference(recorded, server);
    return since === null ? plan : {...plan, explanation: [...plan.explanation, `Since that run: ${since}.`]};
  }
  const confirmation = `Cannot prove that this is the server of run ${run.run}: ${doubt}. Confirm that it is ${nameServer(server)}.`;
  return {...plan, server_doubt: doubt, explanation: [...plan.explanation, confirmation]};
}

/** The undo plan, without the checks of the server. */
function planSteps({run, steps}: JournaledRun, host: string | null = null): Plan {
  const undone: Step[] = [];
  const skipped: Skipped[] = [];
  let is_elsewhere = false;
  for (const {step, result, undone_by, pins} of steps.toReversed()) {
    let reason = skipReason(step, result, undone_by);
    let stays = reason === maskedReason;
    if (reason === null && step.kind === 'file' && host !== null && host !== hostOf(run)) {
      is_elsewhere = true;
      stays = true;
      reason = `the file is on ${hostOf(run)}, and this is ${host}`;
    }
    const cleanup = result?.has_leftover ? cleanupStep(step) : null;
    if (cleanup !== null) undone.push(cleanup);
    else if (reason === null) undone.push(invertStep(step, pins));
    else skipped.push({subject: step.subject, description: step.title, reason, ...(stays && {stays: true})});
  }
  const undone_by = steps.flatMap(step => step.undone_by ?? []);
  // Beside steps that are undone, what its run's preview called irreversible is expected to stay.
  const isVain = undone.length === 0 && undone_by.length === 0;
  if (is_elsewhere && undone.length === 0) {
    throw new AbortError(
      `run ${run.run} changed files on ${hostOf(run)}, and this is ${host}: nothing was done`,
      {
        hint: `Undo it on that machine. 'poolctl journal show ${run.run}' shows the change.`,
        exitCode: exitCodes.drift,
      },
    );
  }
  return {
    recipe: run.recipe,
    params: run.params,
    undoes: run.run,
    explanation: explain(run, {count: undone.length, skipped, undone_by}),
    steps: undone,
    skipped: isVain ? skipped.map(each => (isIrreversible(each) ? {...each, stays: true} : each)) : skipped,
    ...oneBatch(undone),
  };
}

function explain(
  {run, recipe, at, actor}: RunEntry,
  {count, skipped, undone_by}: {count: number; skipped: readonly Skipped[]; undone_by: readonly RunEntry[]},
): string[] {
  const what = `run ${run} (${recipe}, ${at}, by ${actor})`;
  const [last] = undone_by.toSorted((a, b) => b.seq - a.seq);
  if (last !== undefined && count === 0)
    return [`Already undone: ${what}, by ${describeUndo(last)}. Nothing to do.`];
  if (count === 0)
    return [
      skipped.some(isIrreversible) ? `Nothing of ${what} can be undone.` : `Nothing to undo in ${what}.`,
    ];
  return [
    `Undoes ${counted(count, 'step')} of ${what}.`,
    ...(last === undefined ? [] : [`${counted(undone_by.length, 'step')} already undone.`]),
  ];
}

/** It took effect, or may have, and has no undo. */
function isIrreversible({reason}: Skipped): boolean {
  return reason.startsWith('cannot be undone');
}

/** `run 1a2b3c4d (2026-11-21T06:34:48.000Z, by ann@laptop)`. */
function describeUndo({run, at, actor}: RunEntry): string {
  return `run ${run} (${at}, by ${actor})`;
}

function skipReason(step: Step, result: StepResult | null, undone_by: RunEntry | null): string | null {
  if (undone_by !== null) return `already undone by ${describeUndo(undone_by)}`;
  if (step.kind === 'advice') return 'advice: poolctl changed nothing';
  if (result?.outcome === 'failed') return 'it failed, so it changed nothing';
  if (result?.outcome === 'skipped') return 'it was skipped: nothing was changed';
  if (step.holds_secret) return `cannot be undone: ${secretReason}`;
  const undo = step.kind === 'sql' ? (withoutUndoText(step) ?? undoOf(step)) : step.change;
  if (typeof undo === 'string') return undo;
  return wasRedacted(undo) ? maskedReason : null;
}

/** Unlike other reasons, the run's preview did not say it. */
const maskedReason = 'cannot be undone: this journal masked what looked like a secret in it';

/** `role on PostgreSQL 18.4` for each role and version in the outcomes; usually one. */
export function actedAs(entries: readonly JournalEntry[]): string[] {
  const executedAs = entries.flatMap(entry => (entry.event === 'outcome' ? (entry.acted_as ?? []) : []));
  return [
    ...new Set(
      executedAs.map(
        ({role, server_version_num}) => `${role} on PostgreSQL ${formatVersion(server_version_num)}`,
      ),
    ),
  ];
}

/** The machine that executed a run; in older journals only the actor contains it (`user@host`). */
export function hostOf({process, actor}: {process?: ProcessIdentity | undefined; actor: string}): string {
  return process?.host ?? actor.slice(actor.lastIndexOf('@') + 1);
}

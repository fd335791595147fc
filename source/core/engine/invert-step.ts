import type {Pin, PinnedSql, Pins, SqlStep, Step, Undo, Verification} from '../../model/step.ts';
import {sharpenOlderUndo} from '../indexes/older-index-undo.ts';
import {canonicalJson} from '../text/json.ts';
import {invertChange} from './file-change.ts';
import {undoOf} from './step.ts';
import {isWithheld, wasRedacted} from './step-secrets.ts';

/** The step that takes this one back. `pins`: what the step's outcome tells of what it made. */
export function invertStep(step: Step, pins: Pins | undefined): Step {
  const title = `undo: ${step.title}`;
  if (step.kind === 'file') {
    return {...step, title, change: invertChange(step.change), diff: invertDiff(step.diff)};
  }
  const undo = step.kind === 'sql' ? undoOf(step) : null;
  if (step.kind !== 'sql' || undo === null) return {...step, title};
  const {guard, verify, proof, undo: next, ...means} = sharpenOlderUndo(step, undo);
  const redo = next ?? redoOf(step);
  const back = isWithheld(redo) ? {undo: 'irreversible' as const, holds_secret: true as const} : {undo: redo};
  return {
    ...withoutEffects(step),
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
export function cleanupStep(step: Step): SqlStep | null {
  const undo = step.kind === 'sql' ? undoOf(step) : null;
  if (step.kind !== 'sql' || step.cleanup === undefined || undo === null) return null;
  if (isWithheld(step.cleanup) || wasRedacted(step.cleanup)) return null;
  const {guard, apply} = step.cleanup;
  const {progress} = undo;
  const verify = withPins(undo.verify, undefined);
  const means = {guard, apply, verify, ...(progress !== undefined && {progress})};
  const title = `sweep away what is left of: ${step.title}`;
  return {...withoutEffects(step), title, ...means, undo: 'irreversible'};
}

/** What belongs to the act alone: its cleanup would sweep away what the undo brings back. */
function withoutEffects(step: SqlStep): SqlStep {
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

/** By what a step does; how it is guarded and verified may have been written otherwise by an older poolctl. */
export function effectKey(step: Step): string {
  const {kind, title, subject} = step;
  const act = step.kind === 'sql' ? step.apply : step.kind === 'file' ? [step.path, step.change] : step.text;
  return canonicalJson({kind, title, subject, act});
}

import type {Pin, PinnedSql, Pins, SqlStep, Step, Undo, Verification} from '../../model/step.ts';
import {upgradeOlderUndo} from '../indexes/index-steps.ts';
import {canonicalJson} from '../text/json.ts';
import {invertChange, isWithheld, undoOf, wasRedacted} from './step.ts';

/** The step that undoes this one. `pins` identify what the step created, from its outcome. */
export function invertStep(step: Step, pins: Pins | undefined): Step {
  const title = `undo: ${step.title}`;
  if (step.kind === 'file') {
    return {...step, title, change: invertChange(step.change), diff: invertDiff(step.diff)};
  }
  const undo = step.kind === 'sql' ? undoOf(step) : null;
  if (step.kind !== 'sql' || undo === null) return {...step, title};
  const {guard, verify, proof, undo: next, ...means} = upgradeOlderUndo(step, undo);
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

/** Fills in pinned values; an unknown one is null, which the query handles. */
function withPins({query, expect}: Verification<PinnedSql>, pins: Pins | undefined): Verification {
  const values = query.values.map(value => (isPin(value) ? (pins?.[value.pin] ?? null) : value));
  return {query: {...query, values}, expect};
}

function isPin(value: PinnedSql['values'][number]): value is Pin {
  return typeof value === 'object' && value !== null && 'pin' in value;
}

/** Swaps `-` and `+`, and puts removed lines before added ones. */
function invertDiff(diff: readonly string[]): string[] {
  return diff
    .map(line => line.replace(/^[+-]/, sign => (sign === '+' ? '-' : '+')))
    .reduce<string[]>((lines, line) => {
      const at = line.startsWith('-') ? lines.findLastIndex(each => !each.startsWith('+')) + 1 : lines.length;
      return lines.toSpliced(at, 0, line);
    }, []);
}

/** The step that removes what a failed step left behind; null if it has no cleanup. */
export function cleanupStep(step: Step): SqlStep | null {
  const undo = step.kind === 'sql' ? undoOf(step) : null;
  if (step.kind !== 'sql' || step.cleanup === undefined || undo === null) return null;
  if (isWithheld(step.cleanup) || wasRedacted(step.cleanup)) return null;
  const {guard, apply} = step.cleanup;
  const {progress} = undo;
  const verify = withPins(undo.verify, undefined);
  const means = {guard, apply, verify, ...(progress !== undefined && {progress})};
  const title = `clean up after: ${step.title}`;
  return {...withoutEffects(step), title, ...means, undo: 'irreversible'};
}

/** The step without the members that apply to its own statement only, such as its cleanup. */
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

/** The redo: the step itself as the undo of its undo. */
function redoOf(step: SqlStep): Undo {
  const {apply, verify} = step;
  const names = ['afterwards', 'cleanup', 'guard', 'pins', 'progress', 'proof'] as const;
  const means = Object.fromEntries(
    names.flatMap(name => (step[name] === undefined ? [] : [[name, step[name]]])),
  );
  const undo = undoOf(step);
  return {apply, verify, ...means, ...(undo !== null && {undo})};
}

/** Identifies a step by its effect, since older versions wrote guards and verifications differently. */
export function effectKey(step: Step): string {
  const {kind, title, subject} = step;
  const effect =
    step.kind === 'sql' ? step.apply : step.kind === 'file' ? [step.path, step.change] : step.text;
  return canonicalJson({kind, title, subject, act: effect});
}

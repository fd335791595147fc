import type {RunState, SlotReading} from '../core/engine/engine.ts';
import type {RunStep} from '../core/engine/run-state.ts';
import type {Plan} from '../core/recipe.ts';
import type {Step} from '../core/step.ts';

/** `run --dry-run --json`: what would be done, and the hash to approve it by. */
export function planDocument(plan: Plan, target: string, hash: string) {
  return {...head(plan, target, hash), steps: plan.steps.map(stepDocument), ...rest(plan)};
}

/** `run --yes --json`: what was done, step by step, and the slots before and after. */
export function runDocument(plan: Plan, state: RunState) {
  const {target, plan_hash, run, status, reason, before, after} = state;
  return {
    ...head(plan, target, plan_hash),
    run,
    status,
    reason,
    steps: plan.steps.map((step, index) => ({...stepDocument(step), ...outcomeOf(state.steps[index])})),
    before: slots(before),
    after: slots(after),
    ...rest(plan),
  };
}

function head({recipe, params}: Plan, target: string, plan: string) {
  return {schema_version: 1, recipe, target, plan, params};
}

function rest({left_alone, slots_freed, explanation, figure = []}: Plan) {
  return {left_alone, slots_freed, explanation, figure};
}

function stepDocument(step: Step) {
  const {kind, title, subject} = step;
  if (step.kind === 'advice') return {kind, title, subject, text: step.text, undo: null, lock: 'none'};
  if (step.kind === 'file')
    return {kind, title, subject, path: step.path, diff: step.diff.join('\n'), undo: 'before', lock: 'none'};
  const undo = typeof step.undo === 'string' ? step.undo : step.undo.apply.text;
  return {kind, title, subject, sql: step.apply.text, values: step.apply.values, undo, lock: step.lock};
}

function outcomeOf(step: RunStep | undefined) {
  const result = step?.result;
  if (!result) {
    return {
      outcome: 'skipped',
      row_count: 0,
      sqlstate: null,
      duration_ms: 0,
      message: 'the run ended before it',
    };
  }
  const {outcome, row_count, sqlstate, duration_ms, message, hint} = result;
  return {outcome, row_count, sqlstate, duration_ms, message, ...(hint !== undefined && {hint})};
}

function slots(reading: SlotReading | null) {
  return reading === null ? null : {used: reading.used, headroom: reading.headroom};
}

import {secretReason, undoOf} from '../../core/engine/step.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {
  maskSecrets,
  secretParameters,
  shownExpectation,
  shownSettings,
  shownValue,
} from '../../core/sql/secrets.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {Plan} from '../../model/plan.ts';
import type {RunState, RunStep, SlotUsage} from '../../model/run.ts';
import type {Cleanup, PinnedSql, Sql, Step, Undo, Verification} from '../../model/step.ts';
import type {ServerIdentity, Target} from '../../model/target.ts';

/** `run --dry-run --json`: the steps of a plan, and the hash to approve it by. */
export function planDocument(plan: Plan, target: Pick<Target, 'id' | 'server'>, hash: string) {
  return {
    ...head(plan, target.id, hash),
    steps: plan.steps.map(stepDocument),
    ...rest(plan, serverOf(target)),
  };
}

/** `run --yes --json`: the steps with their outcomes, and the slots before and after. */
export function runDocument(plan: Plan, state: RunState) {
  const {target, server, plan_hash, run, status, reason, before, after} = state;
  return {
    ...head(plan, target, plan_hash),
    run,
    status,
    reason,
    steps: plan.steps.map((step, index) => ({...stepDocument(step), ...outcomeOf(state.steps[index])})),
    before: slots(before),
    after: slots(after),
    ...rest(plan, server),
  };
}

function head({recipe, params}: Plan, target: string, plan: string) {
  return {schema_version: 1, recipe, target, plan, params};
}

function rest({skipped, slots_freed, explanation, figure = []}: Plan, server: ServerIdentity) {
  return {server, skipped, slots_freed, explanation, figure};
}

function stepDocument(step: Step) {
  const {kind, title, subject} = step;
  if (step.kind === 'advice') return {kind, title, subject, text: step.text, undo: null, lock: 'none'};
  if (step.kind === 'file')
    return {
      ...{kind, title, subject, path: step.path, diff: redactSecrets(step.diff.join('\n')), lock: 'none'},
      ...(step.holds_secret ? {undo: 'irreversible', undo_reason: secretReason} : {undo: 'before'}),
    };
  const {lock, measures = [], transaction, timeout_ms} = step;
  const undo = undoOf(step);
  return {
    ...{kind, title, subject, ...meansDocument(step), lock, transaction, timeout_ms},
    measures: measures.map(({name, query}) => ({name, ...sqlDocument(query)})),
    undo: undo === null ? step.undo : maskSecrets(undo.apply.text),
    undo_step: undo === null ? null : meansDocument(undo),
    ...(step.holds_secret && {undo_reason: secretReason}),
  };
}

type AnySql = Sql | PinnedSql;

/** Every statement of a step or of its undo; null where it has none of a kind. */
function meansDocument({
  apply,
  guard,
  settings,
  proof,
  afterwards = [],
  pins,
  verify,
  cleanup,
}: Omit<Undo, 'undo'>) {
  return {
    ...sqlDocument(apply),
    guard: guard === undefined ? null : checkDocument(guard),
    settings: shownSettings(settings ?? {}),
    proof: proof === undefined ? null : checkDocument(proof),
    afterwards: afterwards.map(sqlDocument),
    pins: pins === undefined ? null : sqlDocument(pins),
    verify: checkDocument(verify),
    cleanup: cleanup === undefined ? null : cleanupDocument(cleanup),
  };
}

function cleanupDocument({guard, apply, settings}: Cleanup) {
  return {guard: checkDocument(guard), settings: shownSettings(settings ?? {}), ...sqlDocument(apply)};
}

function checkDocument({query, expect}: Verification<AnySql>) {
  return {...sqlDocument(query), expect: shownExpectation(expect)};
}

/** As it is executed, with its secrets masked. */
function sqlDocument({text, values}: AnySql) {
  const secret = secretParameters(text);
  return {
    sql: maskSecrets(text),
    values: values.map((value, at) => (secret.has(at + 1) ? '***' : shownValue(value))),
  };
}

function outcomeOf(step: RunStep | undefined) {
  const result = step?.result;
  if (!result) {
    return {
      outcome: 'skipped',
      row_count: 0,
      sqlstate: null,
      duration_ms: 0,
      message: 'the run ended before this step',
    };
  }
  const {outcome, row_count, sqlstate, duration_ms, message, hint} = result;
  return {outcome, row_count, sqlstate, duration_ms, message, ...(hint !== undefined && {hint})};
}

function slots(reading: SlotUsage | null) {
  return reading === null ? null : {used: reading.used, headroom: reading.headroom};
}

import {harmLines} from '../../core/assessment/recovery.ts';
import {groupSkipped, type SkippedGroup} from '../../core/engine/plan.ts';
import {countOutcomes} from '../../core/engine/run-state.ts';
import {secretReason, undoOf} from '../../core/engine/step.ts';
import {stepText} from '../../core/engine/step-preview.ts';
import {nameServer, serverOf} from '../../core/server/server-identity.ts';
import {
  maskSecrets,
  secretParameters,
  shownExpectation,
  shownSettings,
  shownValue,
} from '../../core/sql/secrets.ts';
import {formatMs, formatRatio} from '../../core/text/format.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Plan} from '../../model/recipe.ts';
import type {RunState, RunStep, SlotUsage} from '../../model/run.ts';
import type {Cleanup, PinnedSql, Sql, Step, Undo, Verification} from '../../model/step.ts';
import type {ServerIdentity, Target} from '../../model/target.ts';

/** A plan as text: its explanation, the exact statements, what is skipped, and its hash. */
export function planText(plan: Plan, target: Pick<Target, 'id' | 'server'>, hash: string): string {
  const server = target.server === undefined ? '' : ` (${nameServer(target.server)})`;
  return [
    `${plan.recipe} on ${target.id}${server}`,
    ...plan.explanation.map(text => `  ${text}`),
    ...(plan.figure === undefined ? [] : ['', ...plan.figure.map(text => `  ${text}`)]),
    ...plan.steps.flatMap((step, index) => numberedLines(step, index, plan)),
    ...(plan.skipped.length > 0 ? ['', 'skipped'] : []),
    ...groupSkipped(plan.skipped).flatMap(skippedLines),
    '',
    `plan ${hash}`,
  ]
    .map(sanitise)
    .join('\n');
}

function skippedLines({reason, members}: SkippedGroup): string[] {
  const names = members.map(({subject, description}) => `${subject}  ${description}`);
  return names.length === 1
    ? [`  ${names[0]}: ${reason}`]
    : [`  ${reason}:`, ...names.map(name => `    ${name}`)];
}

/** Prints only the values if the previous step has the same statement. */
function numberedLines(step: Step, index: number, {steps, explanation}: Plan): string[] {
  const {head, body} = stepText(step, steps[index - 1], explanation);
  return [...(head === null ? [] : ['', `${index + 1}. ${head}`]), ...body.map(text => `   ${text}`)];
}

/** The steps that ended since the last state, one line each; '' for none. */
export function progressText(before: RunState | null, state: RunState): string {
  const lines = state.steps.flatMap((step, index) => {
    const {title, result} = step;
    if (!result || before?.steps[index]?.result) return runningText(before?.steps[index], step);
    const message = result.message === null ? '' : `: ${result.message}`;
    return `${result.outcome.padEnd(8)} ${title}, ${formatMs(result.duration_ms)}${message}`;
  });
  return lines.map(sanitise).join('\n');
}

/** A line when the phase or the blocking session changes, as an index build may take hours. */
function runningText(before: RunStep | undefined, {title, progress}: RunStep): string[] {
  if (progress === null) return [];
  const {phase, done_ratio, waiting_for} = progress;
  const isSame = before?.progress?.phase === phase && before.progress.waiting_for?.pid === waiting_for?.pid;
  if (isSame) return [];
  const share = done_ratio === null ? '' : `, ${formatRatio(done_ratio, 0)}`;
  const waits = waiting_for === null ? '' : `, waiting for ${waiting_for.pid} (${waiting_for.description})`;
  return [`running  ${title}: ${phase}${share}${waits}`];
}

/** How a run ended, with the slots and the harm before and after. */
export function endText(state: RunState): string {
  const {verified, applied, failed, skipped, unknown, pending} = countOutcomes(state.steps);
  const parts = [
    `${verified} verified`,
    ...(applied > 0 ? [`${applied} applied but not verified`] : []),
    ...(unknown > 0 ? [`${unknown} unknown`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(pending > 0 ? [`${pending} not started`] : []),
  ];
  const {before, after} = state;
  const slots = before && after ? [`slots used: ${before.used} before, ${after.used} after`] : [];
  const why = state.reason === null ? [] : [state.reason];
  const hint = state.hint === null ? [] : [state.hint];
  return [
    `run ${state.run} ${state.status}: ${parts.join(', ')}`,
    ...slots,
    ...harmLines(state.harm),
    ...why,
    ...hint,
  ]
    .map(sanitise)
    .join('\n');
}

/** `run --dry-run --json`: the steps of a plan, and the hash to approve it by. */
export function planDocument(plan: Plan, target: Pick<Target, 'id' | 'server'>, hash: string) {
  return {
    ...head(plan, target.id, hash),
    steps: plan.steps.map(stepDocument),
    ...rest(plan, serverOf(target)),
  };
}

/** `run --yes --json`: the steps with their outcomes, and the slots and the harm before and after. */
export function runDocument(plan: Plan, state: RunState) {
  const {target, server, plan_hash, run, status, reason, before, after, harm} = state;
  return {
    ...head(plan, target, plan_hash),
    run,
    status,
    reason,
    steps: plan.steps.map((step, index) => ({...stepDocument(step), ...outcomeOf(state.steps[index])})),
    before: slots(before),
    after: slots(after),
    harm,
    ...rest(plan, server),
  };
}

function head({recipe, params}: Plan, target: string, plan: string) {
  return {schema_version: 1, recipe, target, plan, params};
}

function rest({skipped, slots_freed, explanation, figure = []}: Plan, server: ServerIdentity) {
  return {server, skipped, slots_freed, explanation, figure};
}

/** A step with every statement that it executes. */
export function stepDocument(step: Step) {
  const {kind, title, subject} = step;
  if (step.kind === 'advice') return {kind, title, subject, text: step.text, undo: null, lock: 'none'};
  if (step.kind === 'file')
    return {
      ...{kind, title, subject, path: step.path, diff: redactSecrets(step.diff.join('\n')), lock: 'none'},
      ...(step.holds_secret ? {undo: 'irreversible', undo_reason: secretReason} : {undo: 'before'}),
    };
  const {lock, lock_mode = null, measures = [], transaction, timeout_ms} = step;
  const undo = undoOf(step);
  return {
    ...{kind, title, subject, ...statementsDocument(step), lock, lock_mode, transaction, timeout_ms},
    measures: measures.map(({name, query}) => ({name, ...sqlDocument(query)})),
    undo: undo === null ? step.undo : maskSecrets(undo.apply.text),
    undo_step: undo === null ? null : statementsDocument(undo),
    ...(step.holds_secret && {undo_reason: secretReason}),
  };
}

type AnySql = Sql | PinnedSql;

/** Every statement of a step or of its undo; null for those it does not have. */
function statementsDocument({
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

/** A statement as executed, with its secrets masked. */
function sqlDocument({text, values, console}: AnySql) {
  const secret = secretParameters(text);
  return {
    sql: maskSecrets(text),
    values: values.map((value, at) => (secret.has(at + 1) ? '***' : shownValue(value))),
    // PgBouncer's admin console gets it, not the server.
    ...(console !== undefined && {console}),
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

function slots(usage: SlotUsage | null) {
  return usage === null ? null : {used: usage.used, headroom: usage.headroom};
}

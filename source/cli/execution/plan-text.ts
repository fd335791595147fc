import {groupSkipped, type SkippedGroup} from '../../core/engine/plan.ts';
import {countOutcomes} from '../../core/engine/run-state.ts';
import {stepText} from '../../core/engine/step-text.ts';
import {nameServer} from '../../core/server/server-identity.ts';
import {formatMs, formatRatio} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Plan} from '../../model/plan.ts';
import type {RunState, RunStep} from '../../model/run.ts';
import type {Step} from '../../model/step.ts';
import type {Target} from '../../model/target.ts';

/** A plan in words: what is wrong, the exact statements, what is skipped, and the plan's hash. */
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

/** A statement that differs from the step before in its values only is printed once. */
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

/** A line when the server's phase or the session it waits for changes: an index build may take hours. */
function runningText(before: RunStep | undefined, {title, progress}: RunStep): string[] {
  if (progress === null) return [];
  const {phase, done_ratio, waiting_for} = progress;
  const isSame = before?.progress?.phase === phase && before.progress.waiting_for?.pid === waiting_for?.pid;
  if (isSame) return [];
  const share = done_ratio === null ? '' : `, ${formatRatio(done_ratio, 0)}`;
  const waits = waiting_for === null ? '' : `, waiting for ${waiting_for.pid} (${waiting_for.description})`;
  return [`running  ${title}: ${phase}${share}${waits}`];
}

/** How a run ended, with the slots before and after. */
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
  return [`run ${state.run} ${state.status}: ${parts.join(', ')}`, ...slots, ...why, ...hint]
    .map(sanitise)
    .join('\n');
}

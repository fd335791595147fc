import {groupSkipped, type SkippedGroup} from '../../core/engine/plan.ts';
import {titleBeside} from '../../core/engine/step-preview.ts';
import {counted} from '../../core/text/format.ts';
import type {Plan} from '../../model/recipe.ts';
import type {Step} from '../../model/step.ts';
import {stepLines} from '../components/step-lines.ts';
import {heading, indented, paragraph, signed} from '../components/text-lines.ts';
import {blankLine, type Line, line, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';

/**
 * The preview: a summary, then every statement as it will run and everything skipped. Long
 * guards are shown in full only where `isUnfolded`.
 */
export function planLines(plan: Plan, width: number, theme: Theme, isUnfolded: boolean): Line[] {
  return [
    ...planSummary(plan, width),
    blankLine,
    ...plan.explanation.flatMap(text => paragraph(text, width)),
    ...(plan.figure ? [blankLine, ...plan.figure.map(text => line(`  ${text}`))] : []),
    blankLine,
    ...plan.steps.flatMap((step, index) => numberedStep(step, index, width, {plan, isFolded: !isUnfolded})),
    ...skippedLines(plan, width, theme),
  ];
}

/** The number of steps and of skipped subjects, and what cannot be undone. */
export function planSummary(plan: Plan, width: number): Line[] {
  const {steps, skipped} = plan;
  if (steps.length === 0) return [line(span('  nothing to do', 'good'), `; skipped: ${skipped.length}`)];
  const summary = `${counted(steps.length, 'step')}; skipped: ${skipped.length}`;
  return [line(span(`  ${summary}`, 'strong')), ...undoSummary(steps, width)];
}

function undoSummary(steps: Step[], width: number): Line[] {
  if (steps.every(({kind}) => kind === 'advice')) return paragraph('advice: nothing is changed', width);
  const having = (undo: 'irreversible' | 'unneeded') =>
    steps.flatMap((step, index) => (step.kind === 'sql' && step.undo === undo ? [index + 1] : []));
  const irreversible = having('irreversible');
  const unneeded = having('unneeded');
  const isOne = steps.length === 1;
  if (irreversible.length === 0 && unneeded.length > 0) {
    const isAll = steps.every((step, index) => step.kind === 'advice' || unneeded.includes(index + 1));
    if (isAll) return paragraph(isOne ? 'it needs no undo' : 'none of them needs an undo', width);
    return paragraph(`each of them can be undone, or needs no undo: ${unneeded.join(', ')}`, width);
  }
  if (irreversible.length === 0)
    return paragraph(isOne ? 'it can be undone' : 'each of them can be undone', width);
  const which =
    irreversible.length === steps.length
      ? `${isOne ? 'it cannot' : 'none of them can'} be undone`
      : `${irreversible.length} of ${steps.length} cannot be undone: ${irreversible.join(', ')}`;
  return paragraph(which, width, 'warning');
}

function skippedLines({skipped}: Plan, width: number, theme: Theme): Line[] {
  if (skipped.length === 0) return [];
  return [
    blankLine,
    heading('skipped'),
    ...groupSkipped(skipped).flatMap(group => skippedGroup(group, width, theme)),
  ];
}

function skippedGroup({reason, members}: SkippedGroup, width: number, {symbols}: Theme): Line[] {
  const names = members.map(({subject, description}) => `${subject} ${description}`);
  const isOne = names.length === 1;
  const head = isOne ? `${names[0]}: ${reason}` : `${reason}:`;
  return [
    ...signed(symbols.bullet, 'muted', head, width, 'plain'),
    ...(isOne ? [] : names.flatMap(name => indented(name, width, 6))),
  ];
}

function numberedStep(
  step: Step,
  index: number,
  width: number,
  {plan: {steps, explanation}, isFolded}: {plan: Plan; isFolded: boolean},
): Line[] {
  const title = titleBeside(step, explanation);
  return [
    ...signed(String(index + 1).padStart(3), 'muted', title, width, 'strong'),
    ...stepLines(step, width, {before: steps[index - 1], isFolded}),
  ];
}

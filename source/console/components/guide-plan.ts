import {counted} from '../../core/format.ts';
import type {Plan} from '../../core/recipe.ts';
import type {Step} from '../../core/step.ts';
import {blankLine, type Line, line, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {stepLines} from './step-lines.ts';
import {heading, paragraph, signed} from './text-lines.ts';

/**
 * The preview: what must be known in one line, then every statement as it will run and everyone left alone. Long
 * guards are whole only where `isUnfolded`.
 */
export function planLines(plan: Plan, width: number, theme: Theme, isUnfolded: boolean): Line[] {
  return [
    ...planSummary(plan, width),
    blankLine,
    ...plan.explanation.flatMap(text => paragraph(text, width)),
    ...(plan.figure ? [blankLine, ...plan.figure.map(text => line(`  ${text}`))] : []),
    blankLine,
    ...plan.steps.flatMap((step, index) =>
      numberedStep(step, index, width, {before: plan.steps[index - 1], isFolded: !isUnfolded}),
    ),
    ...leftAloneLines(plan, width, theme),
  ];
}

/** How much, whom not, and what cannot be taken back. */
export function planSummary(plan: Plan, width: number): Line[] {
  const {steps, left_alone} = plan;
  if (steps.length === 0)
    return [line(span('  nothing to do', 'good'), `; left alone: ${left_alone.length}`)];
  const summary = `${counted(steps.length, 'step')}; left alone: ${left_alone.length}`;
  return [line(span(`  ${summary}`, 'strong')), ...undoSummary(steps, width)];
}

function undoSummary(steps: Step[], width: number): Line[] {
  if (steps.every(({kind}) => kind === 'advice')) return paragraph('advice: nothing is changed', width);
  const irreversible = steps.flatMap((step, index) =>
    step.kind === 'sql' && step.undo === 'irreversible' ? [index + 1] : [],
  );
  const isOne = steps.length === 1;
  if (irreversible.length === 0)
    return paragraph(isOne ? 'it can be undone' : 'each of them can be undone', width);
  const which =
    irreversible.length === steps.length
      ? `${isOne ? 'it cannot' : 'none of them can'} be undone`
      : `${irreversible.length} of ${steps.length} cannot be undone: ${irreversible.join(', ')}`;
  return paragraph(which, width, 'warning');
}

function leftAloneLines({left_alone}: Plan, width: number, theme: Theme): Line[] {
  if (left_alone.length === 0) return [];
  return [
    blankLine,
    heading('left alone'),
    ...left_alone.flatMap(({subject, description, reason}) =>
      signed(theme.symbols.bullet, 'muted', `${subject} ${description}: ${reason}`, width, 'plain'),
    ),
  ];
}

function numberedStep(
  step: Step,
  index: number,
  width: number,
  shown: {before: Step | undefined; isFolded: boolean},
): Line[] {
  return [
    ...signed(String(index + 1).padStart(3), 'muted', step.title, width, 'strong'),
    ...stepLines(step, width, shown),
  ];
}

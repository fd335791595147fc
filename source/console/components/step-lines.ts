import type {StepLine} from '../../core/engine/step-preview.ts';
import {stepLines as describeStep} from '../../core/engine/step-preview.ts';
import type {Step} from '../../model/step.ts';
import type {Line, Role} from '../screen/line.ts';
import {indented, shorten} from './text-lines.ts';

const indent = 6;

/**
 * What a step runs: the statement is always complete, however narrow the terminal. What `before` showed is not
 * repeated; `isFolded` shortens a long guard to one line.
 */
export function stepLines(
  step: Step,
  width: number,
  {before, isFolded = false}: {before?: Step | undefined; isFolded?: boolean} = {},
): Line[] {
  return describeStep(step, {before, isFolded}).flatMap(part => {
    const text = part.kind === 'folded' ? shorten(part.text, width - indent - 2, '…') : part.text;
    return indented(text, width, indent, roleOf(part));
  });
}

/** A diff keeps its + and - signs: colour is never the only sign. */
function roleOf({kind, text}: StepLine): Role {
  switch (kind) {
    case 'statement':
      return 'accent';
    case 'irreversible':
      return 'warning';
    case 'text':
      return 'plain';
    case 'diff':
      return text.startsWith('-') ? 'danger' : text.startsWith('+') ? 'good' : 'muted';
    default:
      return 'muted';
  }
}

import type {Step} from '../../core/step.ts';
import {stepLines as describeStep, type StepLine} from '../../core/step-text.ts';
import type {Line, Role} from '../screen/line.ts';
import {indented} from './text-lines.ts';

const indent = 6;

/** What a step does, as it will run or ran: whole, however narrow the terminal. What `before` showed is not repeated. */
export function stepLines(step: Step, width: number, before?: Step): Line[] {
  return describeStep(step, before).flatMap(part => indented(part.text, width, indent, roleOf(part)));
}

/** The signs of a diff stay in its text: colour is never the only sign. */
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

import {memo} from 'react';
import {type StepLine, stepLines} from '../../core/engine/step-preview.ts';
import type {Step} from '../../model/step.ts';
import type {Role} from '../screen/line.ts';
import {Prose, usePageWidth} from './prose.tsx';
import {shorten} from './shorten.ts';

const indent = 6;

type StepTextProps = {
  step: Step;
  /** What this one showed is not repeated. */
  before?: Step | undefined;
  /** A long guard is shortened to one line. */
  isFolded?: boolean;
};

/** What a step runs: the statement is always complete, however narrow the terminal. */
export const StepText = memo(function StepText({step, before, isFolded = false}: StepTextProps) {
  const width = usePageWidth();
  return stepLines(step, {before, isFolded}).map((line, index) => (
    <Prose
      key={index}
      text={line.kind === 'folded' ? shorten(line.text, width - indent - 2, '…') : line.text}
      indent={indent}
      role={roleOf(line)}
    />
  ));
});

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

import {type Role, type Span, span} from '../screen/line.ts';
import type {InputLine} from '../state/line-editor.ts';
import {aroundCursor} from './field.tsx';

/** A `<Field>` for what is not a component yet. */
export function inputSpans(line: InputLine, width: number, role: Role): Span[] {
  const {before, after} = aroundCursor(line, width - 1);
  return [span(before, role), span('▏', 'accent'), span(after, role)];
}

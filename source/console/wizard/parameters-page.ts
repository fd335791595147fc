import type {ParameterProblem} from '../../core/recipe/parameters.ts';
import type {Parameter} from '../../model/recipe.ts';
import {inputSpans} from '../components/input-line.ts';
import {indented} from '../components/text-lines.ts';
import {textWidth} from '../screen/cell-width.ts';
import {type Line, line, type Span, span} from '../screen/line.ts';
import type {InputLine} from '../state/line-editor.ts';
import {dataOf, editedLine, parameterProblem, type RecipeWizard, recipeOf, valuesOf} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';

/** Fits PostgreSQL's longest setting, `idle_in_transaction_session_timeout`. */
const widestName = 38;
const narrowestName = 16;

/** The lines of each parameter: name, value and problem; the one being edited also has its description. */
export function parameterBlocks(state: ConsoleState, wizard: RecipeWizard, width: number): Line[][] {
  const parameters = recipeOf(state, wizard)?.parameters ?? [];
  const longest = Math.max(narrowestName, ...parameters.map(({name}) => name.length + 2));
  const nameWidth = Math.min(widestName, longest);
  return parameters.map((parameter, index) => {
    const isEdited = index === wizard.field;
    const problem = parameterProblem(state, wizard, parameter);
    const edited = isEdited ? editedLine(state, wizard) : null;
    const field = fieldLine(wizard, parameter, {edited, nameWidth, problem, width});
    return isEdited ? [field, ...explanation(state, wizard, parameter, narrowestName + 2, width)] : [field];
  });
}

/** `edited`: the value with its cursor; null in the other fields. */
type FieldLook = {
  edited: InputLine | null;
  nameWidth: number;
  problem: ParameterProblem | null;
  width: number;
};

/** `> older_than      5mi▏  not a duration: 90s, 10min, 1h30m`; of a long value the part around the cursor is shown. */
function fieldLine(wizard: RecipeWizard, {name, is_required}: Parameter, look: FieldLook): Line {
  const {edited, nameWidth, problem, width} = look;
  const isEdited = edited !== null;
  const value = valuesOf(wizard)[name] ?? '';
  const sign = is_required ? '*' : '';
  const remark = problem === null ? '' : `  ${problem.text}`;
  const room = Math.max(8, width - nameWidth - 4 - textWidth(remark));
  return line(
    span(isEdited ? '> ' : '  ', 'key'),
    span(`${name}${sign}`.padEnd(nameWidth - 1), isEdited ? 'strong' : 'plain'),
    ' ',
    ...(edited === null ? [valueSpan(value, name in wizard.params)] : inputSpans(edited, room + 1, 'accent')),
    span(remark, problem?.severity === 'error' ? 'danger' : 'warning'),
  );
}

/** Values that were set stand out from defaults. */
function valueSpan(value: string, isSet: boolean): Span {
  return value === '' ? span('(not set)', 'muted') : span(value, isSet ? 'accent' : 'plain');
}

const mostSuggestions = 6;

function explanation(
  state: ConsoleState,
  wizard: RecipeWizard,
  {description, choices, suggest}: Parameter,
  indent: number,
  width: number,
): Line[] {
  const seen = (state.snapshot && suggest?.(state.snapshot, dataOf(state, wizard))) ?? [];
  const more = seen.length > mostSuggestions ? `  and ${seen.length - mostSuggestions} more` : '';
  return [
    ...indented(description, width, indent, 'muted'),
    ...(choices ? indented(`one of: ${choices.join('  ')}`, width, indent, 'muted') : []),
    ...(seen.length > 0
      ? indented(`such as: ${seen.slice(0, mostSuggestions).join('  ')}${more}`, width, indent, 'muted')
      : []),
  ];
}

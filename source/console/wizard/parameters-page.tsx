import {type ParameterProblem, suggestionsOf} from '../../core/recipe/parameters.ts';
import type {Parameter} from '../../model/recipe.ts';
import {useConsole} from '../components/context.ts';
import {Field} from '../components/field.tsx';
import {Anchor, Page} from '../components/page.tsx';
import {Prose, usePageWidth} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {textWidth} from '../screen/cell-width.ts';
import type {InputLine} from '../state/line-editor.ts';
import {
  dataOf,
  editedLine,
  type Known,
  parameterProblem,
  type RecipeWizard,
  recipeOf,
  valuesOf,
} from '../state/run.ts';

/** Fits PostgreSQL's longest setting, `idle_in_transaction_session_timeout`. */
const widestName = 38;
const narrowestName = 16;

/** The recipe's parameters; the one being edited, which is kept in sight, with its description. */
export function ParametersPage({wizard}: {wizard: RecipeWizard}) {
  const known = useConsole(
    ({recipes, snapshot, diagnosisData, findings, assessment}): Known => ({
      recipes,
      snapshot,
      diagnosisData,
      findings,
      assessment,
    }),
  );
  const parameters = recipeOf(known, wizard)?.parameters ?? [];
  const longest = Math.max(narrowestName, ...parameters.map(({name}) => name.length + 2));
  const nameWidth = Math.min(widestName, longest);
  const edited = editedLine(known, wizard);
  return (
    <Page follow={`${wizard.field} ${edited?.text} ${edited?.cursor}`}>
      {parameters.map((parameter, index) => {
        const isEdited = index === wizard.field;
        const row = (
          <ParameterRow
            key={parameter.name}
            parameter={parameter}
            value={valuesOf(wizard)[parameter.name] ?? ''}
            isSet={parameter.name in wizard.params}
            edited={isEdited ? edited : null}
            problem={parameterProblem(known, wizard, parameter)}
            nameWidth={nameWidth}
          />
        );
        if (!isEdited) return row;
        return (
          <Anchor key={parameter.name}>
            {row}
            <Explanation parameter={parameter} known={known} wizard={wizard} />
          </Anchor>
        );
      })}
    </Page>
  );
}

type ParameterRowProps = {
  parameter: Parameter;
  value: string;
  /** Values that were set stand out from defaults. */
  isSet: boolean;
  /** The value with its cursor; null in the other fields. */
  edited: InputLine | null;
  problem: ParameterProblem | null;
  nameWidth: number;
};

/** `> older_than      5mi▏  not a duration: 90s, 10min, 1h30m`; of a long value the part around the cursor is shown. */
function ParameterRow({
  parameter: {name, is_required},
  value,
  isSet,
  edited,
  problem,
  nameWidth,
}: ParameterRowProps) {
  const width = usePageWidth();
  const remark = problem === null ? '' : `  ${problem.text}`;
  const room = Math.max(8, width - nameWidth - 4 - textWidth(remark));
  return (
    <Text>
      <Text role="key">{edited === null ? '  ' : '> '}</Text>
      <Text role={edited === null ? 'plain' : 'strong'}>
        {`${name}${is_required ? '*' : ''}`.padEnd(nameWidth - 1)}
      </Text>{' '}
      {edited !== null && <Field line={edited} width={room + 1} />}
      {edited === null && value === '' && <Text role="muted">(not set)</Text>}
      {edited === null && value !== '' && <Text role={isSet ? 'accent' : 'plain'}>{value}</Text>}
      <Text role={problem?.severity === 'error' ? 'danger' : 'warning'}>{remark}</Text>
    </Text>
  );
}

const mostSuggestions = 6;

type ExplanationProps = {parameter: Parameter; known: Known; wizard: RecipeWizard};

function Explanation({parameter, known, wizard}: ExplanationProps) {
  const {description, choices} = parameter;
  const seen = suggestionsOf(parameter, known.snapshot, dataOf(known, wizard));
  const more = seen.length > mostSuggestions ? `  and ${seen.length - mostSuggestions} more` : '';
  const indent = narrowestName + 2;
  return (
    <>
      <Prose text={description} indent={indent} role="muted" />
      {choices && <Prose text={`one of: ${choices.join('  ')}`} indent={indent} role="muted" />}
      {seen.length > 0 && (
        <Prose
          text={`such as: ${seen.slice(0, mostSuggestions).join('  ')}${more}`}
          indent={indent}
          role="muted"
        />
      )}
    </>
  );
}

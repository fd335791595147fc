import {Box} from 'ink';
import {useMemo} from 'react';
import {useConsole, useTheme} from '../components/context.ts';
import {Measured, type Size} from '../components/measured.tsx';
import {Text} from '../components/text.tsx';
import {type RecipeRow, recipeId, recipeRows, weightOf} from '../rows/findings.ts';
import {fitText, shorten} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {Cells} from '../state/dialog.ts';
import {openRecipeByName} from '../state/opening.ts';
import {whyNotInPast} from '../state/past.ts';
import type {ConsoleState} from '../state/state.ts';
import type {View} from './view.ts';

const view: View = {
  id: 'recipes',
  title: 'Recipes',
  key: '5',
  // Not in the colour of danger: the badge of the Overview already warns of the same findings.
  badge(state) {
    const count = recipeRows(state).filter(row => weightOf(row) > 0).length;
    return count > 0 ? {text: `${count}!`, isBad: false} : null;
  },
  legend: ({critical, warning}) => [
    {keys: `${critical} ${warning}`, help: 'the recipe answers a critical finding, or a warning'},
    {keys: '2 found', help: 'how many findings it answers; the first is shown below it'},
    {keys: 'Enter', help: 'its parameters, then a preview: nothing is changed before you confirm'},
  ],
  ids: state => recipeRows(state).map(recipeId),
  open: openRecipeByName,
  cells(state, id) {
    const row = recipeRows(state).find(each => recipeId(each) === id);
    if (row === undefined) return [];
    const found = row.findings.map(({severity, summary}): Cells[number] => [severity, summary]);
    return [['recipe', id], ['summary', row.recipe.summary], ...found];
  },
  Component: Recipes,
};

export default view;

function Recipes() {
  const past = useConsole(state => state.past);
  return (
    <>
      <Box flexShrink={0}>
        <Text>
          {'  '}
          <Text role="heading">recipes</Text>
          <Text role="muted">{`   ${past ? whyNotInPast(past) : 'Enter opens the selected recipe'}`}</Text>
        </Text>
      </Box>
      <Gaps />
      <Measured name="recipes">{size => <RecipeList {...size} />}</Measured>
    </>
  );
}

/** In characters; the page of a recipe that found nothing says all of it. */
const longestGap = 240;

/** Why findings may be missing: data that could not be read. */
function Gaps() {
  const {symbols} = useTheme();
  const {diagnosisData, undiagnosed} = useConsole(state => ({
    diagnosisData: state.diagnosisData,
    undiagnosed: state.undiagnosed,
  }));
  const gaps = gapsOf({diagnosisData, undiagnosed});
  return (
    <Box flexDirection="column" flexShrink={0}>
      {gaps.map(text => (
        <Text key={text} role="warning" wrap="wrap">
          {`${symbols.stale} ${shorten(text, longestGap, symbols.ellipsis)}`}
        </Text>
      ))}
    </Box>
  );
}

function gapsOf({diagnosisData, undiagnosed}: Pick<ConsoleState, 'diagnosisData' | 'undiagnosed'>): string[] {
  return [
    ...diagnosisData.unread.map(
      ({fact, reason}) =>
        `${fact.replaceAll('_', ' ')} could not be read; findings that need it are missing: ${reason}`,
    ),
    ...undiagnosed.map(({recipe, reason}) => `${recipe} could not diagnose: ${reason}`),
  ];
}

/** On higher screens a blank row follows each recipe. */
const leastForBlankRows = 40;

function RecipeList({width, height}: Size) {
  const {recipes, findings, assessment, tables} = useConsole(state => ({
    recipes: state.recipes,
    findings: state.findings,
    assessment: state.assessment,
    tables: state.tables,
  }));
  const rows = useMemo(
    () => recipeRows({recipes, findings, assessment, tables}),
    [recipes, findings, assessment, tables],
  );
  const hasBlanks = height >= leastForBlankRows;
  const {cursor} = tableOf({tables}, 'recipes');
  const heights = rows.map(row => (row.findings.length > 0 ? 2 : 1) + (hasBlanks ? 1 : 0));
  const selected = cursor === null ? 0 : rows.findIndex(row => recipeId(row) === cursor);
  const first = firstInSight(heights, selected, height);
  return rows.slice(first).map((row, index) => (
    <Box key={recipeId(row)} flexDirection="column" flexShrink={0}>
      <RecipeItem row={row} isSelected={first + index === selected} width={width} />
      {hasBlanks && <Text> </Text>}
    </Box>
  ));
}

/** The first item of a list that leaves room for the selected one; items are shown whole. */
function firstInSight(heights: number[], selected: number, height: number): number {
  let first = 0;
  const needed = () => heights.slice(first, selected + 1).reduce((sum, item) => sum + item, 0);
  while (first < selected && needed() > height) first++;
  return first;
}

/** Severity, name, number of findings and summary, and below it the first finding. */
function RecipeItem({row, isSelected, width}: {row: RecipeRow; isSelected: boolean; width: number}) {
  const {critical, warning, ellipsis} = useTheme().symbols;
  const {recipe, findings} = row;
  const weight = weightOf(row);
  const role = weight === 2 ? 'danger' : 'warning';
  const sign = weight === 2 ? critical : weight === 1 ? warning : ' ';
  const [first] = findings;
  const remark = first === undefined ? (recipe.plan ? '' : 'advice') : `${findings.length} found`;
  const name = fitText(recipe.id, 28);
  const found = fitText(remark, 9);
  const summary = fitText(recipe.summary, Math.max(0, width - 41), 'left', ellipsis);
  return (
    <>
      {isSelected ? (
        <Text role="selected">{fitText(`${sign} ${name} ${found}${summary}`, width)}</Text>
      ) : (
        <Text>
          <Text role={role}>{`${sign} `}</Text>
          <Text role={first ? 'strong' : 'plain'}>{name}</Text>{' '}
          <Text role={first ? role : 'muted'}>{found}</Text>
          {summary}
        </Text>
      )}
      {first && <Text role={role}>{`    ${shorten(first.summary, width - 6, ellipsis)}`}</Text>}
    </>
  );
}

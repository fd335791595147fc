import type {Finding, Recipe} from '../../model/recipe.ts';
import {freezeOrder} from '../components/table.ts';
import {shorten} from '../components/text-lines.ts';
import {blankLine, fitText, type Line, line, padLines, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import {whyNotInPast} from '../state/past.ts';
import type {ConsoleState} from '../state/state.ts';
import {drawn} from './drawn.tsx';
import type {Area, View} from './view.ts';

type RecipeRow = {recipe: Recipe; findings: Finding[]};
type RecipesSlice = {rows: RecipeRow[]; cursor: string | null; gaps: string[]; why: string | null};

const view: View = {
  id: 'recipes',
  title: 'Recipes',
  key: '5',
  sortColumns: [],
  badge: state =>
    state.findings.length > 0
      ? {text: `${new Set(state.findings.map(f => f.recipe)).size}!`, isBad: true}
      : null,
  ids: state => recipeRows(state).map(idOf),
  Component: drawn<RecipesSlice>({
    select: state => ({
      rows: recipeRows(state),
      cursor: state.tables.recipes.cursor,
      gaps: gapsOf(state),
      why: state.past && whyNotInPast(state.past),
    }),
    drawSlice({rows, cursor, gaps, why}, area, theme) {
      const head = [
        line(span('  recipes', 'heading'), span(`   ${why ?? 'Enter opens the selected recipe'}`, 'muted')),
        ...gaps.map(text => drawGap(text, area, theme)),
      ];
      const blocks = rows.map(row => drawRecipe(row, cursor, area, theme));
      return padLines([...head, ...aroundCursor(blocks, area.height - head.length)], area.height);
    },
  }),
};

export default view;

/** Recipes with findings come first, by severity and then by the number of findings. */
function recipeRows({recipes, findings, tables}: ConsoleState): RecipeRow[] {
  const rows = recipes
    .map(recipe => ({recipe, findings: findings.filter(finding => finding.recipe === recipe.id)}))
    .sort((a, b) => weightOf(b) - weightOf(a) || b.findings.length - a.findings.length);
  const ordered = freezeOrder(rows, tables.recipes.frozenOrder, idOf);
  // Also where a recipe finds something only after a row was taken hold of.
  return ordered.toSorted((a, b) => Number(weightOf(b) > 0) - Number(weightOf(a) > 0));
}

function weightOf({findings}: RecipeRow): number {
  if (findings.length === 0) return 0;
  return findings.some(({severity}) => severity === 'critical') ? 2 : 1;
}

function idOf({recipe}: RecipeRow): string {
  return recipe.id;
}

/** Severity, name, number of findings and summary, and below it the first finding. */
function drawRecipe(row: RecipeRow, cursor: string | null, area: Area, theme: Theme): Line[] {
  const {recipe, findings} = row;
  const {critical, warning, ellipsis} = theme.symbols;
  const weight = weightOf(row);
  const role = weight === 2 ? 'danger' : 'warning';
  const [first] = findings;
  const remark = first === undefined ? (recipe.plan ? '' : 'advice') : `${findings.length} found`;
  const head = line(
    span(`${weight === 2 ? critical : weight === 1 ? warning : ' '} `, role),
    span(fitText(recipe.id, 28), first ? 'strong' : 'plain'),
    ' ',
    span(fitText(remark, 9), first ? role : 'muted'),
    fitText(recipe.summary, Math.max(0, area.width - 41), 'left', ellipsis),
  );
  const text = first && shorten(first.summary, area.width - 6, ellipsis);
  return [
    cursor === recipe.id ? {...head, isSelected: true} : head,
    ...(text === undefined ? [] : [line(span(`    ${text}`, role))]),
    ...(area.height > 40 ? [blankLine] : []),
  ];
}

/** Why findings may be missing: data that could not be read. */
function gapsOf({diagnosisData, undiagnosed}: ConsoleState): string[] {
  return [
    ...diagnosisData.unread.map(
      ({fact, reason}) =>
        `${fact.replaceAll('_', ' ')} could not be read, so nothing is found from it: ${reason}`,
    ),
    ...undiagnosed.map(({recipe, reason}) => `${recipe} could not diagnose: ${reason}`),
  ];
}

function drawGap(text: string, area: Area, {symbols}: Theme): Line {
  return line(span(`${symbols.stale} ${shorten(text, area.width - 2, symbols.ellipsis)}`, 'warning'));
}

/** Whole recipes, from the first that leaves room for the selected one. */
function aroundCursor(blocks: Line[][], height: number): Line[] {
  const selected = blocks.findIndex(block => block.some(({isSelected}) => isSelected));
  let first = 0;
  const needed = () => blocks.slice(first, selected + 1).reduce((sum, block) => sum + block.length, 0);
  while (first < selected && needed() > height) first++;
  return blocks.slice(first).flat();
}

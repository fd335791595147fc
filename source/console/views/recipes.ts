import type {Finding, Recipe} from '../../core/recipe.ts';
import {holdOrder} from '../components/table.ts';
import {shorten} from '../components/text-lines.ts';
import {blankLine, fitText, type Line, line, padLines, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state.ts';
import {type Area, defineView} from './view.ts';

type RecipeRow = {recipe: Recipe; findings: Finding[]};
type RecipesSlice = {rows: RecipeRow[]; cursor: string | null};

export default defineView<RecipesSlice>({
  id: 'recipes',
  title: 'Recipes',
  key: '5',
  sortColumns: [],
  badge: state =>
    state.findings.length > 0
      ? {text: `${new Set(state.findings.map(f => f.recipe)).size}!`, isBad: true}
      : null,
  ids: state => recipeRows(state).map(idOf),
  select: state => ({rows: recipeRows(state), cursor: state.tables.recipes.cursor}),
  drawSlice({rows, cursor}, area, theme) {
    const title = line(span('  what can be done', 'heading'), span('   Enter opens the guide', 'muted'));
    const blocks = rows.map(row => drawRecipe(row, cursor, area, theme));
    return padLines([title, ...aroundCursor(blocks, area.height - 1)], area.height);
  },
});

/** Those with something to answer now come first. */
function recipeRows({recipes, findings, tables}: ConsoleState): RecipeRow[] {
  const rows = recipes
    .map(recipe => ({recipe, findings: findings.filter(finding => finding.recipe === recipe.id)}))
    .sort((a, b) => b.findings.length - a.findings.length);
  return holdOrder(rows, tables.recipes.heldOrder, idOf);
}

function idOf({recipe}: RecipeRow): string {
  return recipe.id;
}

const mostFindings = 3;

function drawRecipe({recipe, findings}: RecipeRow, cursor: string | null, area: Area, theme: Theme): Line[] {
  const head = line(
    span(findings.length > 0 ? `${theme.symbols.warning} ` : '  ', 'warning'),
    span(fitText(recipe.id, 24), findings.length > 0 ? 'strong' : 'plain'),
    ' ',
    span(fitText(recipe.plan ? '' : 'advice', 7), 'muted'),
    fitText(recipe.summary, Math.max(0, area.width - 34)),
  );
  return [
    cursor === recipe.id ? {...head, isSelected: true} : head,
    ...findings.slice(0, mostFindings).map(({summary, severity}) => {
      const text = shorten(summary, area.width - 8, theme.symbols.ellipsis);
      return line(span(`      ${text}`, severity === 'critical' ? 'danger' : 'warning'));
    }),
    ...(findings.length > mostFindings
      ? [line(span(`      and ${findings.length - mostFindings} more`, 'muted'))]
      : []),
    ...(area.height > 30 ? [blankLine] : []),
  ];
}

/** Whole recipes from the first that leaves room for the one held. */
function aroundCursor(blocks: Line[][], height: number): Line[] {
  const held = blocks.findIndex(block => block.some(({isSelected}) => isSelected));
  let first = 0;
  const needed = () => blocks.slice(first, held + 1).reduce((sum, block) => sum + block.length, 0);
  while (first < held && needed() > height) first++;
  return blocks.slice(first).flat();
}

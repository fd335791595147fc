import type {Finding, Recipe} from '../../core/recipe.ts';
import {blankLine, fitText, type Line, padLines, span} from '../screen/line.ts';
import type {ConsoleState} from '../state.ts';
import {defineView} from './view.ts';

type RecipesSlice = {recipes: {recipe: Recipe; findings: Finding[]}[]; cursor: string | null};

/** Those with something to answer now come first. */
function recipeRows(state: ConsoleState): RecipesSlice['recipes'] {
  return state.recipes
    .map(recipe => ({recipe, findings: state.findings.filter(finding => finding.recipe === recipe.id)}))
    .sort((a, b) => b.findings.length - a.findings.length);
}

export default defineView<RecipesSlice>({
  id: 'recipes',
  title: 'Recipes',
  key: '5',
  sortColumns: [],
  badge: state =>
    state.findings.length > 0
      ? {text: `${new Set(state.findings.map(f => f.recipe)).size}!`, isBad: true}
      : null,
  ids: state => recipeRows(state).map(({recipe}) => recipe.id),
  select: state => ({recipes: recipeRows(state), cursor: state.tables.recipes.cursor}),
  drawSlice({recipes, cursor}, area, theme) {
    const lines: Line[] = [
      {spans: [span('  what can be done', 'heading'), span('   Enter opens the guide', 'muted')]},
    ];
    for (const {recipe, findings} of recipes) {
      const head: Line = {
        spans: [
          span(findings.length > 0 ? `${theme.symbols.warning} ` : '  ', 'warning'),
          span(fitText(recipe.id, 24), findings.length > 0 ? 'strong' : 'plain'),
          span(' '),
          span(fitText(recipe.plan ? '' : 'advice', 7), 'muted'),
          span(fitText(recipe.summary, Math.max(0, area.width - 34))),
        ],
      };
      lines.push(cursor === recipe.id ? {...head, isSelected: true} : head);
      for (const finding of findings.slice(0, 3)) {
        lines.push({
          spans: [span(`      ${finding.summary}`, finding.severity === 'critical' ? 'danger' : 'warning')],
        });
      }
      if (findings.length > 3) lines.push({spans: [span(`      and ${findings.length - 3} more`, 'muted')]});
      if (area.height > 30) lines.push(blankLine);
    }
    return padLines(lines, area.height);
  },
});

import type {Finding, Recipe} from '../../model/recipe.ts';
import {tableOf} from '../state/browsing.ts';
import {everyFinding, findingId} from '../state/findings.ts';
import type {ConsoleState} from '../state/state.ts';
import {freezeOrder} from './arrange.ts';

export function orderedFindings({findings, tables}: Pick<ConsoleState, 'findings' | 'tables'>): Finding[] {
  return freezeOrder(findings, tableOf({tables}, 'overview').frozenOrder, findingId);
}

export type RecipeRow = {recipe: Recipe; findings: Finding[]};

/** Recipes with findings come first, by severity and then by the number of findings. */
export function recipeRows({
  recipes,
  tables,
  ...state
}: Pick<ConsoleState, 'recipes' | 'findings' | 'assessment' | 'tables'>): RecipeRow[] {
  const all = everyFinding(state);
  const rows = recipes
    .map(recipe => ({recipe, findings: all.filter(finding => finding.recipe === recipe.id)}))
    .sort((a, b) => weightOf(b) - weightOf(a) || b.findings.length - a.findings.length);
  const ordered = freezeOrder(rows, tableOf({tables}, 'recipes').frozenOrder, recipeId);
  // Also where a recipe finds something only after the order was frozen.
  return ordered.toSorted((a, b) => Number(weightOf(b) > 0) - Number(weightOf(a) > 0));
}

/** 2 with a critical finding, 1 with a warning, 0 without findings. */
export function weightOf({findings}: RecipeRow): number {
  if (findings.length === 0) return 0;
  return findings.some(({severity}) => severity === 'critical') ? 2 : 1;
}

export function recipeId({recipe}: RecipeRow): string {
  return recipe.id;
}

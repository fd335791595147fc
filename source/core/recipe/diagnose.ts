import type {Finding, Recipe, Severity} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';

export type Diagnosis = {
  /** Critical ones first. */
  findings: Finding[];
  /** Recipes whose `diagnose` threw, and why: a team recipe may. */
  failed: {recipe: string; reason: string}[];
};

/** The findings of all recipes. A recipe that throws does not affect the others. */
export function diagnoseAll(recipes: readonly Recipe[], snapshot: Snapshot, facts: RecipeData): Diagnosis {
  const findings: Finding[] = [];
  const failed: Diagnosis['failed'] = [];
  for (const recipe of recipes) {
    try {
      findings.push(...recipe.diagnose(snapshot, facts));
    } catch (error) {
      failed.push({recipe: recipe.id, reason: error instanceof Error ? error.message : String(error)});
    }
  }
  return {findings: worstFirst(findings), failed};
}

/** Critical findings first, otherwise in order. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  const isCritical = ({severity}: Finding) => Number(severity === 'critical');
  return [...findings].sort((a, b) => isCritical(b) - isCritical(a));
}

/** The highest severity among the findings; null without one. */
export function worstSeverity(findings: readonly {severity: Severity}[]): Severity | null {
  if (findings.some(({severity}) => severity === 'critical')) return 'critical';
  return findings.length > 0 ? 'warning' : null;
}

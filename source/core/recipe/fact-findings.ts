import type {RecordedSnapshot} from '../../model/ports.ts';
import type {Finding, Recipe} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {type Diagnosis, diagnoseAll, worstFirst} from './diagnose.ts';

/** Bounds what a team recipe can add to a recording. */
const maxFindings = 100;

/**
 * Adds to a snapshot the findings that need facts, such as an invalid index: facts themselves are too large to record.
 * The findings keep their text until the facts are read again, so a recording stores only what appears and disappears.
 */
export function attachFactFindings(
  recipes: readonly Recipe[],
): (snapshot: Snapshot, facts: RecipeData, findings: readonly Finding[]) => RecordedSnapshot {
  const requiring = recipes.filter(({diagnoseRequires}) => diagnoseRequires !== undefined);
  const ids = new Set(requiring.map(({id}) => id));
  let last: {facts: RecipeData; keys: string; findings: Finding[]} = {facts: {}, keys: '', findings: []};
  return (snapshot, facts, findings) => {
    const without = new Set(diagnoseAll(requiring, snapshot, {}).findings.map(keyOf));
    const own = findings
      .filter(each => ids.has(each.recipe) && !without.has(keyOf(each)))
      .slice(0, maxFindings);
    const keys = own.map(each => `${each.severity} ${keyOf(each)}`).join('\n');
    if (facts !== last.facts || keys !== last.keys) {
      last = {facts, keys, findings: own.map(({params: _, ...finding}) => finding)};
    }
    return {...snapshot, fact_findings: last.findings};
  };
}

/** The findings of a recorded snapshot: from the snapshot itself, and those recorded from facts. */
export function diagnoseRecorded(recipes: readonly Recipe[], recorded: RecordedSnapshot): Diagnosis {
  const {findings, failed} = diagnoseAll(recipes, recorded, {});
  const known = new Set(findings.map(keyOf));
  const fromFacts = (recorded.fact_findings ?? []).filter(each => !known.has(keyOf(each)));
  return {findings: worstFirst([...findings, ...fromFacts]), failed};
}

function keyOf({recipe, subject}: Finding): string {
  return `${recipe} ${subject}`;
}

import type {Finding} from '../../model/finding.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {RecordedSnapshot} from '../../model/recording.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {type Diagnosis, diagnoseAll, worstFirst} from './diagnose.ts';

/** A team's own recipe may find anything as often as it likes. */
const mostTold = 100;

/**
 * Readings with what the facts alone tell of them: facts are too large to be kept, and a reading without them says
 * nothing of an invalid index. The words stay those of when the facts were read, so that nothing has to be written down
 * between two reads of them but what comes and goes.
 */
export function attachFactFindings(
  recipes: readonly Recipe[],
): (snapshot: Snapshot, facts: RecipeData, findings: readonly Finding[]) => RecordedSnapshot {
  const watching = recipes.filter(({diagnoseRequires: watches}) => watches !== undefined);
  const ids = new Set(watching.map(({id}) => id));
  let last: {facts: RecipeData; keys: string; told: Finding[]} = {facts: {}, keys: '', told: []};
  return (snapshot, facts, findings) => {
    const without = new Set(diagnoseAll(watching, snapshot, {}).findings.map(keyOf));
    const own = findings.filter(each => ids.has(each.recipe) && !without.has(keyOf(each))).slice(0, mostTold);
    const keys = own.map(each => `${each.severity} ${keyOf(each)}`).join('\n');
    if (facts !== last.facts || keys !== last.keys) {
      last = {facts, keys, told: own.map(({params: _, ...finding}) => finding)};
    }
    return {...snapshot, fact_findings: last.told};
  };
}

/** What is found in a reading of the past: in itself, and what the facts of then told. */
export function diagnoseRecorded(recipes: readonly Recipe[], kept: RecordedSnapshot): Diagnosis {
  const {findings, failed} = diagnoseAll(recipes, kept, {});
  const known = new Set(findings.map(keyOf));
  const told = (kept.fact_findings ?? []).filter(each => !known.has(keyOf(each)));
  return {findings: worstFirst([...findings, ...told]), failed};
}

function keyOf({recipe, subject}: Finding): string {
  return `${recipe} ${subject}`;
}

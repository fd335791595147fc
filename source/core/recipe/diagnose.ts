import type {RecordedSnapshot} from '../../model/ports.ts';
import type {Finding, Recipe, Severity} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {AbortError, exitCodes} from '../errors.ts';
import {messageOf} from '../text/redact.ts';

/** How often diagnoses get new recipe data, which is expensive to read and changes slowly. */
export const diagnosisDataEveryMs = 60_000;

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
function worstFirst(findings: readonly Finding[]): Finding[] {
  const isCritical = ({severity}: Finding) => Number(severity === 'critical');
  return [...findings].sort((a, b) => isCritical(b) - isCritical(a));
}

/** The highest severity among the findings; null without one. */
export function worstSeverity(findings: readonly {severity: Severity}[]): Severity | null {
  if (findings.some(({severity}) => severity === 'critical')) return 'critical';
  return findings.length > 0 ? 'warning' : null;
}

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

/** A fact that could not be read, and why. */
type Unread = {fact: string; reason: string};

export type DiagnosisData = {facts: RecipeData; unread: Unread[]};

/**
 * Loads the facts that the recipes' diagnoses require, each once and separately: one that cannot be read is listed in
 * `unread` and does not affect the others. Throws if the connection is lost or the user interrupts.
 */
export async function loadDiagnosisData(
  recipes: readonly Recipe[],
  load: (needs: DataRequirements) => Promise<RecipeData>,
): Promise<DiagnosisData> {
  const facts: RecipeData = {};
  const unread: Unread[] = [];
  for (const [fact, needs] of requirementsByFact(recipes)) {
    try {
      const {answers, ...read} = await load(needs);
      Object.assign(facts, read, answers && {answers: {...facts.answers, ...answers}});
    } catch (error) {
      if (isFatal(error)) throw error;
      unread.push({fact, reason: messageOf(error)});
    }
  }
  return {facts, unread};
}

/** One request per fact, and one per query of a team recipe, so that an invalid query does not affect the others. */
function requirementsByFact(recipes: readonly Recipe[]): Map<string, DataRequirements> {
  const needs = new Map<string, DataRequirements>();
  for (const {answers = {}, ...facts} of recipes.map(({diagnoseRequires = {}}) => diagnoseRequires)) {
    for (const [fact, need] of Object.entries(facts)) needs.set(fact, {[fact]: need});
    for (const [name, query] of Object.entries(answers)) needs.set(name, {answers: {[name]: query}});
  }
  return needs;
}

const fatal: readonly number[] = [exitCodes.connection, exitCodes.noSlot, exitCodes.interrupted];

function isFatal(error: unknown): boolean {
  return error instanceof AbortError && fatal.includes(error.exitCode);
}

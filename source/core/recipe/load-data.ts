import type {Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import {messageOf} from '../engine/execute-sql.ts';
import {AbortError, exitCodes} from '../errors.ts';

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

import type {Recipe} from '../../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import {messageOf} from '../engine/execute-sql.ts';
import {AbortError, exitCodes} from '../errors.ts';

/** A fact that could not be read, by its name, and why. */
type Unread = {fact: string; reason: string};

export type DiagnosisData = {facts: RecipeData; unread: Unread[]};

/**
 * What all diagnoses rest on, each fact read once and by itself: one that cannot be read leaves the others, and is
 * named. Throws where nothing can be read any more: the connection is gone, or the user interrupted.
 */
export async function loadDiagnosisData(
  recipes: readonly Recipe[],
  load: (needs: DataRequirements) => Promise<RecipeData>,
): Promise<DiagnosisData> {
  const facts: RecipeData = {};
  const unread: Unread[] = [];
  for (const [fact, needs] of watchedNeeds(recipes)) {
    try {
      const {answers, ...read} = await load(needs);
      Object.assign(facts, read, answers && {answers: {...facts.answers, ...answers}});
    } catch (error) {
      if (isEnd(error)) throw error;
      unread.push({fact, reason: messageOf(error)});
    }
  }
  return {facts, unread};
}

/** One fact each, and of a team's own queries one query each: one with a mistake in it leaves the others. */
function watchedNeeds(recipes: readonly Recipe[]): Map<string, DataRequirements> {
  const needs = new Map<string, DataRequirements>();
  for (const {answers = {}, ...facts} of recipes.map(({diagnoseRequires: watches = {}}) => watches)) {
    for (const [fact, need] of Object.entries(facts)) needs.set(fact, {[fact]: need});
    for (const [name, query] of Object.entries(answers)) needs.set(name, {answers: {[name]: query}});
  }
  return needs;
}

const ends: readonly number[] = [exitCodes.connection, exitCodes.noSlot, exitCodes.interrupted];

function isEnd(error: unknown): boolean {
  return error instanceof AbortError && ends.includes(error.exitCode);
}

import type {Recipe} from '../../model/recipe.ts';
import type {FactNeeds, Facts} from '../../model/recipe-data.ts';
import {messageOf} from '../engine/execute-sql.ts';
import {AbortError, exitCodes} from '../errors.ts';

/** A fact that could not be read, by its name, and why. */
type Unread = {fact: string; reason: string};

export type WatchedFacts = {facts: Facts; unread: Unread[]};

/**
 * What all diagnoses rest on, each fact read once and by itself: one that cannot be read leaves the others, and is
 * named. Throws where nothing can be read any more: the connection is gone, or the user interrupted.
 */
export async function gatherWatched(
  recipes: readonly Recipe[],
  gather: (needs: FactNeeds) => Promise<Facts>,
): Promise<WatchedFacts> {
  const facts: Facts = {};
  const unread: Unread[] = [];
  for (const [fact, needs] of watchedNeeds(recipes)) {
    try {
      const {answers, ...read} = await gather(needs);
      Object.assign(facts, read, answers && {answers: {...facts.answers, ...answers}});
    } catch (error) {
      if (isEnd(error)) throw error;
      unread.push({fact, reason: messageOf(error)});
    }
  }
  return {facts, unread};
}

/** One fact each, and of a team's own queries one query each: one with a mistake in it leaves the others. */
function watchedNeeds(recipes: readonly Recipe[]): Map<string, FactNeeds> {
  const needs = new Map<string, FactNeeds>();
  for (const {answers = {}, ...facts} of recipes.map(({watches = {}}) => watches)) {
    for (const [fact, need] of Object.entries(facts)) needs.set(fact, {[fact]: need});
    for (const [name, query] of Object.entries(answers)) needs.set(name, {answers: {[name]: query}});
  }
  return needs;
}

const ends: readonly number[] = [exitCodes.connection, exitCodes.noSlot, exitCodes.interrupted];

function isEnd(error: unknown): boolean {
  return error instanceof AbortError && ends.includes(error.exitCode);
}

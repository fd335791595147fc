import type {Parameter} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {backendStates} from '../activity/backend-states.ts';
import {AbortError} from '../errors.ts';
import {parseDurationMs} from '../text/duration.ts';
import {nearest} from '../text/nearest.ts';
import {isSize, readList} from './parameters.ts';

/** An error prevents planning; a warning does not. */
export type ParameterProblem = {severity: 'error' | 'warning'; text: string};

/**
 * Checks a value while it is typed; null if valid. '' means not set. Knows only the kinds of parameters: the recipe may
 * still reject a value when it plans.
 */
export function problemOf(
  parameter: Parameter,
  value: string,
  snapshot: Snapshot | null,
  facts: RecipeData,
): ParameterProblem | null {
  const text = value.trim();
  if (text === '') return parameter.is_required ? error('must be set') : null;
  const misread = misreadOf(parameter, text) ?? refusalOf(parameter, text);
  if (misread !== null) return error(misread);
  return unseenOf(parameter, parameter.kind === 'text' ? value : text, snapshot, facts);
}

function misreadOf({kind, choices = []}: Parameter, text: string): string | null {
  switch (kind) {
    case 'duration':
      return parseDurationMs(text) === null ? 'not a duration: 90s, 10min, 1h30m' : null;
    case 'size':
      return isSize(text) ? null : 'not a size: 500MB, 10GB';
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? null : 'not a whole number';
    case 'number':
      return /^[+-]?\d+(\.\d+)?$/.test(text) ? null : 'not a number';
    case 'choice':
      return choices.includes(text.toLowerCase()) ? null : `one of ${choices.join(', ')}`;
    case 'pids':
      return /^\d+(@[^,]*)?([\s,]+\d+(@[^,]*)?)*,?$/.test(text) ? null : 'not pids: 4711,4712';
    case 'states':
      return misreadStates(text);
    default:
      return null;
  }
}

/** The recipe's own error message, without the parameter's name. */
function refusalOf({name, check}: Parameter, text: string): string | null {
  try {
    check?.(text);
    return null;
  } catch (refusal) {
    if (!(refusal instanceof AbortError)) throw refusal;
    return refusal.message.replace(`${name}=${text} is `, '').replace(`${name}: `, '');
  }
}

function misreadStates(text: string): string | null {
  const unknown = readList(text).find(name => !backendStates.some(state => state === name.toLowerCase()));
  return unknown === undefined ? null : `no state "${unknown}"`;
}

/**
 * Warns about a name that is not among the suggestions: a typo, or a session that is not connected yet. Suggested durations
 * and numbers are only examples.
 */
function unseenOf(
  {kind, suggest}: Parameter,
  text: string,
  snapshot: Snapshot | null,
  facts: RecipeData,
): ParameterProblem | null {
  if ((kind !== 'text' && kind !== 'pids') || snapshot === null || suggest === undefined) return null;
  const seen = suggest(snapshot, facts);
  if (seen.length === 0 || seen.includes(text)) return null;
  if (kind === 'text' && parseDurationMs(text) !== null) return null;
  const words = kind === 'text' && !text.includes(',') ? [text] : readList(text);
  const unseen = words.find(word => !seen.includes(word.replace(/@.*/, '')));
  if (unseen === undefined) return null;
  const similar = kind === 'text' ? nearest(unseen, seen) : undefined;
  return {severity: 'warning', text: `not seen now${similar === undefined ? '' : `; ${similar}?`}`};
}

function error(text: string): ParameterProblem {
  return {severity: 'error', text};
}

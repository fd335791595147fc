import type {Parameter, ParameterValues} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {AbortError, usageError} from '../errors.ts';
import {backendStates} from '../sessions/session.ts';
import {nearest} from '../text/nearest.ts';
import {parseDurationMs} from '../text/time.ts';

/** A parameter's value as typed, else its default ('' if it has none). */
export type ReadValue = (name: string) => string;

/** Reads values by name. Throws AbortError (exit 2) for a parameter that the recipe does not have. */
export function readValues(params: ParameterValues, parameters: readonly Parameter[]): ReadValue {
  const known = new Map(parameters.map(parameter => [parameter.name, parameter]));
  for (const name of Object.keys(params)) {
    if (!known.has(name)) {
      throw usageError(`no parameter "${name}"`, `this recipe takes ${[...known.keys()].join(', ')}`);
    }
  }
  return name => {
    const typed = params[name] ?? '';
    const parameter = known.get(name);
    if (typed.trim() === '') return parameter?.default ?? '';
    // Names are taken exactly: `app ` is another role than `app`.
    return parameter?.kind === 'text' ? typed : typed.trim();
  };
}

/** All parameters with defaults filled in; part of the plan's hash. */
export function completeParams(params: ParameterValues, parameters: readonly Parameter[]): ParameterValues {
  const read = readValues(params, parameters);
  return Object.fromEntries(parameters.map(({name}) => [name, read(name)]));
}

/** The same. Throws AbortError (exit 2) if a required parameter is not set. */
export function requiredParams(params: ParameterValues, parameters: readonly Parameter[]): ParameterValues {
  const completed = completeParams(params, parameters);
  for (const {name, is_required} of parameters) {
    if (is_required && completed[name] === '')
      throw usageError(`${name} is not set`, `set it: --set ${name}=VALUE`);
  }
  return completed;
}

/** A name as a parameter's value: quoted if empty (which would mean not set) or if it starts or ends with white space. */
export function writeText(text: string): string {
  return text === '' || text !== text.trim() || text.startsWith('"') ? `"${text}"` : text;
}

/** The reverse of `writeText`; null means not set. */
export function readText(text: string): string | null {
  if (text === '') return null;
  return /^".*"$/s.test(text) ? text.slice(1, -1) : text;
}

/** Splits a comma-separated list. */
export function readList(text: string): string[] {
  return text.split(',').flatMap(word => word.trim() || []);
}

/** A duration in milliseconds; '' is 0. Throws AbortError (exit 2) if invalid. */
export function readDuration(name: string, text: string): number {
  const ms = text === '' ? 0 : parseDurationMs(text);
  if (ms === null) throw usageError(`${name}=${text} is not a duration`, 'write it as 90s, 10min or 1h30m');
  return ms;
}

/** An integer of at least 1; '' is null. Throws AbortError (exit 2) if invalid. */
export function readCount(name: string, text: string): number | null {
  return text === '' ? null : readInteger(name, text, 1);
}

/** An integer in decimal digits, not `0x10` or `1e3`. Throws AbortError (exit 2) if invalid or below `least`. */
export function readInteger(name: string, text: string, least: number): number {
  const number = /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= mostInteger) return number;
  throw usageError(`${name}=${text} is not a number from ${least} up`);
}

/** An int4 on the server. */
const mostInteger = 2_147_483_647;

/** A number between `least` and `most`; '' is null. Throws AbortError (exit 2) if invalid. */
export function readNumber(
  name: string,
  text: string,
  {least, most}: {least: number; most: number},
): number | null {
  if (text === '') return null;
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number >= least && number <= most) return number;
  throw usageError(`${name}=${text} is not a number from ${least} to ${most}`);
}

/** One of the choices, ignoring case. Throws AbortError (exit 2) if invalid. */
export function readChoice<Choice extends string>(
  name: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find(each => each === text.toLowerCase());
  if (choice === undefined) throw usageError(`${name}: no "${text}"`, `it is one of ${choices.join(', ')}`);
  return choice;
}

/** A table or index. */
type Named = {schema: string; name: string};

/** Maximum number of candidates that an error names. */
const mostNamed = 5;

/**
 * Resolves `name` or `schema.name` to the `schema.name` of a known table or index. Throws AbortError (exit 2) for
 * an unknown name, which would otherwise select nothing and look like an all-clear, and for a name
 * that exists in several schemas.
 */
export function resolveName(parameter: string, typed: string, known: readonly Named[]): string {
  const exact = known.filter(each => qualified(each) === typed);
  const matches = exact.length > 0 ? exact : known.filter(({name}) => name === typed);
  const [first] = matches;
  if (first === undefined) throw unknownName(parameter, typed, known);
  if (matches.length > 1)
    throw usageError(`${parameter}=${typed} exists in more than one schema`, candidatesHint(matches));
  return qualified(first);
}

export function qualified({schema, name}: Named): string {
  return `${schema}.${name}`;
}

function unknownName(parameter: string, typed: string, known: readonly Named[]) {
  const message = `${parameter}=${typed} does not exist`;
  const elsewhere = known.filter(({name}) => name === typed.split('.').at(-1));
  if (elsewhere.length > 0) return usageError(message, candidatesHint(elsewhere));
  const asTyped = typed.includes('.') ? qualified : ({name}: Named) => name;
  const near = nearest(typed, known.map(asTyped));
  const similar = known.filter(each => asTyped(each) === near);
  const candidates = similar.length > 0 ? similar : known;
  return usageError(message, candidates.length > 0 ? candidatesHint(candidates) : undefined);
}

function candidatesHint(candidates: readonly Named[]): string {
  const names = candidates.slice(0, mostNamed).map(qualified);
  if (candidates.length === 1) return `did you mean ${names}?`;
  const more = candidates.length > mostNamed ? ` and ${candidates.length - mostNamed} more` : '';
  return `candidates: ${names.join(', ')}${more}`;
}

/** Whether pg_size_bytes() accepts it on every supported version: 10GB, 1.5 MB, 8192. */
export function isSize(text: string): boolean {
  return /^\d+(\.\d+)?\s*(bytes|kB|MB|GB|TB)?$/i.test(text.trim());
}

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

type Suggested = {snapshot: Snapshot; facts: RecipeData; values: readonly string[]};

const suggested = new WeakMap<Parameter, Suggested>();

/**
 * Values that the parameter could have, such as the names seen; [] where it suggests none. Cached by snapshot and facts: a
 * key in a form asks several times, and a catalog of 2,000 unused indexes takes 17 ms.
 */
export function suggestionsOf(
  parameter: Parameter,
  snapshot: Snapshot | null,
  facts: RecipeData,
): readonly string[] {
  if (snapshot === null || parameter.suggest === undefined) return [];
  const known = suggested.get(parameter);
  if (known?.snapshot === snapshot && known.facts === facts) return known.values;
  const values = parameter.suggest(snapshot, facts);
  suggested.set(parameter, {snapshot, facts, values});
  return values;
}

/**
 * Warns about a name that is not among the suggestions: a typo, or a session that is not connected yet. Suggested durations
 * and numbers are only examples.
 */
function unseenOf(
  parameter: Parameter,
  text: string,
  snapshot: Snapshot | null,
  facts: RecipeData,
): ParameterProblem | null {
  const {kind} = parameter;
  if (kind !== 'text' && kind !== 'pids') return null;
  const seen = suggestionsOf(parameter, snapshot, facts);
  if (seen.length === 0 || seen.includes(text)) return null;
  if (kind === 'text' && parseDurationMs(text) !== null) return null;
  const words = kind === 'text' && !text.includes(',') ? [text] : readList(text);
  const unseen = words.find(word => !seen.includes(word.replace(/@.*/, '')));
  if (unseen === undefined) return null;
  const similar = kind === 'text' ? nearest(unseen, seen) : undefined;
  return {
    severity: 'warning',
    text: `not found now${similar === undefined ? '' : `; did you mean ${similar}?`}`,
  };
}

function error(text: string): ParameterProblem {
  return {severity: 'error', text};
}

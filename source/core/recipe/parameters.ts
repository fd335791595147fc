import type {Parameter, ParameterValues} from '../../model/recipe.ts';
import {usageError} from '../errors.ts';
import {parseDurationMs} from '../text/duration.ts';

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

/** Whether pg_size_bytes() accepts it on every supported version: 10GB, 1.5 MB, 8192. */
export function isSize(text: string): boolean {
  return /^\d+(\.\d+)?\s*(bytes|kB|MB|GB|TB)?$/i.test(text.trim());
}

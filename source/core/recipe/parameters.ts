import type {Parameter, ParameterValues} from '../../model/parameter.ts';
import {usageError} from '../errors.ts';
import {parseDurationMs} from '../text/duration.ts';

/** A parameter's value as typed, its default where it is not set; '' where it has none. */
export type ReadValue = (name: string) => string;

/** Throws AbortError (exit 2) on a name the recipe does not have. */
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
    // A name is what it is: `app ` is another role than `app`.
    return parameter?.kind === 'text' ? typed : typed.trim();
  };
}

/** The parameters as they count, defaults filled in: what a plan's hash is made of. */
export function completeParams(params: ParameterValues, parameters: readonly Parameter[]): ParameterValues {
  const read = readValues(params, parameters);
  return Object.fromEntries(parameters.map(({name}) => [name, read(name)]));
}

/** The same; throws AbortError (exit 2) where one is not set that nothing can be planned without. */
export function requiredParams(params: ParameterValues, parameters: readonly Parameter[]): ParameterValues {
  const completed = completeParams(params, parameters);
  for (const {name, is_required} of parameters) {
    if (is_required && completed[name] === '')
      throw usageError(`${name} is not set`, `name it: --set ${name}=VALUE`);
  }
  return completed;
}

/** A name as a parameter: quoted where it is blank, which is "not set", or where its ends would not be seen. */
export function writeText(text: string): string {
  return text === '' || text !== text.trim() || text.startsWith('"') ? `"${text}"` : text;
}

/** What `writeText` wrote; null is "not set". */
export function readText(text: string): string | null {
  if (text === '') return null;
  return /^".*"$/s.test(text) ? text.slice(1, -1) : text;
}

/** Words with commas between them. */
export function readList(text: string): string[] {
  return text.split(',').flatMap(word => word.trim() || []);
}

/** Milliseconds; '' is 0. Throws AbortError (exit 2) on what is no duration. */
export function readDuration(name: string, text: string): number {
  const ms = text === '' ? 0 : parseDurationMs(text);
  if (ms === null) throw usageError(`${name}=${text} is not a duration`, 'write it as 90s, 10min or 1h30m');
  return ms;
}

/** A whole number from 1 up; '' is null. Throws AbortError (exit 2) on anything else. */
export function readCount(name: string, text: string): number | null {
  return text === '' ? null : readInteger(name, text, 1);
}

/** A whole number in decimal digits, and nothing that JavaScript would take for one besides: not `0x10`, not `1e3`. */
export function readInteger(name: string, text: string, least: number): number {
  const number = /^(?:0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= mostInteger) return number;
  throw usageError(`${name}=${text} is not a number from ${least} up`);
}

/** An int4 on the server. */
const mostInteger = 2_147_483_647;

/** A number within limits; '' is null. Throws AbortError (exit 2) on anything else. */
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

/** One of the choices, however it is capitalised. Throws AbortError (exit 2) on anything else. */
export function readChoice<Choice extends string>(
  name: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find(each => each === text.toLowerCase());
  if (choice === undefined) throw usageError(`${name}: no "${text}"`, `it is one of ${choices.join(', ')}`);
  return choice;
}

/** As pg_size_bytes() reads sizes on every version: 10GB, 1.5 MB, 8192. */
export function isSize(text: string): boolean {
  return /^\d+(\.\d+)?\s*(bytes|kB|MB|GB|TB)?$/i.test(text.trim());
}

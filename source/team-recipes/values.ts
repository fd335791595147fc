import {usageError} from '../core/errors.ts';
import {isSize, readChoice, readDuration} from '../core/recipe/parameters.ts';
import type {Parameter} from '../model/parameter.ts';
import type {Value} from './template.ts';

/** The types that a runbook's parameters have. */
export const parameterTypes = ['text', 'integer', 'number', 'duration', 'size', 'choice'] as const;

export type RunbookParameter = Parameter & {
  /** It has no default, not even an empty one: nothing is planned until it is set. */
  isRequired: boolean;
  /** Where the file names it. */
  line: number;
};

/**
 * A parameter as SQL is given it, null where it is not set. A duration is an interval's text in milliseconds, which
 * poolctl and the server read alike; a size is the text that pg_size_bytes() reads. Throws AbortError (exit 2) for a
 * text that is none of its type.
 */
export function readParameter({name, kind, choices = []}: Parameter, text: string): Value {
  if (text === '') return null;
  switch (kind) {
    case 'duration':
      return `${readDuration(name, text)} milliseconds`;
    case 'size':
      if (!isSize(text)) throw usageError(`${name}=${text} is not a size`, 'write 500MB or 10GB');
      return text;
    case 'integer':
      return numberOf(name, text, /^[+-]?\d{1,15}$/, 'a whole number');
    case 'number':
      return numberOf(name, text, /^[+-]?\d+(\.\d+)?$/, 'a number');
    case 'choice':
      return readChoice(name, text, choices);
    default:
      return text;
  }
}

function numberOf(name: string, text: string, pattern: RegExp, what: string): number {
  if (!pattern.test(text)) throw usageError(`${name}=${text} is not ${what}`);
  return Number(text);
}

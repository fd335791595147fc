import {type Entry, type Fields, type Report, readFields} from '../config/fields.ts';
import {readYaml} from '../config/yaml.ts';
import {usageError} from '../core/errors.ts';
import {isSize, readChoice, readDuration} from '../core/recipe/parameters.ts';
import type {Parameter} from '../model/recipe.ts';
import {namePattern, type Value} from './template.ts';

/** The header of a Markdown recipe, between two lines of `---`. */
export type FrontMatter = {
  title: string;
  why: string;
  parameters: MarkdownParameter[];
  /** Functions outside pg_catalog that its diagnosis and verification call, as `schema.name`. */
  functions: DeclaredFunction[];
};

export type DeclaredFunction = {name: string; line: number};

export type MarkdownParameter = Parameter & {
  /** It has no default, not even an empty one, so a plan needs a value for it. */
  isRequired: boolean;
  line: number;
};

const parameterTypes = ['text', 'integer', 'number', 'duration', 'size', 'choice'] as const;

/** Reads the header and reports every mistake with its line in the file. */
export function readFrontMatter(text: string, report: Report): FrontMatter {
  // Line 1 of the file is the opening `---`.
  const root = readYaml(text, report, 2);
  if (root === null) return {title: '', why: '', parameters: [], functions: []};
  const fields = readFields({...root, line: 1}, ['title', 'why', 'parameters', 'functions'], report);
  return {
    title: fields.requiredText('title').trim(),
    why: fields.requiredText('why').trim(),
    parameters: fields.entries('parameters').map(([name, entry]) => readParameter(name, entry, report)),
    functions: readFunctions(fields, report),
  };
}

function readFunctions(fields: Fields, report: Report): DeclaredFunction[] {
  const line = fields.lineOf('functions');
  return fields.texts('functions').map(name => {
    if (name !== '' && !/^[^.\s]+\.[^.\s]+$/.test(name))
      report(line, `function "${name}" must be schema.name`);
    return {name, line};
  });
}

function readParameter(name: string, entry: Entry, report: Report): MarkdownParameter {
  const {line} = entry;
  if (!namePattern.test(name)) report(line, `parameter "${name}" must be in snake_case`);
  if (name === 'subject') report(line, 'parameter "subject" is predefined: it selects one finding');
  const fields = readFields(entry, ['description', 'type', 'default', 'choices'], report);
  const kind = fields.choice('type', parameterTypes) ?? 'text';
  const parameter: Parameter = {
    name,
    description: fields.requiredText('description').trim(),
    kind,
    // `default:` without a value is an empty default.
    default: (fields.value('default') === null ? '' : fields.text('default')) ?? '',
    ...(kind === 'choice' && {choices: readChoices(fields, report)}),
  };
  checkDefault(parameter, fields, report);
  return {...parameter, isRequired: !fields.has('default'), line};
}

function readChoices(fields: Fields, report: Report): string[] {
  const choices = fields.texts('choices');
  if (choices.length === 0) report(fields.lineOf('choices'), 'type choice needs choices: [one, another]');
  return choices;
}

function checkDefault(parameter: Parameter, fields: Fields, report: Report): void {
  if (!fields.has('default')) return;
  try {
    parameterValue(parameter, parameter.default);
  } catch (error) {
    report(fields.lineOf('default'), `default: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * The value that SQL gets for a parameter; null if it is empty. A duration is an interval in milliseconds, as text; a
 * size is text that pg_size_bytes() reads. Throws AbortError (exit 2) for text that is not of the parameter's type.
 */
export function parameterValue({name, kind, choices = []}: Parameter, text: string): Value {
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

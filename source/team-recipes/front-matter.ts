import {isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap} from 'yaml';
import {usageError} from '../core/errors.ts';
import {isSize, readChoice, readDuration} from '../core/recipe/parameters.ts';
import {didYouMean} from '../core/text/nearest.ts';
import type {Parameter} from '../model/parameter.ts';
import {namePattern, type Value} from './template.ts';

/** What a runbook says of itself before its prose. */
export type FrontMatter = {
  title: string;
  why: string;
  parameters: MarkdownParameter[];
  /** Functions of the database's own that its diagnosis and verification call, as `schema.name`. */
  functions: DeclaredFunction[];
};

export type DeclaredFunction = {name: string; line: number};

type Placed = Omit<MarkdownParameter, 'line'> & {offset: number | null};
type Report = (offset: number | null, message: string) => void;

const keys = ['title', 'why', 'parameters', 'functions'];
const parameterKeys = ['description', 'type', 'default', 'choices'];

/** Reads it whole, whatever is wrong with it; `report` is told of each mistake, with the line in the file. */
export function readFrontMatter(text: string, report: (line: number, message: string) => void): FrontMatter {
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines});
  // The first line of the file is the `---` before it.
  const lineOf = (offset: number | null) => (offset === null ? 1 : lines.linePos(offset).line + 1);
  const at: Report = (offset, message) => report(lineOf(offset), message);
  for (const {message, pos} of document.errors)
    at(pos[0], message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? '');
  // What is missing where it could not be read is no mistake of its own.
  if (document.errors.length > 0) return {title: '', why: '', parameters: [], functions: []};
  const root = isMap(document.contents) ? document.contents : null;
  if (root !== null) refuseOthers(root, keys, at);
  return {
    title: requiredText(root, 'title', at),
    why: requiredText(root, 'why', at),
    parameters: readParameters(root, at).map(({offset, ...parameter}) => ({
      ...parameter,
      line: lineOf(offset),
    })),
    functions: readFunctions(root, at).map(({name, offset}) => ({name, line: lineOf(offset)})),
  };
}

function readFunctions(root: YAMLMap | null, report: Report): {name: string; offset: number | null}[] {
  const pair = pairOf(root, 'functions');
  if (pair === undefined) return [];
  const names: unknown = (root?.toJSON() as Record<string, unknown> | undefined)?.functions;
  const offset = offsetOf(pair);
  if (!Array.isArray(names)) {
    report(offset, 'functions must be a list: [schema.name, schema.other]');
    return [];
  }
  return names.map(String).map(name => {
    if (!/^[^.\s]+\.[^.\s]+$/.test(name)) report(offset, `function "${name}": write it as schema.name`);
    return {name, offset};
  });
}

function readParameters(root: YAMLMap | null, report: Report): Placed[] {
  const pair = pairOf(root, 'parameters');
  if (pair === undefined) return [];
  if (!isMap(pair.value)) {
    report(offsetOf(pair), 'parameters: is to be a name and its description each');
    return [];
  }
  return pair.value.items.map(each => readOne(each, report));
}

function readOne(pair: Pair, report: Report): Placed {
  const name = keyOf(pair);
  const offset = offsetOf(pair);
  if (!namePattern.test(name)) report(offset, `parameter "${name}": write it in snake_case`);
  if (name === 'subject') report(offset, 'parameter "subject" is there by itself: it names what was found');
  const map = isMap(pair.value) ? pair.value : null;
  if (map !== null) refuseOthers(map, parameterKeys, report);
  const kind = readType(map, report);
  const parameter: Parameter = {
    name,
    description: requiredText(map, 'description', report, offset),
    kind,
    default: textOf(pairOf(map, 'default')) ?? '',
    ...(kind === 'choice' && {choices: readChoices(map, offset, report)}),
  };
  const isRequired = pairOf(map, 'default') === undefined;
  refuseDefault(parameter, pairOf(map, 'default'), report);
  return {...parameter, isRequired, offset};
}

function readType(map: YAMLMap | null, report: Report): MarkdownParameter['kind'] {
  const pair = pairOf(map, 'type');
  if (pair === undefined) return 'text';
  const written = textOf(pair) ?? '';
  const type = parameterTypes.find(each => each === written);
  if (type === undefined) {
    const hint = didYouMean(written, parameterTypes) || `: it is one of ${parameterTypes.join(', ')}`;
    report(offsetOf(pair), `there is no type "${written}"${hint}`);
  }
  return type ?? 'text';
}

function readChoices(map: YAMLMap | null, offset: number | null, report: Report): string[] {
  const pair = pairOf(map, 'choices');
  const choices: unknown = (map?.toJSON() as Record<string, unknown> | undefined)?.choices;
  if (Array.isArray(choices) && choices.length > 0) return choices.map(String);
  report(pair === undefined ? offset : offsetOf(pair), 'a choice wants its choices: [one, another]');
  return [];
}

function refuseDefault(parameter: Parameter, pair: Pair | undefined, report: Report): void {
  if (pair === undefined) return;
  try {
    readParameter(parameter, parameter.default);
  } catch (error) {
    report(offsetOf(pair), `default: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function refuseOthers(map: YAMLMap, known: readonly string[], report: Report): void {
  for (const pair of map.items) {
    const key = keyOf(pair);
    if (!known.includes(key)) {
      report(
        offsetOf(pair),
        `there is no "${key}" here${didYouMean(key, known) || `, only ${known.join(', ')}`}`,
      );
    }
  }
}

function requiredText(
  map: YAMLMap | null,
  key: string,
  report: Report,
  parent: number | null = null,
): string {
  const pair = pairOf(map, key);
  const text = textOf(pair)?.trim() ?? '';
  if (text === '') report(pair === undefined ? parent : offsetOf(pair), `${key} is missing`);
  return text;
}

function pairOf(map: YAMLMap | null, key: string): Pair | undefined {
  return map?.items.find(pair => keyOf(pair) === key);
}

function keyOf({key}: Pair): string {
  return isScalar(key) ? String(key.value) : '';
}

function offsetOf({key}: Pair): number | null {
  return isScalar(key) ? (key.range?.[0] ?? null) : null;
}

/** As it was typed: `0.10` is not 0.1. */
function textOf(pair: Pair | undefined): string | null {
  if (pair === undefined || !isScalar(pair.value) || pair.value.value === null) return null;
  return typeof pair.value.value === 'string'
    ? pair.value.value
    : (pair.value.source ?? String(pair.value.value));
}

/** The types that a runbook's parameters have. */
export const parameterTypes = ['text', 'integer', 'number', 'duration', 'size', 'choice'] as const;

export type MarkdownParameter = Parameter & {
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

import meow from 'meow';
import manifest from '../../../package.json' with {type: 'json'};
import {type AbortError, usageError} from '../../core/errors.ts';
import {nearest} from '../../core/text/nearest.ts';
import type {Recipe} from '../../model/recipe.ts';
import {helpText} from './help-text.ts';
import {
  flags as allFlags,
  answerFlags,
  type CommandName,
  commands,
  type Flag,
  type FlagName,
  flagAsTyped,
  isCommand,
} from './usage.ts';

/** Flags by name, as typed; undefined where not given. */
export type Flags = {
  [Name in FlagName]?:
    | ((typeof allFlags)[Name] extends {isMultiple: true}
        ? string[]
        : {string: string; number: number; boolean: boolean}[(typeof allFlags)[Name]['type']])
    | undefined;
};

export type Call = {command: CommandName; words: string[]; flags: Flags};
/** `--help` and `--version`: a text is all that is wanted. */
export type Answer = {answer: string};

/**
 * What a call says. Throws AbortError (exit 2) for whatever it says that is not understood in full: a flag that
 * the command does not take, a value that lacks or is none, a word too many. No message quotes a word that could
 * be an address. Recipes are loaded for the help of `run` alone.
 */
export async function parseCall(argv: string[], loadRecipes: LoadRecipes): Promise<Call | Answer> {
  const {input, flags: given} = readWords(argv.flatMap(splitShortFlag).reduce<string[]>(joinDash, []));
  const [first = '', ...rest] = input[0] === 'help' ? input.slice(1) : input;
  const command = isCommand(first) ? first : 'console';
  if (command === 'console' && isPlainWord(first)) throw unknownCommand(first);
  if (input[0] === 'help' || given.help) {
    const recipes = command === 'run' ? await loadRecipes(textsOf(given)) : [];
    return {answer: helpText(command, recipes, rest[0])};
  }
  if (given.version) return {answer: manifest.version};
  const words = command === 'console' ? input : rest;
  requireWords(command, words);
  return {command, words, flags: readFlags(command, given)};
}

/** Those that can be run where these flags are given: a team's own too. */
export type LoadRecipes = (flags: Pick<Flags, 'recipes' | 'target'>) => Promise<readonly Recipe[]>;

type Given = {input: string[]; flags: Record<string, readonly (string | boolean)[]>};

function textsOf({recipes, target}: Given['flags']): Parameters<LoadRecipes>[0] {
  const textOf = (values: Given['flags'][string] | undefined) =>
    values?.findLast(each => typeof each === 'string');
  return {recipes: textOf(recipes), target: textOf(target)};
}

/** `-hlocalhost`, as psql takes it. */
function splitShortFlag(word: string): string[] {
  return /^-[hpUd][^=]/.test(word) ? [word.slice(0, 2), word.slice(2)] : [word];
}

/** `--junit -` is `--junit=-`: meow takes a lone dash for another flag. */
function joinDash(words: string[], word: string): string[] {
  const last = words.at(-1);
  return word === '-' && last?.startsWith('--') ? [...words.slice(0, -1), `${last}=-`] : [...words, word];
}

/** What meow is told of; every other command's flags would cost a start 4 ms. */
type TypedFlags = Record<string, {type: 'string' | 'boolean'; isMultiple: true; shortFlag?: string}>;

/**
 * The flags that are in a call, all as lists, so that one given twice is seen. Throws where one lacks its value, or
 * has one it does not take: meow takes either for a flag that was not given.
 */
function findFlags(argv: string[]): TypedFlags {
  const found: TypedFlags = {};
  const end = argv.indexOf('--');
  for (const [index, word] of argv.slice(0, end === -1 ? undefined : end).entries()) {
    const [typed, value] = /^([^=]*)(=.*)?$/s.exec(word)?.slice(1) ?? [];
    const [name, flag] = Object.entries(knownFlags).find(each => isTyped(each, typed ?? '')) ?? [];
    if (name === undefined || flag === undefined) continue;
    if (flag.type !== 'boolean' && (value ?? `=${valueAfter(argv, index)}`) === '=')
      throw usageError(`${flagAsTyped(name)} needs a value`, valueHint(name, flag));
    if (flag.type === 'boolean' && value !== undefined)
      throw usageError(`${flagAsTyped(name)} takes no value`, 'Give it or leave it out.');
    const {shortFlag} = flag;
    const type = flag.type === 'boolean' ? 'boolean' : 'string';
    found[name] = {type, isMultiple: true, ...(shortFlag !== undefined && {shortFlag})};
  }
  return found;
}

const knownFlags: Record<string, Flag> = {...allFlags, ...answerFlags};

/** meow takes a flag by its name in the code as well. */
function isTyped([name, {shortFlag}]: [string, Flag], typed: string): boolean {
  return (
    typed === flagAsTyped(name) ||
    typed === `--${name}` ||
    (shortFlag !== undefined && typed === `-${shortFlag}`)
  );
}

function valueAfter(argv: string[], index: number): string {
  const next = argv[index + 1] ?? '';
  return next.startsWith('-') && !/^-\d+(\.\d+)?$/.test(next) ? '' : next;
}

/** meow tells words from flags. */
function readWords(argv: string[]): Given {
  const {input, flags: given} = meow({
    importMeta: import.meta,
    argv,
    pkg: {name: 'poolctl'},
    autoHelp: false,
    autoVersion: false,
    booleanDefault: undefined,
    flags: findFlags(argv),
  });
  const lists = Object.entries(given).map(([name, values]) => [name, [values].flat()]);
  return {input, flags: Object.fromEntries(lists.filter(([, values]) => values?.length !== 0))};
}

/** A word like this is no address, nor the password of one. */
function isPlainWord(word: string): boolean {
  return /^[a-z][a-z-]{0,19}$/i.test(word);
}

function requireWords(command: CommandName, words: string[]): void {
  const most = command === 'journal' && words[0] !== 'show' ? 1 : commands[command].mostWords;
  if (words.length > most) {
    throw usageError(
      `${words.length - most === 1 ? 'one word' : `${words.length - most} words`} too many`,
      `It is poolctl ${commands[command].usage} [flags].`,
    );
  }
}

function readFlags(command: CommandName, given: Given['flags']): Flags {
  const known: readonly string[] = commands[command].flags;
  const flags: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(given)) {
    if (!known.includes(name)) throw unknownFlag(command, values[0] === false ? `no-${name}` : name);
    flags[name] = readFlag(name as FlagName, values);
  }
  return flags;
}

function readFlag(name: FlagName, values: readonly (string | boolean)[]): unknown {
  const flag = allFlags[name];
  const typed = flagAsTyped(name);
  if (values.includes(false)) throw usageError(`there is no --no-${typed.slice(2)}`, `Leave out ${typed}.`);
  if (flag.type === 'boolean') return true;
  if ('isMultiple' in flag) return values;
  if (values.length > 1) throw usageError(`${typed} is given twice`, 'Leave out one of them.');
  if (flag.type === 'string') return values[0];
  if (!/^\d{1,9}$/.test(String(values[0]))) {
    throw usageError(`${typed} wants a whole number`, valueHint(name, flag));
  }
  return Number(values[0]);
}

function unknownCommand(word: string): AbortError {
  const meant = nearest(word, Object.keys(commands).filter(isCommand));
  const others = "'poolctl --help' lists the commands; a database is named with -d NAME";
  return usageError(
    `there is no command "${word}"`,
    meant === undefined ? others : `Did you mean 'poolctl ${meant}'?`,
  );
}

function unknownFlag(command: CommandName, name: string): AbortError {
  const call = command === 'console' ? 'poolctl' : `poolctl ${command}`;
  const known = [...commands[command].flags, ...Object.keys(answerFlags)].map(flagAsTyped);
  const meant = nearest(flagAsTyped(name), known);
  return usageError(
    `'${call}' takes no ${flagAsTyped(name)}`,
    meant === undefined ? `'${call} --help' lists what it takes` : `Did you mean ${meant}?`,
  );
}

/** Of a flag whose value is missing or none. */
function valueHint(name: string, {value = ''}: Flag): string {
  const example = examples[value];
  return `It is ${flagAsTyped(name)} ${value}${example === undefined ? '' : `, such as ${example}`}.`;
}

const examples: Record<string, string | undefined> = {
  TIME: '500ms, 2s or 10min',
  SHARE: '80%',
  PORT: '5432',
  N: '5',
  ADDRESS: ':9187 or 0.0.0.0:9187',
  TIMES: '1.5',
  'NAME=VALUE': 'older_than=10min',
};

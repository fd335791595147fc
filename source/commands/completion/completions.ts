import {type Argument, type Flag, flagAsTyped, globalFlags, type Usage} from '../../cli/call/usage.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';

/** The possible values of an argument or flag. */
export type Values =
  | {kind: 'words'; words: readonly Word[]}
  | {kind: 'files'}
  | {kind: 'folders'}
  | {kind: 'any'};

type Word = {text: string; help: string};

export type FlagCompletion = {
  /** `--max-used`. */
  long: string;
  short: string | null;
  help: string;
  isMultiple: boolean;
  /** null for a boolean. */
  value: {name: string; values: Values} | null;
};

export type CommandCompletion = {
  name: string;
  summary: string;
  flags: FlagCompletion[];
  arguments: {name: string; values: Values}[];
};

export type Completions = {
  /** All commands but the console. */
  commands: CommandCompletion[];
  console: CommandCompletion;
  /** Parameters of each recipe, for `--set`. */
  parameters: {recipe: string; names: string[]}[];
};

type Names = {recipes: readonly Recipe[]; targets: readonly string[]};

/** Converts the table of commands for the shells. Omits recipe and target names that a shell would have to quote. */
export function describeCompletions(usages: readonly Usage[], names: Names): Completions {
  const recipes = names.recipes.filter(({id, plan}) => plan !== undefined && isPlain(id));
  const targets = names.targets.filter(isPlain).map(text => ({text, help: ''}));
  const all = usages.map(usage => describeCommand(usage, {recipes, targets}));
  const console = all.find(({name}) => name === 'console');
  if (console === undefined) throw new RangeError('the table has no console');
  return {
    commands: all.filter(each => each !== console),
    console,
    parameters: recipes.map(({id, parameters}) => ({
      recipe: id,
      names: parameters.map(({name}) => name).filter(isPlain),
    })),
  };
}

function isPlain(name: string): boolean {
  return /^[\w.@-]+$/.test(name);
}

type Known = {recipes: readonly Recipe[]; targets: readonly Word[]};

function describeCommand({name, summary, flags, arguments: words}: Usage, known: Known): CommandCompletion {
  const {help, version} = globalFlags;
  const own: Record<string, Flag> = {...flags, help, ...(name === 'console' && {version})};
  return {
    name,
    summary,
    flags: Object.entries(own).map(([flag, row]) => describeFlag(flag, row, known)),
    arguments: words.map(argument => ({
      name: argument.shown.replace(/[<>[\]]/g, ''),
      values: valuesOf(argument, known),
    })),
  };
}

function describeFlag(name: string, flag: Flag, {targets}: Known): FlagCompletion {
  const {help, alias, choices, isMultiple = false, value = ''} = flag;
  const kinds: Record<string, Values> = {
    FILE: {kind: 'files'},
    PATH: {kind: 'files'},
    DIR: {kind: 'folders'},
  };
  const listed = name === 'target' ? targets : choices?.map(text => ({text, help: ''}));
  return {
    long: flagAsTyped(name),
    short: alias === undefined ? null : `-${alias}`,
    help,
    isMultiple,
    value:
      flag.type === 'boolean'
        ? null
        : {
            name: value,
            values: listed === undefined ? (kinds[value] ?? {kind: 'any'}) : {kind: 'words', words: listed},
          },
  };
}

function valuesOf({completes}: Argument, {recipes}: Known): Values {
  if (completes === undefined) return {kind: 'any'};
  if (completes === 'file') return {kind: 'files'};
  if (completes === 'recipe') {
    return {kind: 'words', words: recipes.map(({id, title}) => ({text: id, help: sanitise(title)}))};
  }
  return {kind: 'words', words: completes.map(text => ({text, help: ''}))};
}

import {parseArgs} from 'node:util';
import {type AbortError, usageError} from '../../core/errors.ts';
import {nearest} from '../../core/text/nearest.ts';
import {type Command, type Flag, type FlagValue, flagAsTyped, globalFlags, synopsisOf} from './usage.ts';

export type ParsedCall =
  | {kind: 'run'; command: Command; words: string[]; flags: Record<string, FlagValue>}
  /** `--help`, or `poolctl help <command>`. */
  | {kind: 'help'; command: Command; words: string[]; flags: Record<string, FlagValue>}
  | {kind: 'version'};

/**
 * Parses a call against the table of commands. Throws AbortError (exit 2) for an unknown command or flag, a missing or
 * invalid value, or an unexpected argument. No message quotes an argument that could be a URL.
 */
export function parseCall(argv: readonly string[], commands: readonly Command[]): ParsedCall {
  const {input, rawFlags} = readTokens(argv, commands);
  const isHelp = input[0] === 'help';
  const [first = '', ...rest] = isHelp ? input.slice(1) : input;
  const named = commands.find(({name}) => name === first && name !== 'console');
  if (named === undefined && isPlainWord(first)) throw unknownCommand(first, commands);
  const command = named ?? findConsole(commands);
  const words = named === undefined ? input : rest;
  if (isHelp || rawFlags.has('help')) {
    return {kind: 'help', command, words: rest, flags: Object.fromEntries(textsOf(rawFlags))};
  }
  if (rawFlags.has('version')) return {kind: 'version'};
  const extra = words.length - command.arguments.length;
  if (extra > 0) {
    throw usageError(
      extra === 1 ? 'unexpected argument' : `${extra} unexpected arguments`,
      `Usage: ${synopsisOf(command)}.`,
    );
  }
  return {kind: 'run', command, words, flags: readFlags(command, rawFlags)};
}

/** The values of each flag as typed, in order; `true` for a boolean. */
type RawFlags = Map<string, (string | true)[]>;

/**
 * Splits a call into arguments and the flags of any command. Throws if a value is missing, or given to a boolean:
 * `--yes=false` must never mean yes.
 */
function readTokens(
  argv: readonly string[],
  commands: readonly Command[],
): {input: string[]; rawFlags: RawFlags} {
  const known = new Map(
    [globalFlags, ...commands.map(({flags}) => flags)].flatMap(flags => Object.entries<Flag>(flags)),
  );
  const nameOf = new Map(
    [...known].flatMap(([name, {formerName = name}]) =>
      [name, formerName].map(each => [flagAsTyped(each).slice(2), name] as const),
    ),
  );
  const {tokens} = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      [...nameOf].map(([typed, name]) => [typed, optionOf(known.get(name) as Flag)]),
    ),
    strict: false,
    tokens: true,
  });
  const input: string[] = [];
  const rawFlags: RawFlags = new Map();
  for (const token of tokens) {
    if (token.kind === 'positional') input.push(token.value);
    if (token.kind !== 'option') continue;
    // An unknown flag keeps its dashes, so it matches no name.
    const name = nameOf.get(token.name) ?? token.rawName;
    const flag = known.get(name);
    rawFlags.set(name, [
      ...(rawFlags.get(name) ?? []),
      flag === undefined ? true : readValue(name, flag, token),
    ]);
  }
  return {input, rawFlags};
}

function optionOf({type, alias}: Flag) {
  return {
    type: type === 'boolean' ? ('boolean' as const) : ('string' as const),
    multiple: true,
    ...(alias !== undefined && {short: alias}),
  };
}

function readValue(
  name: string,
  flag: Flag,
  {
    value,
    inlineValue,
    rawName,
  }: {value?: string | undefined; inlineValue?: boolean | undefined; rawName: string},
): string | true {
  if (flag.type === 'boolean') {
    if (value === undefined) return true;
    throw usageError(`${flagAsTyped(name)} takes no value`, `Use ${flagAsTyped(name)}, or leave it out.`);
  }
  // `-p=6432`, as `--port=6432`.
  const text = rawName.startsWith('--') ? value : value?.replace(/^=/, '');
  const isFlag = inlineValue === false && /^-./.test(text ?? '') && !/^-\d+(\.\d+)?$/.test(text ?? '');
  if (text === undefined || text === '' || isFlag) {
    throw usageError(`${flagAsTyped(name)} needs a value`, valueHint(name, flag));
  }
  return text;
}

/** Whether a word is safe to quote: neither a URL nor a password. */
function isPlainWord(word: string): boolean {
  return /^[a-z][a-z-]{0,19}$/i.test(word);
}

function findConsole(commands: readonly Command[]): Command {
  const found = commands.find(({name}) => name === 'console');
  if (found === undefined) throw new RangeError('the table has no console');
  return found;
}

/** The values of a call for help, whose flags are not validated. */
function textsOf(rawFlags: RawFlags): [string, string][] {
  return [...rawFlags].flatMap(([name, values]) => {
    const text = values.findLast(each => typeof each === 'string');
    return text === undefined ? [] : [[name, text]];
  });
}

function readFlags(command: Command, rawFlags: RawFlags): Record<string, FlagValue> {
  return Object.fromEntries(
    [...rawFlags].map(([name, values]) => {
      const flag = command.flags[name];
      if (flag === undefined) throw unknownFlag(command, name.startsWith('-') ? name : flagAsTyped(name));
      return [name, readFlag(name, flag, values)];
    }),
  );
}

function readFlag(name: string, flag: Flag, values: readonly (string | true)[]): FlagValue {
  const typed = flagAsTyped(name);
  if (flag.type === 'boolean') return true;
  if (flag.isMultiple) return values.map(String);
  if (values.length > 1) throw usageError(`${typed} is given twice`, 'Give it once.');
  const text = String(values[0]);
  if (flag.type === 'string') return text;
  if (!/^\d{1,9}$/.test(text)) {
    throw usageError(`${typed} takes a whole number`, valueHint(name, flag));
  }
  return Number(text);
}

function unknownCommand(word: string, commands: readonly Command[]): AbortError {
  const names = commands.map(({name}) => name).filter(name => name !== 'console');
  const near = nearest(word, names);
  // Recipes are not loaded to parse a call; their names are words with hyphens.
  const other = /^[a-z]+(?:-[a-z]+)+$/.test(word)
    ? `A recipe is run with 'poolctl run ${word}'; 'poolctl recipes' lists them.`
    : "'poolctl --help' lists the commands.";
  return usageError(
    `unknown command "${word}"`,
    near === undefined
      ? `${other} To connect to a database by name, use -d NAME.`
      : `Did you mean 'poolctl ${near}'?`,
  );
}

function unknownFlag({name: command, flags}: Command, typed: string): AbortError {
  const call = command === 'console' ? 'poolctl' : `poolctl ${command}`;
  const known = [...Object.keys(flags), ...Object.keys(globalFlags)].map(flagAsTyped);
  const negated = typed.replace(/^--no-/, '--');
  if (negated !== typed && known.includes(negated)) {
    return usageError(`'${call}' has no flag ${typed}`, `Leave out ${negated} instead.`);
  }
  const near = nearest(typed, known);
  return usageError(
    `'${call}' has no flag ${typed}`,
    near !== undefined
      ? `Did you mean ${near}?`
      : command === 'run'
        ? `A recipe's parameters are given with --set ${typed.replace(/^--/, '').replaceAll('-', '_')}=VALUE.`
        : `'${call} --help' lists its flags.`,
  );
}

/** The hint for a missing or invalid value. */
function valueHint(name: string, {value = ''}: Flag): string {
  const example = examples[value];
  return `Usage: ${flagAsTyped(name)} ${value}${example === undefined ? '' : `, such as ${example}`}.`;
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

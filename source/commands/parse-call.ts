import meow from 'meow';
import manifest from '../../package.json' with {type: 'json'};
import {AbortError, exitCodes} from '../core/errors.ts';
import {
  flags as allFlags,
  type CommandName,
  commands,
  type FlagName,
  flagAsTyped,
  helpText,
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
 * be an address.
 */
export function parseCall(argv: string[]): Call | Answer {
  const {input, flags: given} = readWords(checkValues(argv.flatMap(splitShortFlag)));
  const [first = '', ...rest] = input[0] === 'help' ? input.slice(1) : input;
  const command = isCommand(first) ? first : 'console';
  if (input[0] === 'help' || given.help) return {answer: helpText(command)};
  if (given.version) return {answer: manifest.version};
  const words = command === 'console' ? input : rest;
  requireWords(command, words);
  return {command, words, flags: readFlags(command, given)};
}

type Given = {input: string[]; flags: Record<string, readonly (string | boolean)[]>};

/** `-hlocalhost`, as psql takes it. */
function splitShortFlag(word: string): string[] {
  return /^-[hpUd][^=]/.test(word) ? [word.slice(0, 2), word.slice(2)] : [word];
}

/** meow takes a flag without its value, and one with a value it does not have, for one that was not given. */
function checkValues(argv: string[]): string[] {
  const end = argv.indexOf('--');
  for (const [index, word] of argv.slice(0, end === -1 ? undefined : end).entries()) {
    const [typed, value] = /^([^=]*)(=.*)?$/s.exec(word)?.slice(1) ?? [];
    const [name, flag] = Object.entries(allFlags).find(each => isTyped(each, typed ?? '')) ?? [];
    if (name === undefined || flag === undefined) continue;
    if (flag.type === 'boolean') {
      if (value !== undefined) throw usage(`${flagAsTyped(name)} takes no value`, 'Give it or leave it out.');
    } else if ((value ?? `=${valueAfter(argv, index)}`) === '=') {
      throw usage(`${flagAsTyped(name)} needs a value`, `It is ${flagAsTyped(name)} ${flag.value}.`);
    }
  }
  return argv;
}

function isTyped([name, flag]: [string, object], typed: string): boolean {
  return typed === flagAsTyped(name) || ('shortFlag' in flag && typed === `-${flag.shortFlag}`);
}

function valueAfter(argv: string[], index: number): string {
  const next = argv[index + 1] ?? '';
  return next.startsWith('-') ? '' : next;
}

/** meow tells words from flags; every flag comes as all its values, so that one given twice is seen. */
function readWords(argv: string[]): Given {
  const flags = Object.fromEntries(
    Object.entries(allFlags).map(([name, {type, ...flag}]) => [
      name,
      {
        type: type === 'boolean' ? ('boolean' as const) : ('string' as const),
        isMultiple: true as const,
        ...('shortFlag' in flag && {shortFlag: flag.shortFlag}),
      },
    ]),
  );
  const {input, flags: given} = meow({
    importMeta: import.meta,
    argv,
    pkg: {name: 'poolctl'},
    autoHelp: false,
    autoVersion: false,
    booleanDefault: undefined,
    flags,
  });
  const lists = Object.entries(given).map(([name, values]) => [name, [values].flat()]);
  return {input, flags: Object.fromEntries(lists.filter(([, values]) => values?.length !== 0))};
}

function requireWords(command: CommandName, words: string[]): void {
  const most = command === 'journal' && words[0] !== 'show' ? 1 : commands[command].mostWords;
  // A word like this is no address, nor the password of one.
  if (command === 'console' && /^[a-z][a-z-]{0,19}$/.test(words[0] ?? '')) {
    throw usage(
      `there is no command "${words[0]}"`,
      "'poolctl --help' lists the commands; a database is named with -d NAME",
    );
  }
  if (words.length > most) {
    throw usage(
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
  if (flag.type === 'boolean') {
    if (values.includes(false)) throw usage(`there is no --no-${typed.slice(2)}`, `Leave out ${typed}.`);
    return true;
  }
  if ('isMultiple' in flag) return values;
  if (values.length > 1) throw usage(`${typed} is given twice`, 'Leave out one of them.');
  if (flag.type === 'string') return values[0];
  if (!/^\d{1,9}$/.test(String(values[0]))) {
    throw usage(`${typed} wants a whole number`, `It is ${typed} ${flag.value}.`);
  }
  return Number(values[0]);
}

function unknownFlag(command: CommandName, name: string): AbortError {
  const call = command === 'console' ? 'poolctl' : `poolctl ${command}`;
  return usage(`'${call}' takes no ${flagAsTyped(name)}`, `'${call} --help' lists what it takes`);
}

function usage(message: string, hint: string): AbortError {
  return new AbortError(message, {hint, exitCode: exitCodes.usage});
}

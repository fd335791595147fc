import meow from 'meow';
import manifest from '../../package.json' with {type: 'json'};
import {AbortError, exitCodes} from '../core/errors.ts';
import {flags as allFlags, type CommandName, commands, helpText, isCommand} from './usage.ts';

/** Flags by name, as typed; undefined where not given. */
export type Flags = {
  [Name in keyof typeof allFlags]?:
    | ((typeof allFlags)[Name] extends {isMultiple: true}
        ? string[]
        : {string: string; number: number; boolean: boolean}[(typeof allFlags)[Name]['type']])
    | undefined;
};

export type Call = {command: CommandName; words: string[]; flags: Flags};

/**
 * The words of a call by meow: `--help` and `--version` print and leave with 0. Throws AbortError (exit 2) for a
 * flag the command does not take and for more words than it knows.
 */
export function parseCall(words: string[]): Call {
  const [first, ...rest] = words;
  const command: CommandName = isCommand(first) ? first : 'console';
  const cli = meow(helpText(command), {
    importMeta: import.meta,
    argv: command === 'console' ? words : rest,
    pkg: {name: 'poolctl', version: manifest.version},
    description: false,
    flags: allFlags,
  });
  return {command, words: cli.input, flags: onlyKnown(command, cli.flags)};
}

function onlyKnown(command: CommandName, flags: Flags): Flags {
  const known: readonly string[] = commands[command].flags;
  for (const [name, value] of Object.entries(flags)) {
    const isGiven = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    if (isGiven && !known.includes(name)) {
      throw new AbortError(`poolctl ${command === 'console' ? '' : `${command} `}takes no --${name}`, {
        hint: `poolctl ${command === 'console' ? '' : `${command} `}--help lists what it takes.`,
        exitCode: exitCodes.usage,
      });
    }
  }
  return flags;
}

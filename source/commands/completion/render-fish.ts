import type {CommandCompletion, Completions, FlagCompletion, Values} from './completions.ts';

/** A script for fish 3 and later. */
export function renderFish({commands, console, parameters}: Completions): string {
  const noCommand = `not __fish_seen_subcommand_from ${commands.map(({name}) => name).join(' ')}`;
  return [
    '# Completions of poolctl for fish: poolctl completion fish > ~/.config/fish/completions/poolctl.fish',
    'complete -c poolctl -f',
    ...commands.map(({name, summary}) => line(noCommand, `-a ${name} -d ${quoted(summary)}`)),
    line(noCommand, `-a help -d ${quoted('Print the help of a command')}`),
    ...console.flags.map(flag => line(noCommand, flagText(flag))),
    ...commands.flatMap(commandLines),
    ...parameters.map(({recipe, names}) =>
      line(
        `__fish_seen_subcommand_from ${recipe}; and __fish_seen_subcommand_from run`,
        `-l set -x -a ${quoted(names.map(name => `${name}=`).join(' '))}`,
      ),
    ),
  ].join('\n');
}

function commandLines(command: CommandCompletion): string[] {
  const within = `__fish_seen_subcommand_from ${command.name}`;
  return [
    ...command.flags.map(flag => line(within, flagText(flag))),
    ...command.arguments.flatMap(({values}) => argumentLines(within, values)),
  ];
}

/** Offers the words until one of them is typed. */
function argumentLines(within: string, values: Values): string[] {
  if (values.kind === 'any') return [];
  if (values.kind !== 'words') return [line(within, '-F')];
  const texts = values.words.map(({text}) => text).join(' ');
  const condition = `${within}; and not __fish_seen_subcommand_from ${texts}`;
  return values.words.map(({text, help}) =>
    line(condition, `-a ${text}${help === '' ? '' : ` -d ${quoted(help)}`}`),
  );
}

/** In fish, -x marks a flag with a value, and -r one whose value can be a file. */
function flagText({long, short, help, value}: FlagCompletion): string {
  const letter = short === null ? '' : `-s ${short.slice(1)} `;
  return `${letter}-l ${long.slice(2)}${value === null ? '' : ` ${valueText(value.values)}`} -d ${quoted(help)}`;
}

function valueText(values: Values): string {
  if (values.kind === 'files') return '-r -F';
  if (values.kind === 'folders') return "-x -a '(__fish_complete_directories)'";
  return values.kind === 'any' ? '-x' : `-x -a ${quoted(values.words.map(({text}) => text).join(' '))}`;
}

function line(condition: string, rest: string): string {
  return `complete -c poolctl -n ${quoted(condition)} ${rest}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, character => `\\${character}`)}'`;
}

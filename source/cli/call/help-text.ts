import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import {type Flag, flagAsTyped, globalFlags, synopsisOf, type Usage} from './usage.ts';

const columns = 80;

type HelpOptions = {
  /** For the console's help, which lists them. */
  commands: readonly Usage[];
  /** For the help of `run`. */
  recipes: readonly Recipe[];
  /** The recipe of `run <recipe> --help`, whose parameters are listed. */
  id?: string | undefined;
};

/** `poolctl <command> --help`, at most 80 columns wide. */
export function helpText(usage: Usage, {commands, recipes, id}: HelpOptions): string {
  const recipe = usage.name === 'run' ? recipes.find(each => each.id === id) : undefined;
  const synopsis = synopsisOf(usage);
  return [
    `Usage: ${recipe === undefined ? synopsis : synopsis.replace('<recipe>', recipe.id)}`,
    '',
    recipe === undefined ? wrap('  ', `${usage.summary}.`, columns) : recipeText(recipe, columns),
    ...(usage.name === 'console' ? section('Commands', commands.map(commandRow)) : []),
    ...(usage.name === 'run' && recipe === undefined ? section('Recipes', recipeRows(recipes)) : []),
    ...flagSections(usage),
    ...usage.details.flatMap(text => ['', wrapped(text)]),
    ...(hasTime(usage) ? ['', wrapped(timeText)] : []),
  ].join('\n');
}

const timeText = 'TIME is a duration such as 500ms, 2s, 10min or 1h30m; a number alone is seconds.';

/** Flags by their heading in help; `Flags` comes first. */
function groupFlags({flags, name}: Usage): Map<string, [string, Flag][]> {
  const {help, ...others} = globalFlags;
  const own: [string, Flag][] = Object.entries({...flags, help, ...(name === 'console' ? others : {})});
  const groups = new Map<string, [string, Flag][]>([['Flags', []]]);
  for (const [flag, row] of own) {
    const group = row.group ?? 'Flags';
    groups.set(group, [...(groups.get(group) ?? []), [flag, row]]);
  }
  return groups;
}

/** What a flag sets, and its default: `Server port (default 5432)`. */
function flagText({help, default: value, formerName}: Flag): string {
  const notes = [
    ...(value === undefined ? [] : [`default${value.includes(' ') ? ':' : ''} ${value}`]),
    ...(formerName === undefined ? [] : [`formerly ${flagAsTyped(formerName)}`]),
  ];
  return notes.length === 0 ? help : `${help} (${notes.join('; ')})`;
}

/** As in help: `-p, --port PORT`. */
function flagHead(name: string, {value, alias}: Flag): string {
  return [
    alias === undefined ? '' : `-${alias}, `,
    flagAsTyped(name),
    value === undefined ? '' : ` ${value}`,
  ].join('');
}

function flagSections(usage: Usage): string[] {
  const groups = [...groupFlags(usage)];
  const head = (name: string, flag: Flag) =>
    `${flag.alias === undefined ? '    ' : ''}${flagHead(name, flag)}`;
  const width = Math.max(
    ...groups.flatMap(([, rows]) => rows.map(([name, flag]) => head(name, flag).length)),
  );
  return groups.flatMap(([title, rows]) =>
    section(
      title,
      rows.map(([name, flag]) => [head(name, flag), flagText(flag)]),
      width,
    ),
  );
}

/** A title and its rows, with their texts aligned. */
function section(title: string, rows: readonly (readonly [string, string])[], minWidth = 0): string[] {
  const width = Math.max(minWidth, ...rows.map(([head]) => head.length));
  return rows.length === 0
    ? []
    : ['', title, ...rows.map(([head, text]) => wrap(`  ${head.padEnd(width)}  `, text, columns))];
}

function commandRow({name, summary}: Usage): [string, string] {
  return [name === 'console' ? 'poolctl' : `poolctl ${name}`, summary];
}

function recipeRows(recipes: readonly Recipe[]): [string, string][] {
  return recipes.filter(({plan}) => plan !== undefined).map(({id, title}) => [id, title]);
}

function wrapped(text: string): string {
  return wrap('', text, columns);
}

function hasTime({flags}: Usage): boolean {
  return Object.values(flags).some(({value}) => value === 'TIME');
}

/** A recipe's summary, and its parameters with their defaults in brackets. */
export function recipeText({id, summary, parameters, plan}: Recipe, columns: number): string {
  const head = `${id}${plan === undefined ? '  (advice)' : ''}`;
  const width = Math.max(0, ...parameters.map(({name}) => name.length));
  const rows = parameters.map(({name, description, default: value}) => {
    const shown = value === '' ? '' : ` [${value}]`;
    return wrap(`    ${name.padEnd(width)}  `, sanitise(`${description}${shown}`), columns);
  });
  return [head, wrap('  ', sanitise(summary), columns), ...rows].join('\n');
}

/** `head` followed by `text`, wrapped at words and indented to the end of `head`. */
function wrap(head: string, text: string, columns: number): string {
  const lines: string[] = [];
  let line = head;
  for (const word of text.split(' ')) {
    const isFirst = line.length === head.length;
    if (!isFirst && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = ' '.repeat(head.length) + word;
    } else {
      line += isFirst ? word : ` ${word}`;
    }
  }
  return [...lines, line].join('\n');
}

type Package = {version: string; description: string};

/** The manual page poolctl(1) in man(7) macros. `npm run man` writes it to man/poolctl.1. */
export function manPage(usages: readonly Usage[], {version, description}: Package): string {
  const console = usages.find(({name}) => name === 'console');
  return [
    '.\\" Generated by npm run man from the table of commands.',
    `.TH POOLCTL 1 "" "poolctl ${version}" "User Commands"`,
    '.SH NAME',
    roff(`poolctl - ${description.charAt(0).toLowerCase()}${description.slice(1)}`),
    '.SH SYNOPSIS',
    ...usages.flatMap((usage, index) => [...(index === 0 ? [] : ['.br']), bold(synopsisOf(usage))]),
    '.SH DESCRIPTION',
    ...(console?.details ?? []).flatMap((text, index) => [...(index === 0 ? [] : ['.PP']), roff(text)]),
    '.SH COMMANDS',
    ...usages.flatMap(commandLines),
    '.SH FILES',
    ...files.flatMap(([path, text]) => ['.TP', bold(path), roff(text)]),
    '',
  ].join('\n');
}

const files = [
  ['~/.config/poolctl/config.toml', 'Targets, protected sessions, thresholds and directories of recipes.'],
  ['~/.local/state/poolctl/journal.jsonl', 'The journal of every change.'],
] as const;

function commandLines(usage: Usage): string[] {
  return [
    `.SS ${quoted(synopsisOf(usage))}`,
    roff(`${usage.summary}.`),
    ...[...groupFlags(usage)].flatMap(([group, rows]) => [
      ...(group === 'Flags' ? [] : ['.PP', roff(`${group}:`)]),
      ...rows.flatMap(([name, flag]) => ['.TP', bold(flagHead(name, flag)), roff(flagText(flag))]),
    ]),
    ...(usage.name === 'console' ? [] : usage.details.flatMap(text => ['.PP', roff(text)])),
  ];
}

/** Escapes a line of text, so that it starts no request and its hyphens can be copied. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}

function bold(text: string): string {
  return `.B ${quoted(text)}`;
}

function quoted(text: string): string {
  return `"${roff(text).replaceAll('"', '""')}"`;
}

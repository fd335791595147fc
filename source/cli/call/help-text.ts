import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';

import {type Flag, flagAsTyped, synopsisOf, type Usage} from './command.ts';

import {answerFlags} from './shared-flags.ts';

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
export function groupFlags({flags, name}: Usage): Map<string, [string, Flag][]> {
  const {help, ...others} = answerFlags;
  const own: [string, Flag][] = Object.entries({...flags, help, ...(name === 'console' ? others : {})});
  const groups = new Map<string, [string, Flag][]>([['Flags', []]]);
  for (const [flag, row] of own) {
    const group = row.group ?? 'Flags';
    groups.set(group, [...(groups.get(group) ?? []), [flag, row]]);
  }
  return groups;
}

/** What a flag sets, and its default: `Server port (default 5432)`. */
export function flagText({help, default: value, formerName}: Flag): string {
  const notes = [
    ...(value === undefined ? [] : [`default${value.includes(' ') ? ':' : ''} ${value}`]),
    ...(formerName === undefined ? [] : [`formerly ${flagAsTyped(formerName)}`]),
  ];
  return notes.length === 0 ? help : `${help} (${notes.join('; ')})`;
}

/** As in help: `-p, --port PORT`. */
export function flagHead(name: string, {value, alias}: Flag): string {
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

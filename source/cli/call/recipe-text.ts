import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';

/** A recipe in words: its summary, and its parameters with their defaults in brackets. */
export function recipeText({id, summary, parameters, plan}: Recipe, columns: number): string {
  const head = `${id}${plan === undefined ? '  (advice)' : ''}`;
  const width = Math.max(0, ...parameters.map(({name}) => name.length));
  const rows = parameters.map(({name, description, default: value}) => {
    const shown = value === '' ? '' : ` [${value}]`;
    return wrap(`    ${name.padEnd(width)}  `, sanitise(`${description}${shown}`), columns);
  });
  return [head, wrap('  ', sanitise(summary), columns), ...rows].join('\n');
}

/** `head` and `text` beside it, broken between words into lines of at most `columns`. */
export function wrap(head: string, text: string, columns: number): string {
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

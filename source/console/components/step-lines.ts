import type {Sql, SqlStep, Step, Verification} from '../../core/step.ts';
import {type Line, line, span} from '../screen/line.ts';
import {indented} from './text-lines.ts';

const indent = 6;

/** What a step does, as it will run or ran: whole, however narrow the terminal. `isRepeated`: its SQL was shown. */
export function stepLines(step: Step, width: number, isRepeated = false): Line[] {
  switch (step.kind) {
    case 'advice':
      return indented(step.text, width, indent);
    case 'file':
      return [...indented(step.path, width, indent, 'muted'), ...diffLines(step.diff, width)];
    case 'sql':
      return [
        ...settingLines(step, width),
        ...sqlLines(step.apply, width, isRepeated),
        ...undoLines(step, width),
      ];
  }
}

/** A statement and its values, `$1 = 4711, $2 = "idle"`. */
function sqlLines({text, values}: Sql, width: number, isRepeated = false): Line[] {
  const named = values.map((value, at) => `$${at + 1} = ${JSON.stringify(value)}`).join(', ');
  return [
    ...(isRepeated ? [] : indented(text, width, indent, 'accent')),
    ...(named === '' ? [] : indented(named, width, indent, 'muted')),
  ];
}

/** What holds while it acts, and what must hold before. */
function settingLines({settings = {}, guard}: SqlStep, width: number): Line[] {
  return [
    ...Object.entries(settings).flatMap(([name, value]) =>
      indented(`with ${name} = ${value}`, width, indent, 'muted'),
    ),
    ...(guard ? guardLines(guard, width) : []),
  ];
}

function guardLines({query, expect: {column, op, value}}: Verification, width: number): Line[] {
  return [
    ...indented(`only where ${column} ${op} ${JSON.stringify(value)} in`, width, indent, 'muted'),
    ...sqlLines(query, width),
  ];
}

function undoLines({undo, lock}: SqlStep, width: number): Line[] {
  const margin = ' '.repeat(indent);
  if (undo === 'irreversible')
    return [line(span(`${margin}cannot be undone`, 'warning'), span(`, lock: ${lock}`, 'muted'))];
  return [line(span(`${margin}lock: ${lock}, undone by`, 'muted')), ...sqlLines(undo.apply, width)];
}

function diffLines(diff: string[], width: number): Line[] {
  return diff.flatMap(text => {
    const role = text.startsWith('-') ? 'warning' : text.startsWith('+') ? 'good' : 'muted';
    return indented(text, width, indent, role);
  });
}

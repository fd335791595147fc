import {sanitise} from '../../core/text/sanitise.ts';
import {splitCells, textWidth} from '../screen/cell-width.ts';
import {type Role, unitsPerCell} from '../screen/line.ts';
import type {InputLine} from '../state/line-editor.ts';
import {useTheme} from './context.ts';
import {Text} from './text.tsx';

/** A line being typed, with its cursor, in at most `width` cells: what does not fit is cut far from the cursor. */
export function Field({line, width, role = 'accent'}: {line: InputLine; width: number; role?: Role}) {
  const {symbols} = useTheme();
  const {before, after} = aroundCursor(line, width - 1);
  return (
    <Text role={role}>
      {before}
      <Text role="accent">{symbols.cursor}</Text>
      {after}
    </Text>
  );
}

/** The text around the cursor that fits into `width` cells, `…` where it is cut. What follows the cursor keeps a third of it. */
export function aroundCursor({text, cursor}: InputLine, width: number): {before: string; after: string} {
  const reach = (width + 2) * unitsPerCell;
  const before = sanitise(text.slice(Math.max(0, cursor - reach), cursor));
  const after = sanitise(text.slice(cursor, cursor + reach));
  if (textWidth(before) + textWidth(after) <= width) return {before, after};
  const least = Math.min(textWidth(after), Math.floor(width / 3));
  const left = endOf(before, width - least);
  return {before: left, after: startOf(after, width - textWidth(left))};
}

function endOf(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  return `…${takeCells(splitCells(text).reverse(), width - 1)
    .reverse()
    .join('')}`;
}

function startOf(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  return width < 1 ? '' : `${takeCells(splitCells(text), width - 1).join('')}…`;
}

function takeCells(cells: {text: string; width: number}[], width: number): string[] {
  const taken: string[] = [];
  let used = 0;
  for (const cell of cells) {
    used += cell.width;
    if (used > width) break;
    taken.push(cell.text);
  }
  return taken;
}

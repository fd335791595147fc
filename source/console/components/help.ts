import {keyName} from '../key-names.ts';
import {bindings} from '../keymap.ts';
import {blankLine, fitLine, type Line, line, span, wrapText} from '../screen/line.ts';
import {heading} from './text-lines.ts';

/** Rows of the help and of README's key list: one per binding, keys by their names. */
export function keyList(): {keys: string; help: string}[] {
  return bindings.map(({keys, help}) => ({keys: keys.map(keyName).join(' '), help}));
}

const keysWidth = 22;

/** In two columns where there is room. */
export function helpLines(width: number): Line[] {
  const isWide = width >= 150;
  const rows = keyList().flatMap(row => helpRow(row, isWide ? Math.floor(width / 2) : width));
  const half = Math.ceil(rows.length / 2);
  const columns = rows.slice(0, half).map(
    (row, index): Line => ({
      spans: [...fitLine(row, Math.floor(width / 2)).spans, ...(rows[half + index]?.spans ?? [])],
    }),
  );
  return [heading('keys'), blankLine, ...(isWide ? columns : rows)];
}

function helpRow({keys, help}: {keys: string; help: string}, width: number): Line[] {
  return wrapText(help, width - keysWidth - 4).map((part, index) =>
    line(span(`  ${(index === 0 ? keys : '').padEnd(keysWidth)}`, 'key'), part),
  );
}

import type {Table} from '../../model/catalog.ts';
import type {IndexSpec} from './spec.ts';

/** NAMEDATALEN less its final zero; bytes. */
const longest = 63;
const ending = '_idx';

/** `table_column_idx`, as PostgreSQL names an index and Prisma's `@@index` does; numbered where it is taken. */
export function nameFor({name}: Table, {keys}: IndexSpec, isTaken: (name: string) => boolean): string {
  const words = keys.map(({expression}) => wordOf(expression));
  const base = [name, ...words].join('_');
  for (let number = 0; ; number++) {
    const suffix = `${ending}${number === 0 ? '' : number}`;
    const candidate = `${cut(base, longest - suffix.length)}${suffix}`;
    if (!isTaken(candidate)) return candidate;
  }
}

/** A column's name, or the words of an expression. */
function wordOf(expression: string): string {
  if (/^"(?:[^"]|"")+"$/.test(expression)) return expression.slice(1, -1).replaceAll('""', '"');
  return (expression.match(/[\p{L}\p{N}_]+/gu) ?? ['expr']).join('_');
}

/** The first so many bytes, in whole characters. */
function cut(text: string, bytes: number): string {
  let taken = '';
  let size = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    size += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (size > bytes) break;
    taken += character;
  }
  return taken;
}

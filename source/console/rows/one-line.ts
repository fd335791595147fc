import {createTextCache} from '../screen/text-cache.ts';

/**
 * A statement for a list, where its first words must tell it from its neighbours: Prisma quotes and qualifies every
 * name and lists every column, which would leave room for little else. The detail shows it as it is.
 */
export function oneLine(text: string): string {
  const begin = text.slice(0, longestBegin);
  const known = folded.get(begin);
  if (known !== undefined) return known;
  const line = fold(begin);
  folded.set(begin, line);
  return line;
}

/** UTF-16 units of a statement that are folded; no row is wider. */
const longestBegin = 1000;
const folded = createTextCache<string>();

function fold(text: string): string {
  return (
    text
      .replace(/\s+/g, ' ')
      .trim()
      .replace(/"public"\./g, '')
      .replace(/"([a-z_][a-z0-9_]*)"/g, '$1')
      // What Prisma counts stands in a subquery of its own.
      .replace(/ AS "_count\$_all" FROM \(SELECT [\w."]+ FROM /g, ' AS "_count$_all" FROM ')
      .replace(/SELECT ((?:(?! FROM |SELECT ).)+) FROM /g, (whole, list: string) => {
        const [first = ''] = list.split(/, | AS /);
        const isFolded = list.length > longestList && isBalanced(first) && isBalanced(list);
        return isFolded && first !== list ? `SELECT ${first}… FROM ` : whole;
      })
  );
}

/** Longest column list shown in full, in characters. */
const longestList = 20;

/** Not the middle of a call: `extract(year FROM due)` holds no table. */
function isBalanced(text: string): boolean {
  return text.split('(').length === text.split(')').length;
}

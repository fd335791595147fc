/**
 * The highest `$n` in a statement, as the server's scanner sees it: not in strings, comments, quoted identifiers,
 * dollar quotes or names (`a$1` is one). A wrong count does no harm: EXECUTE refuses it.
 */
export function countParameters(statement: string): number {
  let highest = 0;
  for (const [, digits] of statement.matchAll(token)) highest = Math.max(highest, Number(digits ?? 0));
  return highest;
}

const token = new RegExp(
  [
    /--[^\n]*/,
    /\/\*[\s\S]*?\*\//,
    /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/,
    /'(?:[^']|'')*'/,
    /"(?:[^"]|"")*"/,
    /\$\$[\s\S]*?\$\$/,
    /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/,
    /\$(\d+)/,
  ]
    .map(({source}) => source)
    .join('|'),
  'g',
);

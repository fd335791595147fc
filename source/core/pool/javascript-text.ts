/**
 * The text with comments, and what is inside quotes, blanked by spaces of the same length: what is left is code, and
 * its positions are the text's. A careful look, no parser: a regular expression with a quote in it may hide the rest
 * of its line.
 */
export function codeOnly(text: string): string {
  return text.replace(
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g,
    match => {
      const isQuoted = /^['"`]/.test(match);
      const inside = isQuoted ? match.slice(1, -1) : match;
      const blank = inside.replace(/[^\n]/g, ' ');
      return isQuoted ? match.charAt(0) + blank + match.charAt(0) : blank;
    },
  );
}

/** Where the bracket that opens at `open` is closed; -1 where it is not. `code` comes from `codeOnly`. */
export function closingAt(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    const each = code.charAt(at);
    if ('([{'.includes(each)) depth++;
    else if (')]}'.includes(each) && --depth === 0) return at;
  }
  return -1;
}

/** Where the parts of an object or argument list begin and end: split at its own commas, not at nested ones. */
export function partsBetween(code: string, open: number, close: number): {start: number; end: number}[] {
  const parts: {start: number; end: number}[] = [];
  let start = open + 1;
  let depth = 0;
  for (let at = start; at <= close; at++) {
    const each = code.charAt(at);
    if (at === close || (depth === 0 && each === ',')) {
      if (code.slice(start, at).trim() !== '') parts.push({start, end: at});
      start = at + 1;
    } else if ('([{'.includes(each)) depth++;
    else if (')]}'.includes(each)) depth--;
  }
  return parts;
}

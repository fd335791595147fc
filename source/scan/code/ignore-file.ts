/** `*` matches any number of characters of a name; where names are matched, any number of folders (`**`). */
type Many = '*';
type Characters = readonly (Many | ((unit: number) => boolean))[];
/** A name without wildcards is a string. */
type Name = string | Characters;

export type IgnoreRule = {names: readonly (Many | {name: Name})[]; isNegated: boolean; foldersOnly: boolean};

const many: Many = '*';

/**
 * The rules of a .gitignore, for paths relative to its folder, as gitignore(5) describes them; and the lines that are no
 * pattern, which Git ignores. Globs do not become regular expressions: those can take exponential time.
 */
export function readIgnoreFile(text: string): {rules: IgnoreRule[]; badLines: number[]} {
  const rules: IgnoreRule[] = [];
  const badLines: number[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = withoutEndingBlanks(line);
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const isNegated = trimmed.startsWith('!');
    const body = isNegated ? trimmed.slice(1) : trimmed;
    const foldersOnly = body.endsWith('/');
    const path = foldersOnly ? body.slice(0, -1) : body;
    const names = namesOf(path);
    if (names === null) badLines.push(index + 1);
    else rules.push({names, isNegated, foldersOnly});
  }
  return {rules, badLines};
}

/** Whether the last rule that matches excludes the path; undefined if none matches. */
export function isIgnored(
  rules: readonly IgnoreRule[],
  path: string,
  isFolder: boolean,
): boolean | undefined {
  const folders = path.split('/');
  const rule = rules.findLast(
    each => (isFolder || !each.foldersOnly) && matches(each.names, folders, ({name}, own) => fits(name, own)),
  );
  return rule && !rule.isNegated;
}

/** A blank after a backslash belongs to the pattern. */
function withoutEndingBlanks(line: string): string {
  const trimmed = line.trimEnd();
  return trimmed.endsWith('\\') ? line.slice(0, trimmed.length + 1).replace('\r', '') : trimmed;
}

function namesOf(path: string): IgnoreRule['names'] | null {
  const names: (Many | {name: Name})[] = path.includes('/') ? [] : [many];
  for (const each of path.replace(/^\//, '').split('/')) {
    const name = each === '**' ? many : nameOf(each);
    if (name === null) return null;
    names.push(name === many ? many : {name});
  }
  // `a/**` is everything below a, not a itself.
  if (names.at(-1) === many) names.push({name: [many]});
  return names;
}

/** null if it is no pattern. */
function nameOf(glob: string): Name | null {
  if (!/[*?[\\]/.test(glob)) return glob;
  const characters: Characters[number][] = [];
  for (let at = 0; at < glob.length; at++) {
    const character = glob[at];
    if (character === '*') {
      if (characters.at(-1) !== many) characters.push(many);
    } else if (character === '?') characters.push(() => true);
    else if (character === '[') {
      const set = setAt(glob, at + 1);
      if (set === null) return null;
      characters.push(set.has);
      at = set.end;
    } else {
      if (character === '\\') at++;
      if (at === glob.length) return null;
      const own = glob.charCodeAt(at);
      characters.push(unit => unit === own);
    }
  }
  return characters;
}

/** `[a-z]`, `[!a-z]` or `[]a]` from behind its bracket; null if it does not end. */
function setAt(glob: string, start: number): {has(unit: number): boolean; end: number} | null {
  const isNegated = glob[start] === '!' || glob[start] === '^';
  const first = isNegated ? start + 1 : start;
  const ranges: [from: number, to: number][] = [];
  let at = first;
  const next = () => {
    if (glob[at] === '\\') at++;
    return glob.charCodeAt(at++);
  };
  while (at < glob.length && (at === first || glob[at] !== ']')) {
    const from = next();
    const isRange = glob[at] === '-' && at + 1 < glob.length && glob[at + 1] !== ']';
    if (isRange) at++;
    const to = isRange ? next() : from;
    // Of a range that is empty, Git takes its start.
    ranges.push([from, Math.max(from, to)]);
  }
  if (at >= glob.length) return null;
  const has = (unit: number) => ranges.some(([from, to]) => from <= unit && unit <= to) !== isNegated;
  return {has, end: at};
}

function fits(name: Name, own: string): boolean {
  if (typeof name === 'string') return name === own;
  const units = Array.from({length: own.length}, (_, at) => own.charCodeAt(at));
  return matches(name, units, (has, unit) => has(unit));
}

/** After a mismatch the latest `*` takes one more, and earlier ones need no other try: at most parts × items steps. */
function matches<Part extends object, Item>(
  parts: readonly (Many | Part)[],
  items: readonly Item[],
  isMatch: (part: Part, item: Item) => boolean,
): boolean {
  let part = 0;
  let latest: {part: number; item: number} | null = null;
  for (let item = 0; item < items.length; ) {
    const each = parts[part];
    if (each === many) latest = {part: part++, item};
    else if (each !== undefined && isMatch(each, items[item] as Item)) {
      part++;
      item++;
    } else if (latest !== null) {
      part = latest.part + 1;
      item = ++latest.item;
    } else return false;
  }
  return parts.slice(part).every(each => each === many);
}

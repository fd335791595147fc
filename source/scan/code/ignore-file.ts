export type IgnoreRule = {pattern: RegExp; isNegated: boolean; foldersOnly: boolean};

/** The rules of a .gitignore, for paths relative to its folder, as gitignore(5) describes them. */
export function readIgnoreFile(text: string): IgnoreRule[] {
  return text.split(/\r?\n/).flatMap(line => {
    const trimmed = line.replace(/(?<!\\)\s+$/, '');
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const isNegated = trimmed.startsWith('!');
    const body = isNegated ? trimmed.slice(1) : trimmed;
    const foldersOnly = body.endsWith('/');
    const path = foldersOnly ? body.slice(0, -1) : body;
    const prefix = path.includes('/') ? '^' : '(?:^|/)';
    return [{pattern: new RegExp(`${prefix}${translate(path.replace(/^\//, ''))}$`), isNegated, foldersOnly}];
  });
}

/** Whether the last rule that matches excludes the path; undefined if none matches. */
export function isIgnored(
  rules: readonly IgnoreRule[],
  path: string,
  isFolder: boolean,
): boolean | undefined {
  const rule = rules.findLast(each => (isFolder || !each.foldersOnly) && each.pattern.test(path));
  return rule && !rule.isNegated;
}

function translate(glob: string): string {
  return glob.replace(
    /\*\*\/|\/\*\*$|\*\*|\*|\?|\[!?[^\]]*\]|\\.|[.+^${}()|[\]\\]/g,
    (part: string): string => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '/**') return '/.*';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      if (part.length > 2 && part.startsWith('[')) return part.replace(/^\[!/, '[^');
      return part.length === 2 ? part : `\\${part}`;
    },
  );
}

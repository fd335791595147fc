/**
 * The sqlcommenter tags of a statement: `/*route='%2Fusers',action='index'* /` gives {route: '/users', ...}.
 * Prisma appends them at the end, other libraries set them in front: every comment is looked at. Keys and values
 * are URL-encoded and a quote inside a value is `\'` (google.github.io/sqlcommenter/spec). A comment that the
 * server cut off (track_activity_query_size) yields the tags that are still whole.
 */
export function parseTags(query: string | null): Record<string, string> {
  if (query === null || !query.includes('/*')) return {};
  const tags: [string, string][] = [];
  for (const [, comment] of query.matchAll(/\/\*([\s\S]*?)(?:\*\/|$)/g)) {
    for (const [, key, value] of (comment ?? '').matchAll(pair)) {
      tags.push([decode(key ?? ''), decode((value ?? '').replace(/\\'/g, "'"))]);
    }
  }
  return Object.fromEntries(tags);
}

const pair = /([^\s,='"/*]{1,128})='((?:[^'\\]|\\.)*)'/g;

/** As it stands where it is not URL-encoded: `100%` is a value too. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

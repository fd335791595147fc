import {isSecretName} from '../sql/secrets.ts';
import {redactSecrets} from '../text/redact.ts';

/**
 * The sqlcommenter tags of a statement: `/*route='%2Fusers',action='index'* /` gives {route: '/users', ...}.
 * Prisma appends them at the end, other libraries prepend them: every comment is read. Keys and values
 * are URL-encoded and a quote inside a value is `\'` (google.github.io/sqlcommenter/spec). A comment that the
 * server truncated (track_activity_query_size) yields the tags that are complete.
 */
export function parseTags(query: string | null): Record<string, string> {
  if (query === null) return {};
  const tags: [string, string][] = [];
  for (let start = query.indexOf('/*'); start >= 0; ) {
    const end = query.indexOf('*/', start + 2);
    const comment = query.slice(start + 2, end < 0 ? undefined : end);
    collectPairs(comment, tags);
    start = end < 0 ? -1 : query.indexOf('/*', end + 2);
  }
  return Object.fromEntries(tags);
}

/** The tags with secrets redacted, for display and recordings. */
export function shownTags(query: string): Record<string, string> {
  const tags = Object.entries(parseTags(query));
  return Object.fromEntries(
    tags.map(([name, value]) => [name, isSecretName(name) ? '***' : redactSecrets(value)]),
  );
}

/**
 * Scans from one `='` to the next, never backward: a pattern that tries a key at every position takes
 * 40 ms for 500 comments of 300 characters without tags, and any client can choose the comments.
 */
function collectPairs(comment: string, tags: [string, string][]): void {
  let keyFrom = 0;
  for (let equals = comment.indexOf("='"); equals >= 0; equals = comment.indexOf("='", keyFrom)) {
    const close = closingQuote(comment, equals + 2);
    if (close < 0) return;
    const key = comment.slice(Math.max(keyFrom, equals - longestKey), equals).match(/[^\s,='"]*$/)?.[0] ?? '';
    const value = comment.slice(equals + 2, close).replaceAll("\\'", "'");
    if (key !== '') tags.push([decode(key), decode(value)]);
    keyFrom = close + 1;
  }
}

const longestKey = 128;

/** The end of the value that starts at `from`; -1 if it was truncated. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf("'", from); at >= 0; at = text.indexOf("'", at + 1)) {
    if (text[at - 1] !== '\\' || at === from) return at;
  }
  return -1;
}

/** Unchanged if it is not URL-encoded, as `100%`. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

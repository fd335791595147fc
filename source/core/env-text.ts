import type {UrlParameters} from './file-change.ts';

/**
 * An .env file's text with query parameters of one variable's URL set, removed (null) or left where they stand;
 * comments, quotes and every other line stay as they are. `undefined` where the variable is not there exactly once
 * or its parameters are not as `before` has them.
 */
export function setUrlParameters(
  text: string,
  {variable, before, after}: {variable: string; before: UrlParameters; after: UrlParameters},
): string | undefined {
  const found = findVariable(text, variable);
  if (found === null) return undefined;
  const parameters = readParameters(found.value);
  for (const [name, value] of Object.entries(before)) {
    if ((parameters.get(name) ?? null) !== value) return undefined;
  }
  const value = writeParameters(found.value, after);
  return text.slice(0, found.start) + value + text.slice(found.start + found.value.length);
}

/** The value of `variable` without its quotes, and where in the text it starts; null unless it is there exactly once. */
export function findVariable(text: string, variable: string): {value: string; start: number} | null {
  const assignment = new RegExp(
    `^([ \\t]*(?:export[ \\t]+)?${escapeRegExp(variable)}[ \\t]*=[ \\t]*)(?:"([^"\\n]*)"|'([^'\\n]*)'|([^\\s#]*))`,
    'gm',
  );
  const [match, ...others] = text.matchAll(assignment);
  if (match === undefined || others.length > 0) return null;
  const [, head = '', double, single, bare = ''] = match;
  const isQuoted = double !== undefined || single !== undefined;
  return {value: double ?? single ?? bare, start: match.index + head.length + (isQuoted ? 1 : 0)};
}

/** The query parameters of a URL as they are written; works on what `new URL` would refuse. */
export function readParameters(url: string): Map<string, string> {
  const [, query = ''] = splitQuery(url);
  return new Map(
    query
      .split('&')
      .filter(part => part !== '')
      .map(part => {
        const at = part.indexOf('=');
        return at === -1 ? [part, ''] : [part.slice(0, at), decode(part.slice(at + 1))];
      }),
  );
}

function writeParameters(url: string, after: UrlParameters): string {
  const [head, query = '', fragment] = splitQuery(url);
  const changed = new Map(Object.entries(after).filter(([, value]) => value !== null));
  // A parameter that is there already keeps its place.
  const parts = query.split('&').flatMap(part => {
    if (part === '') return [];
    const name = nameOf(part);
    if (!(name in after)) return [part];
    const value = changed.get(name);
    changed.delete(name);
    return value === undefined || value === null ? [] : [`${name}=${encodeURIComponent(value)}`];
  });
  const added = [...changed].map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`);
  const all = [...parts, ...added];
  return all.length === 0 ? head + fragment : `${head}?${all.join('&')}${fragment}`;
}

function splitQuery(url: string): [head: string, query: string | undefined, fragment: string] {
  const hash = url.indexOf('#', Math.max(0, url.lastIndexOf('@')));
  const fragment = hash === -1 ? '' : url.slice(hash);
  const body = hash === -1 ? url : url.slice(0, hash);
  const at = body.indexOf('?', Math.max(0, body.lastIndexOf('@')));
  return at === -1 ? [body, undefined, fragment] : [body.slice(0, at), body.slice(at + 1), fragment];
}

function nameOf(part: string): string {
  const at = part.indexOf('=');
  return at === -1 ? part : part.slice(0, at);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

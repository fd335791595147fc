const methods = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ALL|ANY|USE)$/i;

type Route = {method: string | null; segments: string[]};

/**
 * A route as every framework's form of it reads: parameters (`[id]`, `:id`, `{id}`, `$id`) are `:`, catch-alls (`[...slug]`,
 * `:slug*`, `*`) are `*`; groups `(shop)`, slots `@modal`, a trailing slash, `/index` and a query are left out. Null for what is
 * no path: `user.list`.
 */
function readRoute(route: string): Route | null {
  const [, word = '', path] = /^\s*(?:([a-zA-Z|]+)\s+)?(\/\S*)\s*$/.exec(route) ?? [];
  if (path === undefined || (word !== '' && !methods.test(word))) return null;
  const parts = (/^[^?#]*/.exec(withoutOptional(path))?.[0] ?? '').split('/').flatMap(segmentOf);
  const segments = parts.at(-1) === 'index' ? parts.slice(0, -1) : parts;
  return {method: /^(?:ALL|ANY|USE|)$/i.test(word) ? null : word.toUpperCase(), segments};
}

/** `:id?` is a parameter; `?` begins a query elsewhere. */
function withoutOptional(path: string): string {
  return path.replaceAll(/(:\w+(?:\([^()]*\))?)\?(?=\/|$)/g, '$1');
}

function segmentOf(text: string): string[] {
  const part = decoded(text);
  if (part === '' || /^(?:\(.*\)|@.*)$/.test(part)) return [];
  if (/^(?:\*.*|\[{1,2}\.\.\..*|:\w+(?:\(.*\))?[*+]|\$|\{\w+:?\.\*\}|\{\*.*\})$/.test(part)) return ['*'];
  return /^(?:\[.*\]|:\w.*|\{.*\}|\$\w+|<.*>)$/.test(part) ? [':'] : [part];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

type Likeness = 'same' | 'below a base path' | null;

/** Whether two texts name one route: `basePath` before one of them may lack in the other. */
export function sameRoute(a: string, b: string): Likeness {
  return a === b ? 'same' : likeness(readRoute(a), readRoute(b));
}

function likeness(first: Route | null, second: Route | null): Likeness {
  if (first === null || second === null) return null;
  if (first.method !== null && second.method !== null && first.method !== second.method) return null;
  const [short, long] =
    first.segments.length <= second.segments.length
      ? [first.segments, second.segments]
      : [second.segments, first.segments];
  const base = long.length - short.length;
  if (!short.every((each, at) => each === long[base + at])) return null;
  if (base === 0) return 'same';
  // What is left of a short path would match by chance.
  return short.length > 1 && short.some(each => each !== ':' && each !== '*') ? 'below a base path' : null;
}

/** The one of these routes that `route` names: itself, the only one of its form, or the only one below a base path. */
export function findRoute(route: string, routes: readonly string[]): string | null {
  return routeFinder(routes)(route);
}

/** findRoute for many: reads the routes once, and each text once. */
export function routeFinder(routes: readonly string[]): (route: string) => string | null {
  const read = routes.map(readRoute);
  const known = new Map<string, string | null>(routes.map(each => [each, each]));
  const find = (route: string): string | null => {
    const own = readRoute(route);
    const kinds = read.map(each => likeness(own, each));
    for (const kind of ['same', 'below a base path']) {
      const [only, more] = routes.filter((_, at) => kinds[at] === kind);
      if (only !== undefined) return more === undefined ? only : null;
    }
    return null;
  };
  return route => {
    const found = known.get(route);
    if (found !== undefined) return found;
    const result = find(route);
    known.set(route, result);
    return result;
  };
}

import {type Context, currentContext, type Tags} from './context.ts';

const mostLength = 128;
const mostValues = 500;

// sqlcommenter's format: the comment stands at the end, and a statement that has one stays as it is.
export function tagStatement(text: string, context: Context): string {
  if (text.endsWith('*/')) return text;
  const comment = commentOf(context);
  return comment === '' ? text : `${text} ${comment}`;
}

/** A plug-in for Prisma 7.1 and later: `new PrismaClient({adapter, comments: [prismaTags]})`. */
export function prismaTags(): Record<string, string> {
  const context = currentContext();
  if (context === null) return {};
  return Object.fromEntries(cleanTags(resolve(context)));
}

/** Of these values, which recur: cleaning them costs 10 µs. */
const comments = new Map<string, string>();

function commentOf(context: Context): string {
  const {action, job, route, traceparent} = resolve(context);
  const key = `${action ?? ''}\n${job ?? ''}\n${route ?? ''}`;
  let pairs = comments.get(key);
  if (pairs === undefined) {
    pairs = cleanTags({action, job, route})
      .map(([name, value]) => `${name}='${encodeURIComponent(value).replaceAll("'", '%27')}'`)
      .join(',');
    if (comments.size >= 4 * mostValues) comments.clear();
    if (key.length <= 4 * mostLength) comments.set(key, pairs);
  }
  const trace = readTrace(traceparent);
  const separator = pairs !== '' && trace !== '' ? ',' : '';
  const all = `${pairs}${separator}${trace === '' ? '' : `traceparent='${trace}'`}`;
  return all === '' ? '' : `/*${all}*/`;
}

/** Sorted, as sqlcommenter sorts its keys. */
function cleanTags({action, job, route, traceparent}: Tags): [string, string][] {
  const all: [string, string][] = [
    ['action', cleanValue('action', action)],
    ['job', cleanValue('job', job)],
    ['route', cleanValue('route', route)],
    ['traceparent', readTrace(traceparent)],
  ];
  return all.filter(([, value]) => value !== '');
}

function resolve({tags, outer}: Context): Tags {
  const own = (typeof tags === 'function' ? tags() : tags) ?? {};
  return outer === null ? own : {...resolve(outer), ...own};
}

/** https://www.w3.org/TR/trace-context/: the header comes from outside. */
function readTrace(value: unknown): string {
  const isTrace = typeof value === 'string' && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value);
  return isTrace ? value : '';
}

const distinct = new Map<string, Set<string>>();

/** Bounded: what looks like an id becomes `:id`, a query string goes, and the 501st value of a name is `other`. */
function cleanValue(name: string, value: unknown): string {
  if (typeof value !== 'string') return '';
  const [path = ''] = value.slice(0, 4 * mostLength).split(/[?#]/, 1);
  const clean = path
    .split('/')
    .map(part => (isIdentifier(part) ? ':id' : part))
    .join('/')
    .slice(0, mostLength)
    // Half of a surrogate pair cannot be encoded.
    .replace(/\p{Surrogate}/gu, '');
  const values = distinct.get(name) ?? new Set();
  distinct.set(name, values);
  if (values.has(clean)) return clean;
  if (values.size >= mostValues) return 'other';
  values.add(clean);
  return clean;
}

/** A number, a UUID, a hash or token with digits, an email address. */
function isIdentifier(part: string): boolean {
  return (
    /^\d+$/.test(part) ||
    /^(?=.*\d)[0-9a-f-]{16,}$/i.test(part) ||
    /^(?=.*\d)[\w-]{20,}$/.test(part) ||
    /@|%40/.test(part)
  );
}

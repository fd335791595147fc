import {type Context, currentContext, type Tags} from './context.ts';

/** sqlcommenter sorts its keys. */
const names = ['action', 'job', 'route', 'traceparent'] as const;
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
  return Object.fromEntries(cleanTags(context).map(({name, clean}) => [name, clean]));
}

/** A context does not change; one with a function is read for each statement. */
const comments = new WeakMap<Context, string>();

function commentOf(context: Context): string {
  const known = comments.get(context);
  if (known !== undefined) return known;
  const pairs = cleanTags(context).map(({name, encoded}) => `${name}='${encoded}'`);
  const comment = pairs.length === 0 ? '' : `/*${pairs.join(',')}*/`;
  if (isFixed(context)) comments.set(context, comment);
  return comment;
}

function isFixed({tags, outer}: Context): boolean {
  return typeof tags !== 'function' && (outer === null || isFixed(outer));
}

type CleanTag = {name: string; clean: string; encoded: string};

function cleanTags(context: Context): CleanTag[] {
  const tags = resolve(context);
  const all: CleanTag[] = [];
  for (const name of names) {
    const value = tags[name];
    if (typeof value !== 'string' || value === '') continue;
    const tag = name === 'traceparent' ? readTrace(value) : knownValue(name, value);
    if (tag.clean !== '') all.push(tag);
  }
  return all;
}

function resolve({tags, outer}: Context): Tags {
  const own = (typeof tags === 'function' ? tags() : tags) ?? {};
  return outer === null ? own : {...resolve(outer), ...own};
}

/** https://www.w3.org/TR/trace-context/: the header comes from outside. */
function readTrace(value: string): CleanTag {
  const clean = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(value) ? value : '';
  return {name: 'traceparent', clean, encoded: clean};
}

/** Cleaning costs 10 µs; routes and jobs recur. */
const recent = new Map<string, CleanTag>();

function knownValue(name: string, value: string): CleanTag {
  const key = `${name} ${value}`;
  const known = recent.get(key);
  if (known !== undefined) return known;
  const clean = cleanValue(name, value);
  const tag = {name, clean, encoded: encodeURIComponent(clean).replaceAll("'", '%27')};
  if (recent.size >= 4 * mostValues) recent.clear();
  if (value.length <= 4 * mostLength) recent.set(key, tag);
  return tag;
}

const distinct = new Map<string, Set<string>>();

/** Bounded: what looks like an id becomes `:id`, a query string goes, and the 501st value of a name is `other`. */
function cleanValue(name: string, value: string): string {
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

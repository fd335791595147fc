import {AsyncLocalStorage} from 'node:async_hooks';
import {fileURLToPath} from 'node:url';

/** What one request, or one test, has sent so far. */
export type Scope = {
  /** By statement and place. */
  statements: Map<string, Statement>;
  count: number;
  running: number;
  /** Most statements that ran or waited for a connection at the same time, and what began the last of them. */
  peak: Peak;
  /** The same of Prisma's calls. */
  operations: {running: number; peak: Peak};
  /** The size of the smallest pool that was used; null without one. */
  connections: number | null;
  /** Counts there, too. */
  outer: Scope | null;
};

type Peak = {running: number; statement: Pick<Statement, 'text' | 'at'> | null};

export type Statement = {
  /** SQL without literals and trailing comment; `User.findMany` where only the operation is seen. */
  text: string;
  /** `file:line:column` of the application's code; null if it is not on the stack. */
  at: string | null;
  count: number;
  /** How often each combination of values was sent; at most 1,000. */
  values: Map<string, number>;
};

/** A watched Prisma Client. `isOnPool`: a watched pool sees its statements. */
export type WatchedClient = {isOnPool: boolean};

/** A call of Prisma, while its statements are sent. */
type Operation = {at: string | null; client: WatchedClient};

/** `chunk`: of one call's IDs; statements of different chunks are no repetition. */
type Store = {scope: Scope; operation: Operation | null; chunk?: number};
type Detection = {current: AsyncLocalStorage<Store>; watched: WeakSet<object>; isWatching: boolean};

const key = Symbol.for('poolctl.kit.detection');
const shared = globalThis as {[key]?: Detection};
shared[key] ??= {current: new AsyncLocalStorage(), watched: new WeakSet(), isWatching: false};
/** One per process: Next.js bundles a module once for each route. */
export const detection: Detection = shared[key];
const {current} = detection;

/** Runs `body`, whose queries are counted in the returned scope. */
export async function inScope<Result>(
  body: () => PromiseLike<Result> | Result,
  onEnd: (scope: Scope) => void,
): Promise<Result> {
  const scope: Scope = {
    statements: new Map(),
    count: 0,
    running: 0,
    peak: {running: 0, statement: null},
    operations: {running: 0, peak: {running: 0, statement: null}},
    connections: null,
    outer: current.getStore()?.scope ?? null,
  };
  try {
    return await current.run({scope, operation: null}, async () => body());
  } finally {
    onEnd(scope);
  }
}

type Sent = {text: string; values: unknown; connections: number | null; below: (...args: never[]) => unknown};

/** Counts a statement that begins; call the returned function when it ends. Outside a scope it does nothing. */
export function begin({text, values, connections, below}: Sent): () => void {
  const store = current.getStore();
  if (store === undefined) return () => {};
  const {operation} = store;
  if (operation !== null) operation.client.isOnPool = true;
  const at = operation === null ? callSite(below) : operation.at;
  const {shape, literals} = shapeOf(text);
  const {scope, chunk} = store;
  return count(scope, {text: shape, values: textOf([values, literals]), connections, at, chunk});
}

/**
 * Counts a call of Prisma unless a watched pool sees the client's statements. `send` sends them; Prisma may send those of
 * several calls as one.
 *
 * @param below the function whose caller is the application's code
 */
export function beginOperation(
  client: WatchedClient,
  text: string,
  values: unknown,
  below: (...args: never[]) => unknown,
): (<Result>(send: () => PromiseLike<Result>) => Promise<Result>) | null {
  const store = current.getStore();
  if (store === undefined) return null;
  const {scope, chunk} = store;
  const at = callSite(below);
  const operation: Operation = {at, client};
  return async send => {
    const {operations} = scope;
    operations.running++;
    if (operations.running > operations.peak.running)
      operations.peak = {running: operations.running, statement: {text, at}};
    try {
      return await current.run({...store, operation}, send);
    } finally {
      operations.running--;
      if (!client.isOnPool) count(scope, {text, values: textOf(values), connections: null, at, chunk})();
    }
  };
}

/** Runs `body`, which queries for one of several chunks of IDs. */
export function inChunk<Result>(chunk: number, body: () => Result): Result {
  const store = current.getStore();
  return store === undefined ? body() : current.run({...store, chunk}, body);
}

type Counted = {
  text: string;
  values: string;
  connections: number | null;
  at: string | null;
  chunk: number | undefined;
};

function count(scope: Scope, {text, values, connections, at, chunk = 0}: Counted): () => void {
  const key = `${at}\n${text}\n${chunk}`;
  const scopes: Scope[] = [];
  for (let each: Scope | null = scope; each !== null; each = each.outer) scopes.push(each);
  for (const each of scopes) {
    const known = each.statements.get(key) ?? {text, at, count: 0, values: new Map()};
    each.statements.set(key, known);
    known.count++;
    if (known.values.has(values) || known.values.size < 1000)
      known.values.set(values, (known.values.get(values) ?? 0) + 1);
    each.count++;
    each.running++;
    if (each.running > each.peak.running) each.peak = {running: each.running, statement: known};
    if (connections !== null) each.connections = Math.min(connections, each.connections ?? connections);
  }
  return () => {
    for (const each of scopes) each.running--;
  };
}

/**
 * A statement without what differs from call to call: comment at the end, length of a list of parameters; of one without
 * parameters its literals.
 */
function shapeOf(text: string): {shape: string; literals: string | null} {
  const bare = text.replace(/\s*\/\*(?:[^*]|\*(?!\/))*\*\/\s*$/, '');
  if (/\$\d/.test(bare))
    return {shape: bare.replace(/\(\$\d+(?:,\s*\$\d+)+\)/g, '($1, ...)'), literals: null};
  return {shape: bare.replace(/'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b/g, '?'), literals: bare};
}

/** Compared only, never shown. */
function textOf(values: unknown): string {
  try {
    return JSON.stringify(values, (_, each) => (typeof each === 'bigint' ? String(each) : each)) ?? '';
  } catch {
    return '?';
  }
}

/**
 * `file:line:column` of the innermost frame above `below` that is the application's: not a package's, not Node's. null without
 * one. The text of the stack is read, because that is what source maps translate.
 */
function callSite(below: (...args: never[]) => unknown): string | null {
  const {stackTraceLimit} = Error;
  const holder: {stack?: string} = {};
  Error.stackTraceLimit = 60;
  Error.captureStackTrace(holder, below);
  const lines = (holder.stack ?? '').split('\n');
  Error.stackTraceLimit = stackTraceLimit;
  return lines.map(placeOf).find(place => place !== null) ?? null;
}

function placeOf(frame: string): string | null {
  const [, named, bare] = /^\s+at (?:.*? \((.+)\)|(?:async )?(.+))$/.exec(frame) ?? [];
  const place = named ?? bare;
  if (place === undefined || !/:\d+:\d+$/.test(place)) return null;
  if (/[\\/]node_modules[\\/]|^node:|^<anonymous>/.test(place)) return null;
  if (!place.startsWith('file:')) return place;
  const [, url = '', position = ''] = /^(.*?)(:\d+:\d+)$/.exec(place) ?? [];
  return fileURLToPath(url) + position;
}

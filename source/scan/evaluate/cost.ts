import type {Node} from '@oxc-project/types';
import type {Module} from '../code/project.ts';

/** A place in the source. */
export type Site = {module: Module; node: Node};

export type Query = {
  /** As the client names it: `user`; null for raw SQL. */
  model: string | null;
  operation: string;
  /** The call's first argument; null without one. */
  argument: Node | null;
  /** A transaction's queries use its connection. */
  inTransaction: boolean;
  site: Site;
  /** The function that makes it; null at the top level. */
  within: Node | null;
  /** React's `cache` around a function without arguments: once per request, however often it is called. */
  isOnce: boolean;
};

/** Text to insert at an offset of the site's module. */
export type Patch = {offset: number; insert: string};

type NoteKind =
  | 'independent-awaits'
  | 'parallel-in-a-row'
  | 'transaction-awaits'
  | 'client-per-request'
  | 'whole-record'
  | 'raw-interpolation';

/** What one piece of code costs: its queries, in the structure in which it makes them. */
export type Cost =
  | {kind: 'query'; query: Query}
  | {kind: 'sequence'; parts: Cost[]}
  | {kind: 'parallel'; parts: Cost[]; site: Site}
  | {kind: 'branch'; parts: Cost[]}
  /** `count` null: as many times as a list of unknown length has items. */
  | {
      kind: 'loop';
      body: Cost;
      count: number | null;
      isParallel: boolean;
      isPaging: boolean;
      over: string;
      site: Site;
    }
  /** At most so many of its queries at a time: p-limit and its kin. */
  | {kind: 'limited'; body: Cost; limit: number | null}
  | {kind: 'transaction'; body: Cost; isBatch: boolean; site: Site}
  /** What the walk noticed, and where. */
  | {kind: 'note'; note: NoteKind; detail: string; site: Site; patch?: Patch | null};

export const noCost: Cost = {kind: 'sequence', parts: []};

export function sequence(parts: readonly Cost[]): Cost {
  const own = parts.filter(each => !isNothing(each));
  const [only] = own;
  return only !== undefined && own.length === 1 ? only : {kind: 'sequence', parts: own};
}

export function branch(parts: readonly Cost[]): Cost {
  const own = parts.filter(each => !isNothing(each));
  const [only = noCost] = own;
  return own.length < 2 ? only : {kind: 'branch', parts: own};
}

export function isNothing(cost: Cost): boolean {
  return cost.kind === 'sequence' && cost.parts.length === 0;
}

/** Figures of one request; Infinity: as many as a list of unknown length has items. */
export type Figures = {connections: number; queries: number; sequential: number};

/** The most concurrent connections, all queries, and the longest chain of queries in sequence. */
export function figuresOf(cost: Cost): Figures {
  return figuresWithout(cost, nothingMade);
}

/** Places of queries that a request makes once, and has made. */
type Made = ReadonlySet<Node>;
const nothingMade: Made = new Set();

/** By which of its queries are made: code that many functions share is computed once for each. */
const known = new WeakMap<Cost, Map<string, Figures>>();

function figuresWithout(cost: Cost, made: Made): Figures {
  const key = [...onceIn(cost)].map(each => (made.has(each) ? '1' : '0')).join('');
  const own = known.get(cost) ?? new Map<string, Figures>();
  known.set(cost, own);
  const figures = own.get(key) ?? compute(cost, made);
  own.set(key, figures);
  return figures;
}

/** Of each part, without what those before it have made. */
function figuresInTurn(parts: readonly Cost[], made: Made): Figures[] {
  const before = new Set(made);
  return parts.map(part => {
    const figures = figuresWithout(part, before);
    for (const each of onceIn(part)) before.add(each);
    return figures;
  });
}

const knownOnce = new WeakMap<Cost, Made>();

function onceIn(cost: Cost): Made {
  const found = knownOnce.get(cost);
  if (found !== undefined) return found;
  const own = cost.kind === 'query' && cost.query.isOnce ? [cost.query.site.node] : [];
  const parts = 'parts' in cost ? cost.parts : 'body' in cost ? [cost.body] : [];
  const once = new Set([...own, ...parts.flatMap(each => [...onceIn(each)])]);
  knownOnce.set(cost, once);
  return once;
}

/** What each further time costs: without what a request makes once. */
export function repeatedFigures(cost: Cost): Figures {
  return figuresWithout(cost, onceIn(cost));
}

/** Parts that begin with what another part needs, too, and a request makes once, wait for it before they go on. */
function connectionsOf(parts: readonly Cost[], made: Made): number {
  const uses = parts.flatMap(part => [...onceIn(part)]);
  const isShared = (each: Node) => !made.has(each) && uses.indexOf(each) !== uses.lastIndexOf(each);
  const first = new Map(
    parts.flatMap(part => {
      const node = firstOnce(part);
      return node !== null && isShared(node) ? [[part, node] as const] : [];
    }),
  );
  const shared = new Set(first.values());
  const sum = (of: readonly Cost[]) =>
    figuresInTurn(of, new Set([...made, ...shared])).reduce((total, {connections}) => total + connections, 0);
  return Math.max(sum(parts), sum(parts.filter(part => !first.has(part))) + shared.size);
}

/** The query that is made once and that the others wait for; null if it begins with another. */
function firstOnce(cost: Cost): Node | null {
  if (cost.kind === 'query') return cost.query.isOnce ? cost.query.site.node : null;
  if (cost.kind !== 'sequence') return null;
  const first = cost.parts.find(each => each.kind !== 'note');
  return first === undefined ? null : firstOnce(first);
}

const none: Figures = {connections: 0, queries: 0, sequential: 0};

function compute(cost: Cost, made: Made): Figures {
  const of = (each: Cost) => figuresWithout(each, made);
  switch (cost.kind) {
    case 'query':
      if (made.has(cost.query.site.node)) return none;
      return {connections: cost.query.inTransaction ? 0 : 1, queries: 1, sequential: 1};
    case 'sequence':
      return combine(figuresInTurn(cost.parts, made), {connections: max, queries: add, sequential: add});
    case 'parallel':
      return {
        ...combine(figuresInTurn(cost.parts, made), {connections: add, queries: add, sequential: max}),
        connections: connectionsOf(cost.parts, made),
      };
    case 'branch':
      return combine(cost.parts.map(of), {connections: max, queries: max, sequential: max});
    case 'limited':
      return of(cost.body);
    case 'loop': {
      const body = of(cost.body);
      const again = figuresWithout(cost.body, new Set([...made, ...onceIn(cost.body)]));
      const count = cost.count ?? Infinity;
      const atOnce = cost.body.kind === 'limited' ? Math.min(count, cost.body.limit ?? Infinity) : count;
      return {
        connections: cost.isParallel
          ? body.connections + times(atOnce - 1, again.connections)
          : body.connections,
        queries: body.queries + times(count - 1, again.queries),
        sequential: cost.isParallel ? body.sequential : body.sequential + times(count - 1, again.sequential),
      };
    }
    case 'transaction': {
      const body = of(cost.body);
      if (body.queries === 0 && cost.isBatch) return none;
      // BEGIN takes a connection; a query of another client takes one more.
      const others = cost.isBatch ? 0 : body.connections;
      return {connections: 1 + others, queries: body.queries, sequential: body.sequential};
    }
    case 'note':
      return none;
  }
}

type Combine = (a: number, b: number) => number;
const add: Combine = (a, b) => a + b;
const max: Combine = (a, b) => Math.max(a, b);

function combine(parts: readonly Figures[], by: Record<keyof Figures, Combine>): Figures {
  return parts.reduce(
    (sum, each) => ({
      connections: by.connections(sum.connections, each.connections),
      queries: by.queries(sum.queries, each.queries),
      sequential: by.sequential(sum.sequential, each.sequential),
    }),
    none,
  );
}

/** Without Infinity * 0. */
function times(count: number, each: number): number {
  return each === 0 ? 0 : count * each;
}

/** What in a transaction does not use its connection: a query of another client, or a transaction of its own. */
export function otherConnection(cost: Cost): Site | null {
  if (figuresOf(cost).connections === 0) return null;
  if (cost.kind === 'query') return cost.query.site;
  if (cost.kind === 'transaction') return cost.site;
  const parts = 'parts' in cost ? cost.parts : 'body' in cost ? [cost.body] : [];
  return parts.map(otherConnection).find(each => each !== null) ?? null;
}

/** Every query in what some code costs, each place once. */
export function queriesOf(costs: readonly Cost[]): Query[] {
  const found = new Map<Node, Query>();
  const seen = new Set<Cost>();
  const look = (cost: Cost): void => {
    if (seen.has(cost)) return;
    seen.add(cost);
    if (cost.kind === 'query') found.set(cost.query.site.node, cost.query);
    if ('parts' in cost) for (const part of cost.parts) look(part);
    if ('body' in cost) look(cost.body);
  };
  for (const cost of costs) look(cost);
  return [...found.values()];
}

import type {Node} from '@oxc-project/types';
import {type Cost, isNothing, type Site, sequence} from './cost.ts';
import {awaited, costOf, join, type ListValue, type Loop, unknown, type Value} from './values.ts';
import type {At, Walk} from './walk.ts';

export function emptyList(length: unknown, loop: Loop | null = null): ListValue {
  return {kind: 'list', length: typeof length === 'number' ? length : null, items: [], each: [], loop};
}

/** How often a loop over a list runs. Code loops over no empty list: what fills it was not seen. */
export function passesOver(list: Value): number | null {
  return list.kind === 'list' && list.length !== 0 ? list.length : null;
}

const iterating = new Set(
  'map flatMap forEach filter find findIndex some every sort reduce reduceRight findLast'.split(' '),
);
const passing = new Set(
  'filter sort reverse toSorted toReversed concat flat fill values keys entries slice'.split(' '),
);

export function isListMethod(name: string): boolean {
  return iterating.has(name) || passing.has(name);
}

/** A method of an array, or of what may be one: `over` is its text. */
export function callListMethod(
  walk: Walk,
  {
    name,
    receiver,
    values,
    node,
    over,
  }: {
    name: string;
    receiver: Value;
    values: Value[];
    node: Node;
    over: string;
  },
  at: At,
): Value {
  const list = receiver.kind === 'list' ? receiver : emptyList(null);
  const [callback = unknown] = values;
  if (!iterating.has(name) || callback.kind !== 'function')
    return passing.has(name) ? shortened(list, name, values) : unknown;
  const item = itemOf(list);
  const count = passesOver(list);
  const out: Cost[] = [];
  const isReduce = name.startsWith('reduce');
  const given = isReduce ? [values[1] ?? unknown, item] : [item, unknown, list];
  const result = walk.call(callback, given, node, {...at, out, loop: {count, over, node}});
  const site = {module: at.scope.module, node};
  const own = sequence(out);
  const waited = walk.settle(result, node, at);
  if (name === 'map' || name === 'flatMap') {
    if (!isNothing(own))
      at.out.push({kind: 'loop', body: own, count, isParallel: false, isPaging: false, over, site});
    return {
      ...emptyList(name === 'map' ? count : null, at.loop),
      each: [{value: result, count, over, site}],
    };
  }
  // forEach and the others do not wait: an async function runs for all items concurrently, but in reduce for one after another.
  const body = sequence([own, waited]);
  const isParallel = result.kind === 'pending' && !isReduce;
  if (!isNothing(body)) at.out.push({kind: 'loop', body, count, isParallel, isPaging: false, over, site});
  return passing.has(name) ? list : isReduce ? awaited(result) : unknown;
}

function shortened(list: ListValue, name: string, values: readonly Value[]): ListValue {
  const [from, to] = values;
  if (name !== 'slice' || to?.kind !== 'constant' || typeof to.value !== 'number') return list;
  const start = from?.kind === 'constant' && typeof from.value === 'number' ? from.value : 0;
  return {...list, length: Math.max(0, to.value - start)};
}

/** `list.push(value)`: in a loop that began after the list, an item per pass. */
export function addTo(list: ListValue, value: Value, at: At): void {
  if (at.loop === list.loop) {
    list.items.push(value);
    if (list.length !== null) list.length++;
  } else if (at.loop !== null) {
    const {count, over, node} = at.loop;
    list.length = count;
    list.each.push({value, count, over, site: {module: at.scope.module, node}});
  }
}

/** `[...other]`, `list.push(...other)`; `over` is its text. */
export function spreadInto(list: ListValue, other: Value, over: string, site: Site): void {
  if (other.kind === 'list') {
    list.items.push(...other.items);
    list.each.push(...other.each);
    list.length = list.length === null || other.length === null ? null : list.length + other.length;
  } else {
    list.length = null;
    list.each.push({value: unknown, count: null, over, site});
  }
}

/** What any of its items may be. */
export function itemOf({items, each}: ListValue): Value {
  return [...items, ...each.map(({value}) => value)].reduce(join, unknown);
}

/** Promise.all and its kin: every item concurrently. */
export function waitForAll(walk: Walk, list: Value, node: Node, at: At): Value {
  if (list.kind !== 'list') return unknown;
  const site = {module: at.scope.module, node};
  const parts = list.items.map(each => walk.settle(each, node, at)).filter(each => !isNothing(each));
  for (const {value, count, over, site: place} of list.each) {
    const body = walk.settle(value, node, at);
    if (!isNothing(body))
      parts.push({
        kind: 'loop',
        body,
        count,
        isParallel: true,
        isPaging: false,
        over,
        site: place,
      });
  }
  const [only] = parts;
  const cost: Cost = parts.length === 1 && only?.kind === 'loop' ? only : {kind: 'parallel', parts, site};
  const items = list.items.map(awaited);
  return {
    kind: 'pending',
    isRunning: true,
    cost: parts.length === 0 ? {kind: 'sequence', parts: []} : cost,
    value: {...list, items, each: []},
  };
}

/** p-map: at most `limit` items at a time. */
export function mapLimited(
  walk: Walk,
  values: readonly Value[],
  limit: number | null,
  over: string,
  node: Node,
  at: At,
): Value {
  const [list = unknown, callback = unknown] = values;
  const count = passesOver(list);
  const out: Cost[] = [];
  const result = walk.call(callback, [unknown], node, {...at, out});
  const body: Cost = {kind: 'limited', body: sequence([...out, costOf(result)]), limit};
  return {
    kind: 'pending',
    cost: {
      kind: 'loop',
      body,
      count,
      isParallel: true,
      isPaging: false,
      over,
      site: {module: at.scope.module, node},
    },
    value: emptyList(count),
  };
}

/** `limitConcurrency(rows.map(row => async () => ...), 5)`: functions that a helper calls; null if they are none. */
export function runTasks(walk: Walk, values: readonly Value[], node: Node, at: At): Value | null {
  const [tasks, options] = values;
  if (tasks?.kind !== 'list' || itemOf(tasks).kind !== 'function') return null;
  const limit = limitIn(options);
  const costs = tasks.each.map(({value, count, over, site}): Cost => {
    const out: Cost[] = [];
    const result = walk.call(value, [], node, {...at, out});
    const body: Cost = {kind: 'limited', body: sequence([...out, walk.settle(result, node, at)]), limit};
    return {kind: 'loop', body, count, isParallel: true, isPaging: false, over, site};
  });
  return {kind: 'pending', cost: sequence(costs), value: unknown, isRunning: true};
}

export function limitIn(options: Value | undefined): number | null {
  if (options?.kind === 'constant') return numberOf(options.value);
  const limit = options?.kind === 'object' ? options.members.get('concurrency') : undefined;
  return limit?.kind === 'constant' ? numberOf(limit.value) : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

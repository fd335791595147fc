import type {Node} from '@oxc-project/types';
import {type Cost, isNothing, sequence} from './cost.ts';
import {awaited, costOf, join, type ListValue, type Loop, unknown, type Value} from './values.ts';
import type {At, Walk} from './walk.ts';

export function emptyList(length: unknown, loop: Loop | null = null): ListValue {
  return {kind: 'list', length: typeof length === 'number' ? length : null, items: [], each: null, loop};
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
  return iterating.has(name) || passing.has(name) || name === 'push' || name === 'unshift';
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
  if (name === 'push' || name === 'unshift') {
    if (receiver.kind === 'list') add(receiver, values, at);
    return unknown;
  }
  const [callback = unknown] = values;
  if (!iterating.has(name) || callback.kind !== 'function')
    return passing.has(name) ? shortened(list, name, values) : unknown;
  const item = list.items.reduce(join, list.each?.value ?? unknown);
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
      each: {value: result, count, over, site},
    };
  }
  // forEach and the others do not wait: an async function runs for all items at once, but in reduce for one after another.
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

/** In a loop that began after the list, an item per pass. */
function add(list: ListValue, values: readonly Value[], at: At): void {
  if (at.loop === list.loop) {
    list.items.push(...values);
    if (list.length !== null) list.length += values.length;
    return;
  }
  const {count, over, node} = at.loop ?? {count: null, over: '', node: null};
  if (node === null) return;
  list.length = count;
  list.each = {
    value: values.reduce(both, unknown),
    count,
    over,
    site: {module: at.scope.module, node},
  };
}

function both(a: Value, b: Value): Value {
  return a.kind === 'pending' && b.kind === 'pending'
    ? {kind: 'pending', cost: sequence([a.cost, b.cost]), value: unknown}
    : join(a, b);
}

/** Promise.all and its kin: every item at once. */
export function waitForAll(walk: Walk, list: Value, node: Node, at: At): Value {
  if (list.kind !== 'list') return unknown;
  const site = {module: at.scope.module, node};
  const parts = list.items.map(each => walk.settle(each, node, at)).filter(each => !isNothing(each));
  if (list.each !== null) {
    const {value, count, over} = list.each;
    const body = walk.settle(value, node, at);
    if (!isNothing(body))
      parts.push({
        kind: 'loop',
        body,
        count,
        isParallel: true,
        isPaging: false,
        over,
        site: list.each.site,
      });
  }
  const [only] = parts;
  const cost: Cost = parts.length === 1 && only?.kind === 'loop' ? only : {kind: 'parallel', parts, site};
  const items = list.items.map(awaited);
  return {
    kind: 'pending',
    isRunning: true,
    cost: parts.length === 0 ? {kind: 'sequence', parts: []} : cost,
    value: {...list, items, each: null},
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

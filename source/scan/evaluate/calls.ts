import type {Node, ObjectExpression} from '@oxc-project/types';
import {nameOfKey, unwrap} from '../code/nodes.ts';
import {moduleExports} from '../code/project.ts';
import {branch, type Cost, sequence} from './cost.ts';
import {constantName} from './expressions.ts';
import {
  addTo,
  callListMethod,
  emptyList,
  isListMethod,
  limitIn,
  mapLimited,
  runTasks,
  spreadInto,
  waitForAll,
} from './lists.ts';
import {prismaCall} from './prisma-client.ts';
import {textOf} from './statements.ts';
import {awaited, costOf, join, unknown, type Value} from './values.ts';
import type {At, Walk} from './walk.ts';

type Call = Extract<Node, {type: 'CallExpression'}>;
type CallFunction = (callee: Extract<Value, {kind: 'function'}>, values: Value[], at: At) => Value;

/** Calls: of Prisma Client, of arrays and promises, of functions, and of what got functions to call. */
export function createCalls(walk: Walk, callFunction: CallFunction): Pick<Walk, 'call' | 'callExpression'> {
  const call = (callee: Value, values: Value[], node: Node, at: At): Value => {
    switch (callee.kind) {
      case 'function':
        return callFunction(callee, values, at);
      case 'wrapped': {
        // What `asyncHandler(fn)` returns calls fn; the wrapper's own arguments are unknown to it.
        // What makes a wrapper (`createHandler({onError})`) got functions of its own; these are what it wraps.
        const handed = values.flatMap(functionsIn);
        if (handed.length > 0) return {...callee, functions: [...handed, ...callee.functions]};
        const out: Cost[] = [];
        const given = callee.functions.length === 1 ? values : [];
        const isOnce = at.frame.isOnce || (callee.name === 'react.cache()' && values.length === 0);
        const inside = {...at, out, frame: {...at.frame, isOnce}};
        const costs = callee.functions.map(each => walk.settle(call(each, given, node, inside), node, at));
        return {kind: 'pending', cost: sequence([...out, ...costs]), value: unknown};
      }
      case 'limiter': {
        const [task = unknown] = values;
        const out: Cost[] = [];
        const result = call(task, [], node, {...at, out});
        const body = sequence([...out, walk.settle(result, node, at)]);
        return {kind: 'pending', cost: {kind: 'limited', body, limit: callee.limit}, value: awaited(result)};
      }
      case 'choice': {
        const parts = callee.values.map(each => {
          const out: Cost[] = [];
          return {value: call(each, values, node, {...at, out}), cost: sequence(out)};
        });
        at.out.push(branch(parts.map(({cost}) => cost)));
        return parts.map(({value}) => value).reduce(join, unknown);
      }
      case 'external':
        return callUnknown(`${callee.name}()`, values);
    }
    return callUnknown(null, values);
  };

  /** Code that cannot be read: it may call the functions that it gets, once each. */
  const callUnknown = (name: string | null, values: readonly Value[]): Value => {
    const functions = values.flatMap(functionsIn);
    if (functions.length > 0) return {kind: 'wrapped', functions, name: name ?? ''};
    // The caller of `withTimeout(promise)` waits for the promise.
    const promises = values.filter(each => each.kind === 'pending');
    if (promises.length > 0)
      return {
        kind: 'pending',
        cost: sequence(promises.map(costOf)),
        value: promises.length === 1 ? promises.map(awaited).reduce(join) : unknown,
        isRunning: true,
      };
    return name === null ? unknown : {kind: 'external', name};
  };

  const callExpression = (node: Call, at: At): Value => {
    const callee = unwrap(node.callee);
    if (callee.type === 'MemberExpression') return callMember(node, callee, at);
    if (callee.type === 'Identifier' && callee.name === 'require') return required(node, at);
    const target = walk.evaluate(callee, at);
    const values = argumentsOf(node, at);
    if (target.kind === 'external') {
      const [first] = values;
      if (/^p-limit\b/.test(target.name)) return {kind: 'limiter', limit: limitIn(first)};
      if (/^p-map\b/.test(target.name))
        return mapLimited(walk, values, limitIn(values[2]), textOf(at.scope.module.text, node), node, at);
    }
    const isRunner = callee.type === 'Identifier' && /concurren|parallel|limit/i.test(callee.name);
    return (isRunner ? runTasks(walk, values, node, at) : null) ?? call(target, values, node, at);
  };

  const callMember = (node: Call, callee: Extract<Node, {type: 'MemberExpression'}>, at: At): Value => {
    const name = nameOfKey(callee.property, callee.computed) ?? constantName(walk, callee.property, at);
    if (name === null) return call(walk.evaluate(callee, at), argumentsOf(node, at), node, at);
    const owner = walk.evaluate(callee.object, at);
    const found = prismaCall(walk, node, awaited(owner), name, at);
    if (found !== null) return found;
    if (owner.kind === 'list' && (name === 'push' || name === 'unshift')) {
      for (const each of node.arguments) {
        const {module} = at.scope;
        const value = walk.evaluate(each.type === 'SpreadElement' ? each.argument : each, at);
        if (each.type === 'SpreadElement')
          spreadInto(owner, value, textOf(module.text, each), {module, node: each});
        else addTo(owner, value, at);
      }
      return unknown;
    }
    const values = argumentsOf(node, at);
    const isPromise = callee.object.type === 'Identifier' && callee.object.name === 'Promise';
    if (isPromise && /^(?:all|allSettled|race|any)$/.test(name))
      return waitForAll(walk, values[0] ?? unknown, node, at);
    if (callee.object.type === 'Identifier' && /^(?:Array|Object)$/.test(callee.object.name))
      return built(name, values, node, at);
    if (owner.kind === 'pending' && /^(?:then|catch|finally)$/.test(name))
      return then(owner, values, node, at);
    const member = walk.memberOf(awaited(owner), name, at);
    if (member.kind !== 'unknown' && member.kind !== 'external') {
      if (member.kind === 'function' && /^(?:call|apply|bind)$/.test(name)) return member;
      return call(member, values, node, at);
    }
    // A step of a chain: `client.use(middleware).input(schema).action(handler)`.
    if (owner.kind === 'wrapped')
      return {...owner, functions: [...owner.functions, ...values.flatMap(functionsIn)]};
    if (mayBeList(awaited(owner)) && isListMethod(name)) {
      const over = textOf(at.scope.module.text, callee.object);
      return callListMethod(walk, {name, receiver: awaited(owner), values, node, over}, at);
    }
    if (owner.kind === 'function' && /^(?:call|apply|bind)$/.test(name))
      return name === 'bind' ? owner : call(owner, values.slice(1), node, at);
    return call(member, values, node, at);
  };

  const argumentsOf = (node: Call, at: At): Value[] => node.arguments.map(each => walk.evaluate(each, at));

  /** `Array.from({length: 6}, fn)`, `Object.entries(x)`. */
  const built = (name: string, values: Value[], node: Node, at: At): Value => {
    const [first = unknown, callback] = values;
    if (/^(?:keys|values|entries)$/.test(name))
      return emptyList(first.kind === 'object' && isWritten(first.node) ? first.members.size : null);
    if (name !== 'from') return unknown;
    const length = first.kind === 'object' ? first.members.get('length') : undefined;
    const list = first.kind === 'list' ? first : emptyList(length?.kind === 'constant' ? length.value : null);
    if (callback === undefined) return list;
    const over = textOf(at.scope.module.text, node);
    return callListMethod(walk, {name: 'map', receiver: list, values: [callback], node, over}, at);
  };

  const then = (
    owner: Extract<Value, {kind: 'pending'}>,
    values: readonly Value[],
    node: Node,
    at: At,
  ): Value => {
    const out: Cost[] = [];
    const results = values.map(each =>
      each.kind === 'function' ? call(each, [owner.value], node, {...at, out}) : unknown,
    );
    const costs = results.map(each => walk.settle(each, node, at));
    const [first] = results;
    const value = first === undefined || first.kind === 'unknown' ? owner.value : awaited(first);
    return {kind: 'pending', cost: sequence([owner.cost, ...out, ...costs]), value, isRunning: true};
  };

  const required = (node: Call, at: At): Value => {
    const [argument] = node.arguments;
    if (argument?.type !== 'Literal' || typeof argument.value !== 'string') return unknown;
    const path = walk.project.resolve(at.scope.module.path, argument.value);
    if (path === null) return {kind: 'external', name: argument.value};
    const module = walk.project.module(path);
    if (module === null) return unknown;
    return module.exports.has(moduleExports) ? walk.exported(module, 'default') : {kind: 'module', module};
  };

  return {call, callExpression};
}

/** Whether all members of an object stand in its literal. */
function isWritten(node: ObjectExpression | null): boolean {
  return node?.properties.every(each => each.type === 'Property' && !each.computed) ?? false;
}

/** The functions that a value is or holds. */
function functionsIn(value: Value): Value[] {
  if (value.kind === 'function' || value.kind === 'wrapped') return [value];
  return value.kind === 'object' ? [...value.members.values()].flatMap(functionsIn) : [];
}

/** Also what a package returns: `chunk(ids, 100).map(...)`, `schema.parse(body).ids.map(...)`. */
function mayBeList(value: Value): boolean {
  return value.kind === 'external' ? value.name.includes('()') : /^(?:list|unknown)$/.test(value.kind);
}

/** A member of any value. */
export function memberOf(
  walk: Walk,
  value: Value,
  name: string,
  at: At,
  special: {
    client(name: string, value: Extract<Value, {kind: 'client'}>, at: At): Value;
    instance(name: string, value: Extract<Value, {kind: 'instance'}>, at: At): Value;
  },
): Value {
  switch (value.kind) {
    case 'client':
      return special.client(name, value, at);
    case 'instance':
      return special.instance(name, value, at);
    case 'object':
      return value.members.get(name) ?? unknown;
    case 'module':
      return walk.exported(value.module, name);
    case 'external':
      return {kind: 'external', name: `${value.name}.${name}`};
    case 'class': {
      const found = value.node.body.body.find(
        each =>
          (each.type === 'MethodDefinition' || each.type === 'PropertyDefinition') &&
          each.static &&
          nameOfKey(each.key, each.computed) === name,
      );
      if (found?.type === 'MethodDefinition')
        return {kind: 'function', node: found.value, scope: value.scope, self: value};
      return found?.type === 'PropertyDefinition' && found.value
        ? walk.evaluate(found.value, {...at, scope: value.scope, out: []})
        : unknown;
    }
  }
  return unknown;
}

import type {Class, Node} from '@oxc-project/types';
import type {FunctionLike} from '../code/nodes.ts';
import {nameOfKey} from '../code/nodes.ts';
import {branch, type Cost, noCost, sequence} from './cost.ts';
import {bind} from './names.ts';
import {awaited, costOf, type InstanceValue, join, type Scope, unknown, type Value} from './values.ts';
import {type At, type Frame, topFrame, type Walk} from './walk.ts';

type FunctionValue = Extract<Value, {kind: 'function'}>;

const maxDepth = 60;
/** Bodies walked for one endpoint: more is a program, not a request. */
const maxBodies = 5000;

/** Calls functions, each body once per set of arguments that matter. */
export function createFunctions(walk: Walk) {
  const underWay = new Set<FunctionLike>();
  const results = new WeakMap<Scope, Map<FunctionLike, {value: Value; out: Cost[]}>>();
  const instances = new Map<Class, Value>();
  let bodies = 0;

  const callFunction = (callee: FunctionValue, passed: readonly Value[], at: At): Value => {
    const {node, scope, self, given} = callee;
    const values = passed.map((each, index) => (each.kind === 'unknown' ? (given?.[index] ?? each) : each));
    // Recursion: how deep is unknown, so only its first level counts.
    if (underWay.has(node) || underWay.size > maxDepth || node.body === null || node.generator)
      return unknown;
    const isPlain =
      self === null && !at.frame.inTransaction && !at.frame.isOnce && values.every(isPlainValue);
    const known = isPlain ? results.get(scope)?.get(node) : undefined;
    if (known !== undefined) {
      at.out.push(...known.out);
      return known.value;
    }
    if (++bodies > maxBodies) return unknown;
    underWay.add(node);
    const out: Cost[] = [];
    const inner: Scope = {names: new Map(), parent: scope, module: scope.module};
    const frame: Frame = {...at.frame, node, returns: []};
    const inside: At = {scope: inner, out, frame, loop: at.loop};
    try {
      if (node.type !== 'ArrowFunctionExpression') inner.names.set('this', self ?? unknown);
      bindParameters(node, values, inside);
      if (node.body.type === 'BlockStatement') walk.run(node.body.body, inside);
      else frame.returns.push(walk.evaluate(node.body, inside));
    } finally {
      underWay.delete(node);
    }
    const returned = frame.returns.reduce(join, unknown);
    const spent: Cost[] = [];
    let value = returned;
    if (node.async) {
      const cost = sequence([
        ...out,
        node.body.type === 'BlockStatement' ? noCost : walk.settle(returned, node, inside),
      ]);
      value = {kind: 'pending', cost, value: awaited(returned), isRunning: true};
    } else spent.push(...out);
    if (isPlain) {
      const own = results.get(scope) ?? new Map();
      results.set(scope, own.set(node, {value, out: spent}));
    }
    at.out.push(...spent);
    return value;
  };

  const bindParameters = (node: FunctionLike, values: readonly Value[], inside: At): void => {
    for (const [index, parameter] of node.params.entries()) {
      const given = values[index];
      // Without an argument `tx?: TransactionClient` is no client.
      const isOmitted = given === undefined && 'optional' in parameter && parameter.optional;
      const value = given ?? unknown;
      const isTyped = value.kind === 'unknown' && !isOmitted && parameter.type !== 'AssignmentPattern';
      bind(
        walk,
        parameter,
        isTyped ? typeOf(parameter, inside.scope) : annotated(value, parameter, inside),
        inside,
      );
    }
  };

  /** `fn: (tx: Prisma.TransactionClient) => ...`: what it is called with is a transaction, wherever that comes from. */
  const annotated = (value: Value, parameter: Node, {scope}: At): Value => {
    const type = 'typeAnnotation' in parameter ? parameter.typeAnnotation : null;
    if (value.kind !== 'function' || type?.type !== 'TSTypeAnnotation') return value;
    const {typeAnnotation} = type;
    return typeAnnotation.type === 'TSFunctionType'
      ? {...value, given: typeAnnotation.params.map(each => typeOf(each, scope))}
      : value;
  };

  const typeOf = (parameter: Node, scope: Scope): Value => {
    if (parameter.type === 'TSParameterProperty') return typeOf(parameter.parameter, scope);
    const annotation = 'typeAnnotation' in parameter ? parameter.typeAnnotation : null;
    return annotation?.type === 'TSTypeAnnotation' ? walk.typed(annotation.typeAnnotation, scope) : unknown;
  };

  const instantiate = (callee: Value, values: Value[], at: At): Value => {
    if (callee.kind === 'external')
      return /\bPrismaClient$/.test(callee.name) ? {kind: 'client', inTransaction: false} : unknown;
    if (callee.kind !== 'class') return unknown;
    const {node, scope} = callee;
    if (isClientClass(node, scope))
      return {
        kind: 'client',
        inTransaction: false,
        own: {kind: 'instance', node, scope, fields: new Map()},
      };
    const isInjected = values.length === 0;
    const known = isInjected ? instances.get(node) : undefined;
    if (known !== undefined) return known;
    const instance: InstanceValue = {kind: 'instance', node, scope, fields: new Map()};
    if (isInjected) instances.set(node, instance);
    construct(instance, values, at);
    return instance;
  };

  const isClientClass = ({superClass}: Class, scope: Scope): boolean => {
    if (superClass === null) return false;
    if (superClass.type === 'Identifier' && superClass.name === 'PrismaClient') return true;
    const parent = walk.evaluate(superClass, {scope, out: [], frame: topFrame(), loop: null});
    if (parent.kind === 'external') return /\bPrismaClient$/.test(parent.name);
    return parent.kind === 'class' && isClientClass(parent.node, parent.scope);
  };

  /** Fields from the constructor: its parameter properties and what it assigns to `this`. */
  const construct = (instance: InstanceValue, values: Value[], at: At): void => {
    const found = instance.node.body.body.find(
      each => each.type === 'MethodDefinition' && each.kind === 'constructor',
    );
    if (found?.type !== 'MethodDefinition') return;
    const scope: Scope = {
      names: new Map([['this', instance as Value]]),
      parent: instance.scope,
      module: instance.scope.module,
    };
    const inside: At = {scope, out: [], frame: topFrame(), loop: null};
    bindParameters(found.value, values, inside);
    for (const parameter of found.value.params)
      if (parameter.type === 'TSParameterProperty' && parameter.parameter.type === 'Identifier')
        instance.fields.set(parameter.parameter.name, scope.names.get(parameter.parameter.name) ?? unknown);
    if (found.value.body !== null)
      walk.run(found.value.body.body, {...inside, frame: {...at.frame, node: found.value, returns: []}});
  };

  const memberOfInstance = (instance: InstanceValue, name: string, at: At): Value => {
    const own = instance.fields.get(name);
    if (own !== undefined) return own;
    const scope: Scope = {
      names: new Map([['this', instance as Value]]),
      parent: instance.scope,
      module: instance.scope.module,
    };
    for (const each of instance.node.body.body) {
      if (each.type !== 'MethodDefinition' && each.type !== 'PropertyDefinition') continue;
      if (nameOfKey(each.key, each.computed) !== name) continue;
      if (each.type === 'MethodDefinition') {
        const method: FunctionValue = {
          kind: 'function',
          node: each.value,
          scope: instance.scope,
          self: instance,
        };
        return each.kind === 'get' ? callFunction(method, [], at) : method;
      }
      instance.fields.set(name, unknown);
      const typed =
        each.type === 'PropertyDefinition' && each.typeAnnotation
          ? walk.typed(each.typeAnnotation.typeAnnotation, scope)
          : unknown;
      const value = each.value
        ? walk.evaluate(each.value, {scope, out: [], frame: topFrame(), loop: null})
        : unknown;
      const field = value.kind === 'unknown' ? typed : value;
      instance.fields.set(name, field);
      return field;
    }
    const {superClass} = instance.node;
    const parent = superClass
      ? walk.evaluate(superClass, {scope: instance.scope, out: [], frame: topFrame(), loop: null})
      : unknown;
    return parent.kind === 'class'
      ? memberOfInstance({...instance, node: parent.node, scope: parent.scope}, name, at)
      : unknown;
  };

  /** Functions that a wrapper got are assumed to be called once each. */
  const settle = (value: Value, node: Node, at: At): Cost => {
    if (value.kind === 'wrapped') {
      const out: Cost[] = [];
      const costs = value.functions.map(each => settle(walk.call(each, [], node, {...at, out}), node, at));
      return sequence([...out, ...costs]);
    }
    if (value.kind === 'pending' && value.value.kind === 'pending')
      return sequence([value.cost, settle(value.value, node, at)]);
    return costOf(value);
  };

  const startOver = () => {
    bodies = 0;
  };
  return {callFunction, instantiate, memberOfInstance, settle, startOver};
}

/** Whether a value as an argument cannot change what a function costs. */
function isPlainValue(value: Value): boolean {
  return (
    value.kind === 'unknown' || (value.kind === 'object' && [...value.members.values()].every(isPlainValue))
  );
}

/** Which branch `tx ? ... : ...` takes where there is a client; null if that is not known. */
export function certainBranch(walk: Walk, test: Node, at: At): boolean | null {
  const isNot = test.type === 'UnaryExpression' && test.operator === '!';
  const value = walk.evaluate(isNot ? test.argument : test, at);
  return value.kind === 'client' ? !isNot : null;
}

export function branches(walk: Walk, nodes: readonly Node[], at: At): Value {
  const parts = nodes.map(node => {
    const out: Cost[] = [];
    const value = walk.evaluate(node, {...at, out});
    return {value, cost: sequence(out)};
  });
  at.out.push(branch(parts.map(({cost}) => cost)));
  return parts.map(({value}) => value).reduce(join, unknown);
}

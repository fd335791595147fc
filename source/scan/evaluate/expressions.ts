import type {ArrayExpression, JSXElement, Node, ObjectExpression} from '@oxc-project/types';
import {childrenOf, isFunction, nameOfKey} from '../code/nodes.ts';
import {type Cost, figuresOf, sequence} from './cost.ts';
import {branches, certainBranch} from './functions.ts';
import {emptyList, spreadInto} from './lists.ts';
import {assign} from './names.ts';
import {rawQuery} from './prisma-client.ts';
import {textOf} from './statements.ts';
import {awaited, isCallable, join, unknown, type Value} from './values.ts';
import type {At, Walk} from './walk.ts';

/** What an expression is; adds what it costs to `at.out`. */
export function evaluate(walk: Walk, node: Node, at: At): Value {
  switch (node.type) {
    case 'Identifier':
      return walk.lookup(node.name, at.scope);
    case 'ThisExpression':
      return walk.lookup('this', at.scope);
    case 'Literal':
      return {kind: 'constant', value: node.value};
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression': {
      const value: Value = {kind: 'function', node, scope: at.scope, self: null};
      if (node.type === 'FunctionDeclaration' && node.id !== null) at.scope.names.set(node.id.name, value);
      return value;
    }
    case 'ClassDeclaration':
    case 'ClassExpression': {
      const value: Value = {kind: 'class', node, scope: at.scope};
      if (node.id !== null) at.scope.names.set(node.id.name, value);
      return value;
    }
    case 'ObjectExpression':
      return objectOf(walk, node, at);
    case 'ArrayExpression':
      return listOf(walk, node, at);
    case 'ChainExpression':
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
    case 'TSInstantiationExpression':
    case 'ParenthesizedExpression': {
      const value = walk.evaluate(node.expression, at);
      const isTyped = node.type === 'TSAsExpression' || node.type === 'TSSatisfiesExpression';
      return value.kind === 'unknown' && isTyped ? walk.typed(node.typeAnnotation, at.scope) : value;
    }
    case 'MemberExpression': {
      const owner = walk.evaluate(node.object, at);
      const name = nameOfKey(node.property, node.computed) ?? constantName(walk, node.property, at);
      return name === null ? anyMemberOf(awaited(owner)) : walk.memberOf(awaited(owner), name, at);
    }
    case 'CallExpression':
      return walk.callExpression(node, at);
    case 'NewExpression': {
      const callee = walk.evaluate(node.callee, at);
      const values = node.arguments.map(each => walk.evaluate(each, at));
      if (
        node.callee.type === 'Identifier' &&
        callee.kind === 'unknown' &&
        node.callee.name === 'PrismaClient'
      )
        return {kind: 'client', inTransaction: false};
      if (node.callee.type === 'Identifier' && node.callee.name === 'Promise')
        return promiseOf(walk, values, node, at);
      if (node.callee.type === 'Identifier' && node.callee.name === 'Proxy') return values[0] ?? unknown;
      const length =
        node.callee.type === 'Identifier' && node.callee.name === 'Array' ? values[0] : undefined;
      if (length !== undefined) return emptyList(length.kind === 'constant' ? length.value : null);
      return walk.instantiate(callee, values, at);
    }
    case 'TaggedTemplateExpression': {
      for (const each of node.quasi.expressions) walk.evaluate(each, at);
      return rawQuery(walk, node, at) ?? unknown;
    }
    case 'AwaitExpression': {
      const value = walk.evaluate(node.argument, at);
      const cost = walk.settle(value, node, at);
      if (at.frame.inTransaction && figuresOf(cost).queries === 0) noteForeign(value, node, at);
      at.out.push(cost);
      return value.kind === 'wrapped' ? unknown : awaited(value);
    }
    case 'AssignmentExpression': {
      const value = node.operator === '=' ? walk.evaluate(node.right, at) : branches(walk, [node.right], at);
      assign(walk, node.left, value, at);
      return value;
    }
    case 'LogicalExpression': {
      const left = walk.evaluate(node.left, at);
      // `tx ?? prisma` with a tx.
      if (left.kind === 'client' && node.operator !== '&&') return left;
      return join(left, branches(walk, [node.right], at));
    }
    case 'ConditionalExpression': {
      const isTrue = certainBranch(walk, node.test, at);
      if (isTrue !== null) return walk.evaluate(isTrue ? node.consequent : node.alternate, at);
      return branches(walk, [node.consequent, node.alternate], at);
    }
    case 'ImportExpression': {
      const path =
        node.source.type === 'Literal'
          ? walk.project.resolve(at.scope.module.path, String(node.source.value))
          : null;
      const module = path === null ? null : walk.project.module(path);
      return module === null ? unknown : {kind: 'module', module};
    }
    case 'JSXElement':
      return jsxOf(walk, node, at);
    default:
      // Types and the rest: whatever runs inside runs here.
      if (!node.type.startsWith('TS')) for (const child of childrenOf(node)) walk.evaluate(child, at);
      return unknown;
  }
}

/** `[name]` where name is a constant. */
export function constantName(walk: Walk, key: Node, at: At): string | null {
  const value = walk.evaluate(key, at);
  return value.kind === 'constant' && typeof value.value === 'string' ? value.value : null;
}

/** `handlers[method]`. */
function anyMemberOf(owner: Value): Value {
  const values = owner.kind === 'object' ? [...owner.members.values()].filter(isCallable) : [];
  return values.length === 0 ? unknown : {kind: 'choice', values};
}

function objectOf(walk: Walk, node: ObjectExpression, at: At): Value {
  const members = new Map<string, Value>();
  for (const each of node.properties) {
    const value = walk.evaluate(each.type === 'SpreadElement' ? each.argument : each.value, at);
    if (each.type === 'SpreadElement') {
      if (value.kind === 'object') for (const [name, member] of value.members) members.set(name, member);
      continue;
    }
    const {key} = each;
    const name = nameOfKey(key, each.computed) ?? constantName(walk, key, at);
    members.set(name ?? `[${textOf(at.scope.module.text, key)}]`, value);
  }
  const object: Value = {kind: 'object', members, node};
  // `this` of its methods.
  for (const [name, member] of members)
    if (member.kind === 'function' && member.node.type === 'FunctionExpression')
      members.set(name, {...member, self: object});
  return object;
}

function listOf(walk: Walk, node: ArrayExpression, at: At): Value {
  const list = emptyList(0, at.loop);
  for (const each of node.elements) {
    if (each === null) continue;
    const value = walk.evaluate(each.type === 'SpreadElement' ? each.argument : each, at);
    if (each.type !== 'SpreadElement') {
      list.items.push(value);
      if (list.length !== null) list.length++;
    } else {
      const {module} = at.scope;
      spreadInto(list, value, textOf(module.text, each), {module, node: each});
    }
  }
  return list;
}

/** `new Promise(resolve => ...)`: what its function costs. */
function promiseOf(walk: Walk, values: readonly Value[], node: Node, at: At): Value {
  const [executor = unknown] = values;
  const out: Cost[] = [];
  const result = walk.call(executor, [], node, {...at, out});
  return {kind: 'pending', cost: sequence([...out, walk.settle(result, node, at)]), value: unknown};
}

/** A transaction that waits for a network holds its connection and its locks meanwhile. */
function noteForeign(value: Value, node: Extract<Node, {type: 'AwaitExpression'}>, at: At): void {
  const {argument} = node;
  if (argument.type !== 'CallExpression') return;
  const isFetch = argument.callee.type === 'Identifier' && argument.callee.name === 'fetch';
  if (!isFetch && value.kind !== 'external') return;
  const {module} = at.scope;
  const detail = `waits for ${textOf(module.text, argument.callee)}() inside a transaction`;
  at.out.push({kind: 'note', note: 'transaction-awaits', detail, site: {module, node}});
}

/** Components of the server: React renders siblings at the same time. */
function jsxOf(walk: Walk, node: JSXElement, at: At): Value {
  const {name} = node.openingElement;
  for (const each of node.openingElement.attributes) walk.evaluate(each, at);
  const parts = node.children.map(each => {
    const out: Cost[] = [];
    walk.evaluate(each, {...at, out});
    return sequence(out);
  });
  const component =
    name.type === 'JSXIdentifier' && /^[A-Z]/.test(name.name) ? walk.lookup(name.name, at.scope) : unknown;
  if (component.kind === 'function' && isFunction(component.node)) {
    const out: Cost[] = [];
    const rendered = walk.call(component, [], node, {...at, out});
    parts.push(sequence([...out, walk.settle(rendered, node, at)]));
  }
  const own = parts.filter(each => figuresOf(each).queries > 0);
  const [only] = own;
  if (only !== undefined)
    at.out.push(
      own.length === 1 ? only : {kind: 'parallel', parts: own, site: {module: at.scope.module, node}},
    );
  return unknown;
}

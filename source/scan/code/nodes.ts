import type {
  ArrowFunctionExpression,
  BindingPattern,
  Expression,
  Function as FunctionNode,
  Node,
  ObjectExpression,
  ParamPattern,
  PropertyKey,
} from '@oxc-project/types';

export type FunctionLike = FunctionNode | ArrowFunctionExpression;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}

/** The nodes directly below one, in the order of the text. */
export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  // Nodes are plain objects: no array of their values for each.
  for (const key in node) {
    const value: unknown = node[key as keyof Node];
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value)) {
      for (const each of value) if (isNode(each)) children.push(each);
    } else if (isNode(value)) children.push(value);
  }
  return children;
}

/** Visits a node and all below it, with the node above; `false` skips what is below. */
export function visit(
  node: Node,
  see: (node: Node, parent: Node | null) => undefined | boolean,
  parent: Node | null = null,
): void {
  if (see(node, parent) === false) return;
  for (const child of childrenOf(node)) visit(child, see, node);
}

/** The expression below type assertions, `!`, parentheses and optional chains. */
export function unwrap(node: Node): Node {
  switch (node.type) {
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
    case 'TSInstantiationExpression':
    case 'ChainExpression':
    case 'ParenthesizedExpression':
      return unwrap(node.expression);
  }
  return node;
}

export function isFunction(node: Node): node is FunctionLike {
  return (
    node.type === 'ArrowFunctionExpression' ||
    node.type === 'FunctionExpression' ||
    node.type === 'FunctionDeclaration'
  );
}

/** The name of a member or property; null if it is computed. */
export function nameOfKey(key: PropertyKey | Expression, isComputed: boolean): string | null {
  if (key.type === 'Literal' && typeof key.value === 'string') return key.value;
  if (key.type === 'PrivateIdentifier') return `#${key.name}`;
  return key.type === 'Identifier' && !isComputed ? key.name : null;
}

/** A property's value in an object literal; null without one. */
export function propertyOf(object: ObjectExpression, name: string): Expression | null {
  for (const property of object.properties)
    if (property.type === 'Property' && nameOfKey(property.key, property.computed) === name)
      return property.value;
  return null;
}

export function hasSpread(object: ObjectExpression): boolean {
  return object.properties.some(({type}) => type === 'SpreadElement');
}

/** The names that a pattern binds. */
export function namesOf(pattern: BindingPattern | ParamPattern): string[] {
  switch (pattern.type) {
    case 'Identifier':
      return [pattern.name];
    case 'ObjectPattern':
      return pattern.properties.flatMap(each =>
        each.type === 'RestElement' ? namesOf(each.argument) : namesOf(each.value),
      );
    case 'ArrayPattern':
      return pattern.elements.flatMap(each =>
        each === null ? [] : each.type === 'RestElement' ? namesOf(each.argument) : namesOf(each),
      );
    case 'AssignmentPattern':
      return namesOf(pattern.left);
    case 'RestElement':
      return namesOf(pattern.argument);
    case 'TSParameterProperty':
      return namesOf(pattern.parameter);
  }
}

/** Whether a statement never lets the next one run: it returns, throws, or leaves the loop or its pass. */
export function exits(node: Node | null): boolean {
  switch (node?.type) {
    case 'ReturnStatement':
    case 'ThrowStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return true;
    case 'BlockStatement':
      return node.body.some(exits);
    case 'IfStatement':
      return exits(node.consequent) && exits(node.alternate);
    case 'TryStatement':
      return (
        exits(node.finalizer) || (exits(node.block) && (node.handler === null || exits(node.handler.body)))
      );
    case 'ExpressionStatement': {
      const call = unwrap(node.expression);
      // Next.js: these throw.
      return (
        call.type === 'CallExpression' &&
        call.callee.type === 'Identifier' &&
        ['notFound', 'redirect', 'permanentRedirect', 'forbidden', 'unauthorized'].includes(call.callee.name)
      );
    }
  }
  return false;
}

/** Whether a loop's body never lets another pass begin. */
export function leavesLoop(body: Node): boolean {
  let hasContinue = false;
  visit(body, node => {
    if (node.type === 'ContinueStatement') hasContinue = true;
    return !isFunction(node);
  });
  return exits(body) && !hasContinue;
}

const knownReferences = new WeakMap<Node, Set<string>>();

/** Names of variables that a node reads, property names aside. */
export function referencesOf(node: Node): ReadonlySet<string> {
  const known = knownReferences.get(node);
  if (known !== undefined) return known;
  const names = new Set<string>();
  knownReferences.set(node, names);
  visit(node, (each, parent) => {
    if (each.type === 'JSXIdentifier') names.add(each.name);
    if (each.type !== 'Identifier') return;
    const isName =
      (parent?.type === 'MemberExpression' && parent.property === each && !parent.computed) ||
      (parent?.type === 'Property' && parent.key === each && !parent.computed && !parent.shorthand);
    if (!isName) names.add(each.name);
  });
  return names;
}

import type {Node, VariableDeclarator} from '@oxc-project/types';
import {type FunctionLike, hasSpread, nameOfKey, propertyOf, unwrap, visit} from '../code/nodes.ts';

const reading = /^find(?:(?:Unique|First)(?:OrThrow)?|Many)$/;

export type UnusedParts = {
  call: Node;
  detail: string /** The one that is used; null: only its existence is. */;
  field: string | null /** Where a `select` can go. */;
  end: number;
};

const known = new WeakMap<Node, UnusedParts | null>();

/** Of records read whole (no `select`), that only their existence, their number or one field is used; null where more may be. */
export function unusedParts(node: VariableDeclarator, within: FunctionLike): UnusedParts | null {
  const found = known.get(node);
  if (found !== undefined) return found;
  const parts = findUnusedParts(node, within);
  known.set(node, parts);
  return parts;
}

function findUnusedParts({id, init}: VariableDeclarator, within: FunctionLike): UnusedParts | null {
  if (id.type !== 'Identifier' || id.typeAnnotation || init === null) return null;
  const awaited = unwrap(init);
  const call = awaited.type === 'AwaitExpression' ? unwrap(awaited.argument) : null;
  if (call?.type !== 'CallExpression' || call.callee.type !== 'MemberExpression') return null;
  const operation = nameOfKey(call.callee.property, call.callee.computed);
  const [argument] = call.arguments;
  if (operation === null || !reading.test(operation) || argument?.type !== 'ObjectExpression') return null;
  if (hasSpread(argument) || ['select', 'include', 'omit'].some(each => propertyOf(argument, each) !== null))
    return null;
  const fields = fieldsUsed(id.name, id, within);
  const end = argument.properties.at(-1)?.end;
  if (fields === null || fields.size > 1 || end === undefined) return null;
  const [field = null] = fields;
  if (operation === 'findMany' && propertyOf(argument, 'take') !== null) return null;
  if (operation === 'findMany')
    return field === 'length' ? {call, detail: 'reads whole records to count them', field: null, end} : null;
  const detail =
    field === null
      ? 'reads a whole record to see whether it exists'
      : `reads a whole record for its field ${field}`;
  return {call, detail, field, end};
}

/** The fields that are read of a variable, tests of its existence aside; null if it goes elsewhere as a whole. */
function fieldsUsed(name: string, declaration: Node, within: Node): Set<string> | null {
  const fields = new Set<string>();
  let uses = 0;
  let isWhole = false;
  const see = (node: Node, parents: readonly Node[]): void => {
    if (node.type === 'Identifier' && node.name === name && node !== declaration) {
      const use = usageOf(node, parents);
      if (use === 'whole') isWhole = true;
      if (use !== 'other') uses++;
      if (typeof use === 'object') fields.add(use.field);
    }
  };
  visitWithParents(within, [], see);
  return isWhole || uses === 0 ? null : fields;
}

function usageOf(node: Node, parents: readonly Node[]): 'test' | 'whole' | 'other' | {field: string} {
  let child = node;
  let parent = parents[0];
  let above = parents[1];
  if (parent !== undefined && unwrap(parent) !== parent) {
    child = parent;
    parent = parents[1];
    above = parents[2];
  }
  switch (parent?.type) {
    case 'MemberExpression': {
      if (parent.object !== child) return parent.computed ? 'whole' : 'other';
      const field = nameOfKey(parent.property, parent.computed);
      const isCalled = above?.type === 'CallExpression' && above.callee === parent;
      const isWritten = above?.type === 'AssignmentExpression' && above.left === parent;
      return field === null || isCalled || isWritten ? 'whole' : {field};
    }
    case 'Property':
      return parent.value === child || parent.shorthand ? 'whole' : 'other';
    case 'UnaryExpression':
      return parent.operator === '!' ? 'test' : 'whole';
    case 'IfStatement':
    case 'ConditionalExpression':
      return parent.test === child ? 'test' : 'whole';
    case 'LogicalExpression':
      return parent.operator === '&&' && parent.left === child ? 'test' : 'whole';
    case 'BinaryExpression': {
      const other = parent.left === child ? parent.right : parent.left;
      const isNull =
        other.type === 'Literal'
          ? other.value === null
          : other.type === 'Identifier' && other.name === 'undefined';
      return isNull ? 'test' : 'whole';
    }
  }
  return 'whole';
}

function visitWithParents(
  node: Node,
  parents: readonly Node[],
  see: (node: Node, parents: readonly Node[]) => void,
): void {
  visit(node, each => {
    if (each === node) {
      see(each, parents);
      return undefined;
    }
    visitWithParents(each, [node, ...parents.slice(0, 3)], see);
    return false;
  });
}

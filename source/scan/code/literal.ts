import type {Node} from '@oxc-project/types';
import {nameOfKey, unwrap} from './nodes.ts';

/** The value of a literal, or of an object or array of literals; undefined for all else. */
export function literalOf(expression: Node): unknown {
  const node = unwrap(expression);
  switch (node.type) {
    case 'Literal':
      return node.value;
    case 'TemplateLiteral':
      return node.expressions.length === 0 ? (node.quasis[0]?.value.cooked ?? undefined) : undefined;
    case 'UnaryExpression': {
      const value = literalOf(node.argument);
      return node.operator === '-' && typeof value === 'number' ? -value : undefined;
    }
    case 'ArrayExpression':
      return node.elements.map(each => (each === null ? undefined : literalOf(each)));
    case 'ObjectExpression': {
      const entries = node.properties.flatMap((each): [string, unknown][] => {
        const name = each.type === 'Property' ? nameOfKey(each.key, each.computed) : null;
        return each.type === 'Property' && name !== null ? [[name, literalOf(each.value)]] : [];
      });
      return Object.fromEntries(entries);
    }
  }
  return undefined;
}

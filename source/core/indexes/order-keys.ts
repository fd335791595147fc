import type {SortTerm} from './shape.ts';
import {type IndexKey, key} from './spec.ts';

/** The keys of an index whose rows come in this order. */
export function orderKeys(order: readonly SortTerm[]): IndexKey[] {
  return order.map(({expression, direction, nulls}) => {
    if (direction === 'DESC') return key(expression, nulls === 'FIRST' ? 'DESC' : 'DESC NULLS LAST');
    return key(expression, nulls === 'LAST' ? '' : 'ASC NULLS FIRST');
  });
}

/** The same order read from its other end. */
export const turned = {
  '': 'DESC',
  DESC: '',
  'DESC NULLS LAST': 'ASC NULLS FIRST',
  'ASC NULLS FIRST': 'DESC NULLS LAST',
} as const;

/** Whether rows read along `keys`, one way or the other, come in the order wanted. */
export function orderOf(keys: readonly IndexKey[], order: readonly SortTerm[]): boolean {
  const wanted = orderKeys(order);
  const agrees = (turn: (key: IndexKey) => IndexKey['order']) =>
    wanted.every((each, index) => {
      const present = keys[index];
      return present?.expression === each.expression && present.order === turn(each);
    });
  return wanted.length > 0 && (agrees(({order: own}) => own) || agrees(({order: own}) => turned[own]));
}

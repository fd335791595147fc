import type {IndexStmt, Node} from 'libpg-query';
import type {Index, Table} from '../../model/catalog.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import type {SortTerm} from './statement-shape.ts';
import {namesOf, writeExpression, writeOwnColumn} from './terms.ts';

/** An index in normalised form, so that existing and hypothetical ones can be compared. */
export type IndexSpec = {
  method: string;
  keys: IndexKey[];
  included: string[];
  /** As written, or as the server shows it: two texts may mean the same. */
  predicate: string | null;
  is_unique: boolean;
};

export type IndexKey = {
  expression: string;
  /** '' is ASC NULLS LAST. */
  order: '' | 'DESC' | 'DESC NULLS LAST' | 'ASC NULLS FIRST';
  /** '' is the type's default. */
  opclass: string;
};

export function btree(keys: IndexKey[], predicate: string | null = null): IndexSpec {
  return {method: 'btree', keys, included: [], predicate, is_unique: false};
}

export function key(expression: string, order: IndexKey['order'] = ''): IndexKey {
  return {expression, order, opclass: ''};
}

/** An index of the catalog; `statement` is its definition, parsed. */
export function specOf(index: Index, statement: Node | undefined): IndexSpec {
  const parsed = statement !== undefined && 'IndexStmt' in statement ? keysOf(statement.IndexStmt) : null;
  // The definition cannot be read while the table is locked; its columns are known.
  const keys = parsed ?? index.columns.map(name => key(name === null ? 'unknown' : quoteIdentifier(name)));
  const {method, included, predicate, is_unique} = index;
  return {method, keys, included, predicate, is_unique};
}

/** Keys of a CREATE INDEX. An expression that poolctl cannot normalise equals no other. */
export function keysOf({indexParams = []}: IndexStmt): IndexKey[] {
  return indexParams.map((node, position): IndexKey => {
    const element = 'IndexElem' in node ? node.IndexElem : {};
    const written = element.expr === undefined ? null : writeExpression(element.expr, writeOwnColumn);
    const expression =
      element.name === undefined ? (written ?? `expression ${position + 1}`) : quoteIdentifier(element.name);
    return {
      expression,
      order: keyOrder(element.ordering, element.nulls_ordering),
      opclass: namesOf(element.opclass).at(-1) ?? '',
    };
  });
}

function keyOrder(ordering: string | undefined, nulls: string | undefined): IndexKey['order'] {
  if (ordering === 'SORTBY_DESC') return nulls === 'SORTBY_NULLS_LAST' ? 'DESC NULLS LAST' : 'DESC';
  return nulls === 'SORTBY_NULLS_FIRST' ? 'ASC NULLS FIRST' : '';
}

/** Identifies an index by its definition. */
export function specId(table: Table, {method, keys, predicate, is_unique}: IndexSpec): string {
  return JSON.stringify([table.oid, method, keys, predicate, is_unique]);
}

/** The key list of CREATE INDEX. */
export function keysText(keys: readonly IndexKey[]): string {
  return keys
    .map(({expression, order, opclass}) => {
      // An expression other than a function call needs parentheses; extra ones are harmless.
      const isBare = /^"(?:[^"]|"")+"$/.test(expression);
      return [isBare ? expression : `(${expression})`, opclass, order].filter(Boolean).join(' ');
    })
    .join(', ');
}

/** CREATE INDEX; CONCURRENTLY if it has a name, else for HypoPG. */
export function definitionOf({schema, name: table}: Table, spec: IndexSpec, name: string | null): string {
  const called = name === null ? '' : ` CONCURRENTLY ${quoteIdentifier(name)}`;
  const on = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  const where = spec.predicate === null ? '' : ` WHERE ${spec.predicate}`;
  const unique = spec.is_unique ? ' UNIQUE' : '';
  return `CREATE${unique} INDEX${called} ON ${on} USING ${spec.method} (${keysText(spec.keys)})${where}`;
}

/** The index keys that return rows in this order. */
export function orderKeys(order: readonly SortTerm[]): IndexKey[] {
  return order.map(({expression, direction, nulls}) => {
    if (direction === 'DESC') return key(expression, nulls === 'FIRST' ? 'DESC' : 'DESC NULLS LAST');
    return key(expression, nulls === 'LAST' ? '' : 'ASC NULLS FIRST');
  });
}

/** The order of a backward index scan. */
export const backward = {
  '': 'DESC',
  DESC: '',
  'DESC NULLS LAST': 'ASC NULLS FIRST',
  'ASC NULLS FIRST': 'DESC NULLS LAST',
} as const;

/** Whether a forward or backward scan of `keys` returns rows in this order. */
export function comesInOrder(keys: readonly IndexKey[], order: readonly SortTerm[]): boolean {
  const wanted = orderKeys(order);
  const agrees = (turn: (key: IndexKey) => IndexKey['order']) =>
    wanted.every((each, index) => {
      const own = keys[index];
      return own?.expression === each.expression && own.order === turn(each);
    });
  return wanted.length > 0 && (agrees(({order: own}) => own) || agrees(({order: own}) => backward[own]));
}

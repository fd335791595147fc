import type {IndexStmt, Node} from 'libpg-query';
import type {Index, Table} from '../../model/catalog.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {nullTestsOf} from './index-catalog.ts';
import {namesOf, type SortTerm, writeExpression, writeOwnColumn} from './statement-shape.ts';

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
  const {method, included, is_unique} = index;
  const predicate =
    index.predicate === null ? null : (nullTestsOf(index.predicate)?.join(' AND ') ?? index.predicate);
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

/** An index that might help; its first `equal_count` keys are compared with =. */
export type Candidate = {id: string; table: Table; spec: IndexSpec; equal_count: number};

export function toCandidate(table: Table, spec: IndexSpec, equal_count: number): Candidate {
  return {id: specId(table, spec), table, spec, equal_count};
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

/** NAMEDATALEN - 1, in bytes. */
const longest = 63;
const ending = '_idx';

/** `table_column_idx`, as PostgreSQL and Prisma's `@@index` name an index; numbered if the name is taken. */
export function nameFor(
  {name}: Pick<Table, 'name'>,
  {keys}: IndexSpec,
  isTaken: (name: string) => boolean,
): string {
  const words = keys.map(({expression}) => wordOf(expression));
  const base = [name, ...words].join('_');
  for (let number = 0; ; number++) {
    const suffix = `${ending}${number === 0 ? '' : number}`;
    const candidate = `${cut(base, longest - suffix.length)}${suffix}`;
    if (!isTaken(candidate)) return candidate;
  }
}

/** A column's name, or the words of an expression. */
function wordOf(expression: string): string {
  if (/^"(?:[^"]|"")+"$/.test(expression)) return expression.slice(1, -1).replaceAll('""', '"');
  return (expression.match(/[\p{L}\p{N}_]+/gu) ?? ['expr']).join('_');
}

/** The longest prefix within `bytes` bytes of UTF-8. */
function cut(text: string, bytes: number): string {
  let taken = '';
  let size = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    size += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (size > bytes) break;
    taken += character;
  }
  return taken;
}

/** The index keys that return rows in this order. */
export function orderKeys(order: readonly SortTerm[]): IndexKey[] {
  return order.map(({expression, direction, nulls}) => {
    if (direction === 'DESC') return key(expression, nulls === 'FIRST' ? 'DESC' : 'DESC NULLS LAST');
    return key(expression, nulls === 'LAST' ? '' : 'ASC NULLS FIRST');
  });
}

/** The order of a backward index scan. */
const backward = {
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

/** An index of the catalog. */
export type ExistingIndex = {table_oid: string; name: string; is_valid: boolean; spec: IndexSpec};

/** The planner would not use an index on a smaller table. */
export const minimumRows = 1000;

/** CREATE INDEX CONCURRENTLY does not work on a partitioned table, and an index on one partition is of little use. */
export function isIndexable({kind, is_partition}: Table): boolean {
  return kind !== 'partitioned' && !is_partition;
}

/** An existing valid index that covers this candidate; null if there is none. */
export function findCovering(candidate: Candidate, existing: readonly ExistingIndex[]): ExistingIndex | null {
  const own = existing.filter(({table_oid}) => table_oid === candidate.table.oid);
  return (
    own.find(({spec, is_valid}) => is_valid && covers(spec, candidate.spec, candidate.equal_count)) ?? null
  );
}

/**
 * Whether `existing` serves all that `wanted` would: its first keys are those of `wanted`, of which the first
 * `equal_count`, compared with = only, may be in any order; the others have the same order, or all
 * the opposite one, because an index can be scanned backward. A unique index whose columns are all compared
 * with = returns one row at most, so it covers any index.
 */
export function covers(existing: IndexSpec, wanted: IndexSpec, equal_count: number): boolean {
  if (existing.method === 'hash' && existing.predicate === null && wanted.method === 'btree') {
    // A hash index finds equal values only.
    const [only] = wanted.keys;
    return wanted.keys.length === 1 && equal_count === 1 && only?.expression === existing.keys[0]?.expression;
  }
  if (existing.method !== wanted.method) return false;
  if (!isImplied(existing.predicate, wanted, equal_count)) return false;
  if (wanted.method === 'gin')
    return wanted.keys.every(each => existing.keys.some(key => searches(key, each)));
  const equal = wanted.keys.slice(0, equal_count);
  const isAmongEqual = (key: IndexKey) => equal.some(each => each.expression === key.expression);
  if (existing.is_unique && existing.predicate === null && existing.keys.every(isAmongEqual)) return true;
  if (existing.keys.length < wanted.keys.length) return false;
  if (!existing.keys.slice(0, equal_count).every(isAmongEqual)) return false;
  const wantedRest = wanted.keys.slice(equal_count);
  const existingRest = existing.keys.slice(equal_count, wanted.keys.length);
  const isSame = (turn: (key: IndexKey) => IndexKey['order']) =>
    existingRest.every((key, index) => {
      const other = wantedRest[index];
      return other !== undefined && sameKey(key, other) && key.order === turn(other);
    });
  return isSame(({order}) => order) || isSame(({order}) => backward[order]);
}

/** What is compared with = is not NULL. */
function isImplied(predicate: string | null, wanted: IndexSpec, equal_count: number): boolean {
  if (predicate === null || predicate === wanted.predicate) return true;
  const compared = wanted.keys.slice(0, equal_count).map(({expression}) => `${expression} IS NOT NULL`);
  return nullTestsOf(predicate)?.every(test => compared.includes(test)) ?? false;
}

/** Another operator class serves other operators. */
function sameKey(a: IndexKey, b: IndexKey): boolean {
  return a.expression === b.expression && a.opclass === b.opclass;
}

/** The default operator class serves all that jsonb_path_ops does. */
function searches(existing: IndexKey, wanted: IndexKey): boolean {
  return existing.expression === wanted.expression && ['', wanted.opclass].includes(existing.opclass);
}

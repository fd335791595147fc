import {describe, expect, it} from 'vitest';
import {candidatesFor} from '../../../source/core/indexes/candidates.ts';
import {covers, keysOf, keysText, nameFor, specOf} from '../../../source/core/indexes/index-spec.ts';
import {estimateSize} from '../../../source/core/indexes/statistics.ts';
import {columns, parser, shapeOf, table, tables} from './reading.ts';

const byName = (_: unknown, a: {expression: string}, b: {expression: string}) =>
  a.expression < b.expression ? -1 : 1;

/** The keys of each candidate, and its WHERE. */
function candidates(sql: string): string[] {
  return shapeOf(sql)
    .uses.flatMap(use => candidatesFor(use, byName))
    .map(({spec}) => {
      const where = spec.predicate === null ? '' : ` WHERE ${spec.predicate}`;
      return `${spec.method === 'btree' ? '' : `${spec.method} `}${keysText(spec.keys)}${where}`.replaceAll(
        '"',
        '',
      );
    });
}

describe('candidatesFor', () => {
  it.each([
    [
      'columns compared by =, then the range',
      'SELECT FROM orders WHERE status = $1 AND customer_id = $2 AND created_at > $3',
      'customer_id, status, created_at',
    ],
    [
      'columns compared by =, then the order',
      'SELECT FROM orders WHERE status = $1 ORDER BY created_at DESC LIMIT 5',
      'status, created_at DESC',
    ],
    [
      'the order alone',
      'SELECT FROM orders WHERE status <> $1 ORDER BY created_at, id DESC LIMIT 5',
      'created_at, id DESC',
    ],
    [
      'NULLS LAST',
      'SELECT FROM orders ORDER BY deleted_at DESC NULLS LAST LIMIT 5',
      'deleted_at DESC NULLS LAST',
    ],
    [
      'a join, then what is compared',
      'SELECT FROM customer c JOIN orders o ON o.customer_id = c.id WHERE o.status = $1',
      'customer_id, status',
    ],
    ['each arm of OR', 'SELECT FROM orders WHERE status = $1 OR customer_id = $2', 'customer_id'],
    [
      'rows that are not null',
      'SELECT FROM orders WHERE deleted_at IS NULL ORDER BY created_at LIMIT 5',
      'created_at WHERE deleted_at IS NULL',
    ],
    ['an expression', 'SELECT FROM customer WHERE lower(email) = $1', '(lower(email))'],
    ['jsonb', 'SELECT FROM orders WHERE data @> $1', 'gin data jsonb_path_ops'],
    ['jsonb by its keys', 'SELECT FROM orders WHERE data @> $1 AND data ? $2', 'gin data'],
    ['an array', 'SELECT FROM orders WHERE tags && $1', 'gin tags'],
    [
      'text search',
      "SELECT FROM orders WHERE to_tsvector('english', body) @@ to_tsquery($1)",
      "gin (to_tsvector('english', body))",
    ],
  ])('returns %s', (_, sql, expected) => {
    expect(candidates(sql)).toContain(expected);
  });

  it('returns indexes of each column once, and at most four columns', () => {
    const all = candidates(
      'SELECT FROM orders WHERE status = $1 AND id = $2 AND customer_id = $3 AND paid AND created_at > $4 ORDER BY status, created_at LIMIT 5',
    );
    for (const each of all) {
      const keys = each.split(', ').map(key => key.split(' ')[0]);
      expect(new Set(keys).size).toBe(keys.length);
      expect(keys.length).toBeLessThanOrEqual(4);
    }
  });

  it('returns none for conditions that no index serves', () => {
    expect(candidates('SELECT FROM orders WHERE status <> $1 AND body LIKE $2')).toEqual([]);
  });
});

/** `CREATE INDEX` of an index that is there or wanted. */
function spec(definition: string, is_unique = false) {
  const [statement] = parser.parse(definition).stmts ?? [];
  const node = statement?.stmt;
  if (node === undefined || !('IndexStmt' in node)) throw new Error(definition);
  const predicate = /WHERE (.*)$/.exec(definition)?.[1] ?? null;
  return {
    method: node.IndexStmt.accessMethod ?? 'btree',
    keys: keysOf(node.IndexStmt),
    included: [],
    predicate,
    is_unique,
  };
}

describe('covers', () => {
  it.each([
    ['the same', 'a, b', 'a, b', 0, true],
    ['a wider one', 'a, b, c', 'a, b', 0, true],
    ['a narrower one', 'a', 'a, b', 2, false],
    ['another order', 'b, a', 'a, b', 0, false],
    ['another order of the columns compared with =', 'b, a', 'a, b', 2, true],
    ['columns compared with = before the rest', 'b, a, c', 'a, b, c', 2, true],
    ['a column between', 'a, c, b', 'a, b', 2, false],
    ['the reversed order', 'a, b, c DESC', 'a, b DESC, c', 1, true],
    ['a half reversed order', 'a, b, c', 'a, b DESC, c', 1, false],
    ['an ordered key compared with =', 'a DESC', 'a', 1, true],
    ['an operator class for patterns', 'a text_pattern_ops', 'a', 0, false],
    ['the same expression', 'lower(a)', 'lower(a)', 1, true],
    ['another expression', 'upper(a)', 'lower(a)', 1, false],
    ['a partial one', 'a) WHERE (x > 0', 'a', 1, false],
  ])('decides for %s', (_, present, wanted, equal_count, expected) => {
    const [has, wants] = [spec(`CREATE INDEX ON t (${present})`), spec(`CREATE INDEX ON t (${wanted})`)];
    expect(covers(has, wants, equal_count)).toBe(expected);
  });

  it('accepts a unique index if all its columns are compared with =', () => {
    expect(covers(spec('CREATE INDEX ON t (b)', true), spec('CREATE INDEX ON t (a, b)'), 2)).toBe(true);
    expect(covers(spec('CREATE INDEX ON t (b)', true), spec('CREATE INDEX ON t (a, b)'), 1)).toBe(false);
  });

  it('accepts a GIN index whose operator class serves more operators, not fewer', () => {
    const [all, paths] = ['', 'jsonb_path_ops'].map(opclass =>
      spec(`CREATE INDEX ON t USING gin (a ${opclass})`),
    );
    if (all === undefined || paths === undefined) throw new Error('two specs');
    expect([covers(all, paths, 0), covers(paths, all, 0)]).toEqual([true, false]);
  });

  it('compares an index whose definition is locked by its columns', () => {
    const index = {columns: ['a', null], method: 'btree', included: [], predicate: null, is_unique: false};
    expect(covers(specOf(index as never, undefined), spec('CREATE INDEX ON t (a)'), 1)).toBe(true);
  });
});

describe('nameFor', () => {
  const orders = table('orders', 1);
  const named = (definition: string, taken: string[] = []) =>
    nameFor(orders, spec(definition), name => taken.includes(name));

  it.each([
    ['columns', 'CREATE INDEX ON t (a, "B c")', 'orders_a_B c_idx'],
    ['an expression', 'CREATE INDEX ON t (lower(email))', 'orders_lower_email_idx'],
  ])('names %s', (_, definition, expected) => {
    expect(named(definition)).toBe(expected);
  });

  it('returns a name that is unused and within the length limit', () => {
    expect(named('CREATE INDEX ON t (a)', ['orders_a_idx'])).toBe('orders_a_idx1');
    const long = named(`CREATE INDEX ON t ("${'ä'.repeat(31)}", "${'ö'.repeat(31)}")`);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(63);
    expect(long).toMatch(/ä_idx$/);
  });
});

describe('estimateSize', () => {
  const [, orders] = tables;
  const size = (keys: string) => {
    if (orders === undefined) throw new Error('orders');
    return estimateSize(orders, spec(`CREATE INDEX ON orders (${keys})`), columns);
  };

  it('grows with the columns and shrinks if rows share a value', () => {
    expect(size('id')).toBeGreaterThan(1_500_000);
    expect(size('id')).toBeLessThan(3_000_000);
    expect(size('id, created_at')).toBeGreaterThan(size('id'));
    expect(size('status')).toBeLessThan(size('id') / 2);
    expect(size('id) WHERE ("deleted_at" IS NULL')).toBeLessThanOrEqual(size('id'));
  });
});

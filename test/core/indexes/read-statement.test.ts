import {describe, expect, it} from 'vitest';
import {inWords} from './reading.ts';

describe('readStatement', () => {
  it.each([
    ['nothing', 'SELECT 1', []],
    ['a whole table', 'SELECT * FROM orders', ['orders: ']],
    [
      'equality, either way round',
      'SELECT * FROM orders WHERE status = $1 AND $2 = id',
      ['orders: status =, id ='],
    ],
    ['a range', 'SELECT * FROM orders WHERE created_at > $1', ['orders: created_at range']],
    ['a reversed range', 'SELECT * FROM orders WHERE $1 < created_at', ['orders: created_at range']],
    ['BETWEEN', 'SELECT * FROM orders WHERE created_at BETWEEN $1 AND $2', ['orders: created_at between']],
    ['an IN list', 'SELECT * FROM orders WHERE status IN ($1, $2)', ['orders: status in']],
    ['= ANY', 'SELECT * FROM orders WHERE status = ANY ($1)', ['orders: status in']],
    ['OR of one column', 'SELECT * FROM orders WHERE status = $1 OR status = $2', ['orders: status in']],
    ['OR of two', 'SELECT * FROM orders WHERE status = $1 OR id = $2', ['orders: any(status = | id =)']],
    ['OR with an operand without a column', 'SELECT * FROM orders WHERE status = $1 OR $2', ['orders: ']],
    ['IS NULL', 'SELECT * FROM orders WHERE deleted_at IS NULL', ['orders: deleted_at null']],
    ['a boolean', 'SELECT * FROM orders WHERE paid AND NOT orders.paid', ['orders: paid =, paid =']],
    [
      'a row comparison (keyset pagination)',
      'SELECT * FROM orders WHERE (created_at, id) < ($1, $2)',
      ['orders: created_at range'],
    ],
    ['<>, which no index answers', 'SELECT * FROM orders WHERE status <> $1', ['orders: ']],
    ['LIKE, whose pattern is not known', 'SELECT * FROM orders WHERE body LIKE $1', ['orders: ']],
    ['a column compared with its own table', 'SELECT * FROM orders WHERE id = customer_id', ['orders: ']],
    ['an expression', 'SELECT * FROM customer WHERE lower(email) = $1', ['customer: lower(email) =']],
    ['a path of jsonb', "SELECT * FROM orders WHERE data ->> 'k' = $1", ["orders: (data ->> 'k') ="]],
    ['an unknown path', 'SELECT * FROM orders WHERE data ->> $1 = $2', ['orders: ']],
    ['volatile and unknown functions', 'SELECT * FROM orders WHERE f(id) = $1', ['orders: ']],
    ['containment', 'SELECT * FROM orders WHERE data @> $1 AND tags && $2', ['orders: data @>, tags &&']],
    [
      'text search',
      "SELECT * FROM orders WHERE to_tsvector('english', body) @@ to_tsquery($1)",
      ["orders: to_tsvector('english', body) @@"],
    ],
    ['an operator without an operator class', 'SELECT * FROM orders WHERE id @> $1', ['orders: ']],
  ])('reads %s', (_, sql, uses) => {
    expect(inWords(sql)).toEqual(uses);
  });

  it.each([
    [
      'ON and aliases',
      'SELECT * FROM orders o JOIN customer c ON c.id = o.customer_id WHERE c.email = $1',
      ['orders: customer_id = customer', 'customer: id = orders, email ='],
    ],
    [
      'the WHERE',
      'SELECT * FROM orders, customer WHERE customer.id = customer_id',
      ['orders: customer_id = customer', 'customer: id = orders'],
    ],
    [
      'USING',
      'SELECT * FROM orders JOIN customer USING (id)',
      ['orders: id = customer', 'customer: id = orders'],
    ],
    [
      'an outer join',
      'SELECT * FROM customer c LEFT JOIN orders o ON o.customer_id = c.id AND c.country = 1',
      ['customer: ', 'orders: customer_id = customer'],
    ],
    [
      'IN a query',
      'SELECT * FROM orders WHERE customer_id IN (SELECT id FROM customer WHERE country = $1)',
      ['orders: customer_id = customer', 'customer: country =, id = orders'],
    ],
    [
      'EXISTS',
      'SELECT * FROM customer c WHERE EXISTS (SELECT FROM orders WHERE customer_id = c.id)',
      ['customer: id = orders', 'orders: customer_id = customer'],
    ],
    [
      'a table with itself',
      'SELECT * FROM orders a JOIN orders b ON a.id = b.customer_id',
      ['orders: id = orders', 'orders: customer_id = orders'],
    ],
    [
      'an expression of another table',
      'SELECT * FROM item, orders WHERE order_id = orders.id + 1',
      ['item: order_id = orders', 'orders: '],
    ],
  ])('reads a join by %s', (_, sql, uses) => {
    expect(inWords(sql)).toEqual(uses);
  });

  it.each([
    ['WITH', 'WITH w AS (SELECT * FROM orders) SELECT * FROM w WHERE status = $1', ['orders: status =']],
    [
      'a subquery that renames',
      'SELECT * FROM (SELECT status AS s FROM orders) x WHERE x.s = $1',
      ['orders: status ='],
    ],
    [
      'a LIMIT, which no condition passes',
      'SELECT * FROM (SELECT * FROM orders LIMIT 5) x WHERE status = $1',
      ['orders: '],
    ],
    [
      'GROUP BY, which conditions on its columns pass',
      'SELECT * FROM (SELECT status, count(*) AS n FROM orders GROUP BY status) x WHERE status = $1 AND n > 5',
      ['orders: status ='],
    ],
    [
      'UNION',
      'SELECT id FROM orders WHERE status = $1 UNION SELECT id FROM customer WHERE email = $2',
      ['orders: status =', 'customer: email ='],
    ],
    [
      'a name of WITH that is a table too',
      'WITH orders AS (SELECT 1 AS id) SELECT * FROM orders WHERE id = $1',
      [],
    ],
    [
      'a recursive one',
      'WITH RECURSIVE w AS (SELECT id FROM orders WHERE status = $1 UNION ALL SELECT o.id FROM w JOIN orders o ON o.customer_id = w.id) SELECT * FROM w',
      ['orders: status =', 'orders: customer_id ='],
    ],
  ])('reads through %s', (_, sql, uses) => {
    expect(inWords(sql)).toEqual(uses);
  });

  it.each([
    ['UPDATE', 'UPDATE orders SET status = $1 WHERE customer_id = $2', ['orders: customer_id =']],
    [
      'UPDATE ... FROM',
      'UPDATE orders SET status = $1 FROM customer c WHERE c.id = customer_id AND c.email = $2',
      ['orders: customer_id = customer', 'customer: id = orders, email ='],
    ],
    [
      'DELETE',
      'DELETE FROM orders o USING customer c WHERE c.id = o.customer_id',
      ['orders: customer_id = customer', 'customer: id = orders'],
    ],
    ['INSERT ... SELECT', 'INSERT INTO item SELECT id FROM orders WHERE status = $1', ['orders: status =']],
    [
      'MERGE',
      'MERGE INTO orders o USING customer c ON o.customer_id = c.id WHEN MATCHED THEN DELETE',
      ['orders: customer_id = customer', 'customer: id = orders'],
    ],
  ])('reads %s', (_, sql, uses) => {
    expect(inWords(sql)).toEqual(uses);
  });

  it.each([
    [
      'ORDER BY ... LIMIT',
      'SELECT * FROM orders ORDER BY created_at DESC LIMIT 5',
      'orders: ; order created_at DESC limited',
    ],
    ['its number', 'SELECT id, created_at FROM orders ORDER BY 2', 'orders: ; order created_at ASC'],
    [
      'its name in the output',
      'SELECT created_at AS t FROM orders ORDER BY t LIMIT 1',
      'orders: ; order created_at ASC limited',
    ],
    [
      'min and max',
      'SELECT max(created_at) FROM orders WHERE status = $1',
      'orders: status =; order created_at ASC limited',
    ],
    ['an aggregate, which needs no order', 'SELECT count(*) FROM orders ORDER BY 1', 'orders: '],
    [
      'groups, which are made of many rows',
      'SELECT status FROM orders GROUP BY status ORDER BY status',
      'orders: ',
    ],
    [
      'the first keys, where few rows are wanted',
      'SELECT * FROM orders ORDER BY created_at, f(id) LIMIT 5',
      'orders: ; order created_at ASC limited',
    ],
    ['the first keys, with a limit', 'SELECT * FROM orders ORDER BY created_at, f(id)', 'orders: '],
  ])('reads the order of %s', (_, sql, use) => {
    expect(inWords(sql)).toEqual([use]);
  });

  it('resolves a name by search path, by schema, or if it exists once', () => {
    expect(inWords('SELECT * FROM public.orders WHERE status = $1')).toEqual(['orders: status =']);
    expect(inWords('SELECT * FROM other.orders WHERE status = $1')).toEqual([]);
    expect(inWords('SELECT * FROM a_view WHERE status = $1')).toEqual([]);
  });
});

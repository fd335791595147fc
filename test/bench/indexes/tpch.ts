/** TPC-H's 22 queries with the values of its validation (clause 2.4), as PostgreSQL writes them. */
export const tpchQueries: readonly string[] = [
  `SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice), sum(l_extendedprice * (1 - l_discount)),
    avg(l_quantity), avg(l_discount), count(*)
  FROM lineitem WHERE l_shipdate <= date '1998-12-01' - interval '90 day'
  GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus`,
  `SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
  FROM part, supplier, partsupp, nation, region
  WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND p_size = 15 AND p_type LIKE '%BRASS'
    AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'EUROPE'
    AND ps_supplycost = (SELECT min(ps_supplycost) FROM partsupp, supplier, nation, region
      WHERE p_partkey = ps_partkey AND s_suppkey = ps_suppkey AND s_nationkey = n_nationkey
        AND n_regionkey = r_regionkey AND r_name = 'EUROPE')
  ORDER BY s_acctbal DESC, n_name, s_name, p_partkey LIMIT 100`,
  `SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS revenue, o_orderdate, o_shippriority
  FROM customer, orders, lineitem
  WHERE c_mktsegment = 'BUILDING' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
    AND o_orderdate < date '1995-03-15' AND l_shipdate > date '1995-03-15'
  GROUP BY l_orderkey, o_orderdate, o_shippriority ORDER BY revenue DESC, o_orderdate LIMIT 10`,
  `SELECT o_orderpriority, count(*) FROM orders
  WHERE o_orderdate >= date '1993-07-01' AND o_orderdate < date '1993-07-01' + interval '3 month'
    AND EXISTS (SELECT * FROM lineitem WHERE l_orderkey = o_orderkey AND l_commitdate < l_receiptdate)
  GROUP BY o_orderpriority ORDER BY o_orderpriority`,
  `SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS revenue
  FROM customer, orders, lineitem, supplier, nation, region
  WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_suppkey = s_suppkey AND c_nationkey = s_nationkey
    AND s_nationkey = n_nationkey AND n_regionkey = r_regionkey AND r_name = 'ASIA'
    AND o_orderdate >= date '1994-01-01' AND o_orderdate < date '1994-01-01' + interval '1 year'
  GROUP BY n_name ORDER BY revenue DESC`,
  `SELECT sum(l_extendedprice * l_discount) FROM lineitem
  WHERE l_shipdate >= date '1994-01-01' AND l_shipdate < date '1994-01-01' + interval '1 year'
    AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24`,
  `SELECT supp_nation, cust_nation, l_year, sum(volume) FROM (
    SELECT n1.n_name AS supp_nation, n2.n_name AS cust_nation, extract(year FROM l_shipdate) AS l_year,
      l_extendedprice * (1 - l_discount) AS volume
    FROM supplier, lineitem, orders, customer, nation n1, nation n2
    WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND c_custkey = o_custkey
      AND s_nationkey = n1.n_nationkey AND c_nationkey = n2.n_nationkey
      AND ((n1.n_name = 'FRANCE' AND n2.n_name = 'GERMANY') OR (n1.n_name = 'GERMANY' AND n2.n_name = 'FRANCE'))
      AND l_shipdate BETWEEN date '1995-01-01' AND date '1996-12-31') shipping
  GROUP BY supp_nation, cust_nation, l_year ORDER BY supp_nation, cust_nation, l_year`,
  `SELECT o_year, sum(CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END) / sum(volume) FROM (
    SELECT extract(year FROM o_orderdate) AS o_year, l_extendedprice * (1 - l_discount) AS volume, n2.n_name AS nation
    FROM part, supplier, lineitem, orders, customer, nation n1, nation n2, region
    WHERE p_partkey = l_partkey AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey AND o_custkey = c_custkey
      AND c_nationkey = n1.n_nationkey AND n1.n_regionkey = r_regionkey AND r_name = 'AMERICA'
      AND s_nationkey = n2.n_nationkey AND o_orderdate BETWEEN date '1995-01-01' AND date '1996-12-31'
      AND p_type = 'ECONOMY ANODIZED STEEL') all_nations
  GROUP BY o_year ORDER BY o_year`,
  `SELECT nation, o_year, sum(amount) FROM (
    SELECT n_name AS nation, extract(year FROM o_orderdate) AS o_year,
      l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS amount
    FROM part, supplier, lineitem, partsupp, orders, nation
    WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey AND p_partkey = l_partkey
      AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey AND p_name LIKE '%green%') profit
  GROUP BY nation, o_year ORDER BY nation, o_year DESC`,
  `SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS revenue, c_acctbal, n_name, c_address, c_phone
  FROM customer, orders, lineitem, nation
  WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND o_orderdate >= date '1993-10-01'
    AND o_orderdate < date '1993-10-01' + interval '3 month' AND l_returnflag = 'R' AND c_nationkey = n_nationkey
  GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address ORDER BY revenue DESC LIMIT 20`,
  `SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS value FROM partsupp, supplier, nation
  WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY'
  GROUP BY ps_partkey HAVING sum(ps_supplycost * ps_availqty) > (
    SELECT sum(ps_supplycost * ps_availqty) * 0.005 FROM partsupp, supplier, nation
    WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'GERMANY')
  ORDER BY value DESC`,
  `SELECT l_shipmode, sum(CASE WHEN o_orderpriority IN ('1-URGENT', '2-HIGH') THEN 1 ELSE 0 END) FROM orders, lineitem
  WHERE o_orderkey = l_orderkey AND l_shipmode IN ('MAIL', 'SHIP') AND l_commitdate < l_receiptdate
    AND l_shipdate < l_commitdate AND l_receiptdate >= date '1994-01-01'
    AND l_receiptdate < date '1994-01-01' + interval '1 year'
  GROUP BY l_shipmode ORDER BY l_shipmode`,
  `SELECT c_count, count(*) AS custdist FROM (
    SELECT c_custkey, count(o_orderkey) FROM customer LEFT JOIN orders
      ON c_custkey = o_custkey AND o_comment NOT LIKE '%special%requests%'
    GROUP BY c_custkey) AS c_orders (c_custkey, c_count)
  GROUP BY c_count ORDER BY custdist DESC, c_count DESC`,
  `SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount) ELSE 0 END)
    / sum(l_extendedprice * (1 - l_discount))
  FROM lineitem, part WHERE l_partkey = p_partkey AND l_shipdate >= date '1995-09-01'
    AND l_shipdate < date '1995-09-01' + interval '1 month'`,
  `WITH revenue AS (
    SELECT l_suppkey AS supplier_no, sum(l_extendedprice * (1 - l_discount)) AS total_revenue FROM lineitem
    WHERE l_shipdate >= date '1996-01-01' AND l_shipdate < date '1996-01-01' + interval '3 month' GROUP BY l_suppkey)
  SELECT s_suppkey, s_name, s_address, s_phone, total_revenue FROM supplier, revenue
  WHERE s_suppkey = supplier_no AND total_revenue = (SELECT max(total_revenue) FROM revenue) ORDER BY s_suppkey`,
  `SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS supplier_cnt FROM partsupp, part
  WHERE p_partkey = ps_partkey AND p_brand <> 'Brand#45' AND p_type NOT LIKE 'MEDIUM POLISHED%'
    AND p_size IN (49, 14, 23, 45, 19, 3, 36, 9)
    AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier WHERE s_comment LIKE '%Customer%Complaints%')
  GROUP BY p_brand, p_type, p_size ORDER BY supplier_cnt DESC, p_brand, p_type, p_size`,
  `SELECT sum(l_extendedprice) / 7.0 FROM lineitem, part
  WHERE p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container = 'MED BOX'
    AND l_quantity < (SELECT 0.2 * avg(l_quantity) FROM lineitem WHERE l_partkey = p_partkey)`,
  `SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) FROM customer, orders, lineitem
  WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 300)
    AND c_custkey = o_custkey AND o_orderkey = l_orderkey
  GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice ORDER BY o_totalprice DESC, o_orderdate LIMIT 100`,
  `SELECT sum(l_extendedprice * (1 - l_discount)) FROM lineitem, part
  WHERE p_partkey = l_partkey AND l_shipmode IN ('AIR', 'AIR REG') AND l_shipinstruct = 'DELIVER IN PERSON'
    AND ((p_brand = 'Brand#12' AND p_container IN ('SM CASE', 'SM BOX', 'SM PACK', 'SM PKG')
        AND l_quantity BETWEEN 1 AND 11 AND p_size BETWEEN 1 AND 5)
      OR (p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX', 'MED PKG', 'MED PACK')
        AND l_quantity BETWEEN 10 AND 20 AND p_size BETWEEN 1 AND 10)
      OR (p_brand = 'Brand#34' AND p_container IN ('LG CASE', 'LG BOX', 'LG PACK', 'LG PKG')
        AND l_quantity BETWEEN 20 AND 30 AND p_size BETWEEN 1 AND 15))`,
  `SELECT s_name, s_address FROM supplier, nation
  WHERE s_suppkey IN (SELECT ps_suppkey FROM partsupp
      WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE 'forest%')
        AND ps_availqty > (SELECT 0.5 * sum(l_quantity) FROM lineitem
          WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey AND l_shipdate >= date '1994-01-01'
            AND l_shipdate < date '1994-01-01' + interval '1 year'))
    AND s_nationkey = n_nationkey AND n_name = 'CANADA'
  ORDER BY s_name`,
  `SELECT s_name, count(*) AS numwait FROM supplier, lineitem l1, orders, nation
  WHERE s_suppkey = l1.l_suppkey AND o_orderkey = l1.l_orderkey AND o_orderstatus = 'F'
    AND l1.l_receiptdate > l1.l_commitdate
    AND EXISTS (SELECT * FROM lineitem l2 WHERE l2.l_orderkey = l1.l_orderkey AND l2.l_suppkey <> l1.l_suppkey)
    AND NOT EXISTS (SELECT * FROM lineitem l3 WHERE l3.l_orderkey = l1.l_orderkey AND l3.l_suppkey <> l1.l_suppkey
      AND l3.l_receiptdate > l3.l_commitdate)
    AND s_nationkey = n_nationkey AND n_name = 'SAUDI ARABIA'
  GROUP BY s_name ORDER BY numwait DESC, s_name LIMIT 100`,
  `SELECT cntrycode, count(*), sum(c_acctbal) FROM (
    SELECT substring(c_phone FROM 1 FOR 2) AS cntrycode, c_acctbal FROM customer
    WHERE substring(c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17')
      AND c_acctbal > (SELECT avg(c_acctbal) FROM customer WHERE c_acctbal > 0.00
        AND substring(c_phone FROM 1 FOR 2) IN ('13', '31', '23', '29', '30', '18', '17'))
      AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)) AS custsale
  GROUP BY cntrycode ORDER BY cntrycode`,
];

/**
 * TPC-H's eight tables at a fiftieth of its smallest size, their values spread as its specification says (clause
 * 4.2.3) as far as the queries can tell. Every value is a hash of its row's number: the same on every machine.
 */
const rowCounts = {supplier: 200, part: 4000, customer: 3000, orders: 30_000, lines: 4} as const;

export const tpchSchema = `
CREATE TABLE region (r_regionkey integer PRIMARY KEY, r_name text NOT NULL, r_comment text);
CREATE TABLE nation (n_nationkey integer PRIMARY KEY, n_name text NOT NULL,
  n_regionkey integer NOT NULL REFERENCES region, n_comment text);
CREATE TABLE supplier (s_suppkey integer PRIMARY KEY, s_name text NOT NULL, s_address text NOT NULL,
  s_nationkey integer NOT NULL REFERENCES nation, s_phone text NOT NULL, s_acctbal numeric NOT NULL, s_comment text NOT NULL);
CREATE TABLE part (p_partkey integer PRIMARY KEY, p_name text NOT NULL, p_mfgr text NOT NULL, p_brand text NOT NULL,
  p_type text NOT NULL, p_size integer NOT NULL, p_container text NOT NULL, p_retailprice numeric NOT NULL);
CREATE TABLE partsupp (ps_partkey integer NOT NULL REFERENCES part, ps_suppkey integer NOT NULL REFERENCES supplier,
  ps_availqty integer NOT NULL, ps_supplycost numeric NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey));
CREATE TABLE customer (c_custkey integer PRIMARY KEY, c_name text NOT NULL, c_address text NOT NULL,
  c_nationkey integer NOT NULL REFERENCES nation, c_phone text NOT NULL, c_acctbal numeric NOT NULL,
  c_mktsegment text NOT NULL, c_comment text NOT NULL);
CREATE TABLE orders (o_orderkey integer PRIMARY KEY, o_custkey integer NOT NULL REFERENCES customer,
  o_orderstatus text NOT NULL, o_totalprice numeric NOT NULL, o_orderdate date NOT NULL, o_orderpriority text NOT NULL,
  o_clerk text NOT NULL, o_shippriority integer NOT NULL, o_comment text NOT NULL);
CREATE TABLE lineitem (l_orderkey integer NOT NULL REFERENCES orders, l_partkey integer NOT NULL,
  l_suppkey integer NOT NULL, l_linenumber integer NOT NULL, l_quantity numeric NOT NULL,
  l_extendedprice numeric NOT NULL, l_discount numeric NOT NULL, l_tax numeric NOT NULL, l_returnflag text NOT NULL,
  l_linestatus text NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
  l_shipinstruct text NOT NULL, l_shipmode text NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber),
  FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp);`;

const nations = [
  ...[
    'ALGERIA',
    'ARGENTINA',
    'BRAZIL',
    'CANADA',
    'EGYPT',
    'ETHIOPIA',
    'FRANCE',
    'GERMANY',
    'INDIA',
    'INDONESIA',
  ],
  ...['IRAN', 'IRAQ', 'JAPAN', 'JORDAN', 'KENYA', 'MOROCCO', 'MOZAMBIQUE', 'PERU', 'CHINA', 'ROMANIA'],
  ...['SAUDI ARABIA', 'VIETNAM', 'RUSSIA', 'UNITED KINGDOM', 'UNITED STATES'],
];
const regionOf = [0, 1, 1, 1, 4, 0, 3, 3, 2, 2, 4, 4, 2, 4, 0, 0, 0, 1, 2, 3, 4, 2, 3, 3, 1];
const colours =
  'almond azure blue chocolate coral forest green ivory lemon maroon navy olive pink red sky tan white'.split(
    ' ',
  );

const {supplier, part, customer, orders, lines} = rowCounts;

export const tpchRows = [
  `INSERT INTO region VALUES (0, 'AFRICA'), (1, 'AMERICA'), (2, 'ASIA'), (3, 'EUROPE'), (4, 'MIDDLE EAST')`,
  `INSERT INTO nation VALUES ${nations.map((name, index) => `(${index}, '${name}', ${regionOf[index]})`).join(', ')}`,
  `INSERT INTO supplier SELECT i, 'Supplier#' || lpad(i::text, 9, '0'), 'Street ' || i, ${pick(1, 25)}, ${phone(2)},
      ${pick(3, 11_000)} - 999, CASE WHEN ${pick(4, 100)} = 0 THEN 'slow Customer has Complaints' ELSE 'quick and even' END
    FROM generate_series(1, ${supplier}) i`,
  `INSERT INTO part SELECT i, ${oneOf(1, colours)} || ' ' || ${oneOf(2, colours)}, 'Manufacturer#' || (1 + ${pick(3, 5)}),
      'Brand#' || (1 + ${pick(3, 5)}) || (1 + ${pick(4, 5)}),
      ${oneOf(5, ['STANDARD', 'SMALL', 'MEDIUM', 'LARGE', 'ECONOMY', 'PROMO'])} || ' ' ||
        ${oneOf(6, ['ANODIZED', 'BURNISHED', 'PLATED', 'POLISHED', 'BRUSHED'])} || ' ' ||
        ${oneOf(7, ['TIN', 'NICKEL', 'BRASS', 'STEEL', 'COPPER'])},
      1 + ${pick(8, 50)}, ${oneOf(9, ['SM', 'LG', 'MED', 'JUMBO', 'WRAP'])} || ' ' ||
        ${oneOf(10, ['CASE', 'BOX', 'BAG', 'JAR', 'PKG', 'PACK', 'CAN', 'DRUM'])}, 900 + i % 1000
    FROM generate_series(1, ${part}) i`,
  `INSERT INTO partsupp SELECT i, 1 + (i + s * ${supplier / 4}) % ${supplier}, 1 + pg_temp.pick(i * 4 + s, 1, 9999),
      1 + pg_temp.pick(i * 4 + s, 2, 1000)
    FROM generate_series(1, ${part}) i, generate_series(0, 3) s`,
  `INSERT INTO customer SELECT i, 'Customer#' || lpad(i::text, 9, '0'), 'Street ' || i, ${pick(1, 25)}, ${phone(2)},
      ${pick(3, 11_000)} - 999, ${oneOf(4, ['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'MACHINERY', 'HOUSEHOLD'])}, repeat('even ', 10)
    FROM generate_series(1, ${customer}) i`,
  `INSERT INTO orders SELECT i, (1 + ${pick(1, customer / 3)}) * 3 - 1, ${oneOf(2, ['O', 'F', 'P'])}, 1000 + ${pick(3, 400_000)},
      ${orderDate('i')}, ${oneOf(5, ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'])},
      'Clerk#' || ${pick(6, 1000)}, 0, CASE WHEN ${pick(7, 80)} = 0 THEN 'special handling requests' ELSE repeat('plain ', 8) END
    FROM generate_series(1, ${orders}) i`,
  `INSERT INTO lineitem SELECT i, p, 1 + (p + pg_temp.pick(n, 2, 4) * ${supplier / 4}) % ${supplier}, l, 1 + pg_temp.pick(n, 3, 50),
      (1 + pg_temp.pick(n, 3, 50)) * (900 + p % 1000), pg_temp.pick(n, 4, 11) / 100.0, pg_temp.pick(n, 5, 9) / 100.0,
      (ARRAY['R', 'A', 'N'])[1 + pg_temp.pick(n, 6, 3)], (ARRAY['O', 'F'])[1 + pg_temp.pick(n, 7, 2)],
      d + 1 + pg_temp.pick(n, 8, 121), d + 30 + pg_temp.pick(n, 9, 61), d + 2 + pg_temp.pick(n, 8, 121) + pg_temp.pick(n, 10, 30),
      (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[1 + pg_temp.pick(n, 11, 4)],
      (ARRAY['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[1 + pg_temp.pick(n, 12, 7)]
    FROM generate_series(1, ${orders}) i, generate_series(1, ${lines}) l,
      LATERAL (SELECT i * 10 + l AS n, 1 + pg_temp.pick(i * 10 + l, 1, ${part}) AS p, ${orderDate('i')} AS d) x
    ORDER BY i, l`,
];

function pick(salt: number, below: number): string {
  return `pg_temp.pick(i, ${salt}, ${below})`;
}

function oneOf(salt: number, values: readonly string[]): string {
  return `(ARRAY[${values.map(value => `'${value}'`).join(', ')}])[1 + ${pick(salt, values.length)}]`;
}

function phone(salt: number): string {
  return `(10 + ${pick(1, 25)}) || '-' || ${pick(salt, 1000)} || '-' || ${pick(salt + 40, 1000)}`;
}

/** From 1992-01-01 to 1998-08-02: seven years minus the longest delivery. */
function orderDate(row: string): string {
  return `(date '1992-01-01' + pg_temp.pick(${row}, 4, 2406))`;
}

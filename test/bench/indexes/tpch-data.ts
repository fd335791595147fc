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

/** 1992-01-01 to 1998-08-02, seven years less the longest delivery. */
function orderDate(row: string): string {
  return `(date '1992-01-01' + pg_temp.pick(${row}, 4, 2406))`;
}

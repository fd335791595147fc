/**
 * The spread of the held-out workloads' rows: a few tenants and people have most of them, and a table grows as its
 * application does. Made of hashes of a row's number `i`, so a row is the same on every machine but for its dates,
 * which count from the moment it is made: what expires must still do so.
 */

/** `below(i, salt, n)` evenly, `few(i, salt, n)` the first ones mostly, `grown(i, n, days)` row i of n's moment. */
export const skewFunctions = `
CREATE FUNCTION pg_temp.share(i bigint, salt integer) RETURNS double precision LANGUAGE sql IMMUTABLE
  AS 'SELECT (hashint8extended(i, salt) & 1048575) / 1048576.0::double precision';
CREATE FUNCTION pg_temp.below(i bigint, salt integer, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
  AS 'SELECT floor(n * pg_temp.share(i, salt))::integer';
CREATE FUNCTION pg_temp.few(i bigint, salt integer, n integer) RETURNS integer LANGUAGE sql IMMUTABLE
  AS 'SELECT floor(n * power(pg_temp.share(i, salt), 3))::integer';
CREATE FUNCTION pg_temp.grown(i bigint, n integer, days integer) RETURNS timestamptz LANGUAGE sql STABLE
  AS 'SELECT now() - make_interval(secs => days * 86400 * (1 - sqrt(i / n::double precision)))';`;

export function below(salt: number, count: number): string {
  return `pg_temp.below(i, ${salt}, ${count})`;
}

export function few(salt: number, count: number): string {
  return `pg_temp.few(i, ${salt}, ${count})`;
}

/** Each value with its percentage of the rows; the last one has the rest. */
export function shares(salt: number, of: Record<string, number>): string {
  const values = Object.entries(of).flatMap(([value, percent]) => Array(percent).fill(`'${value}'`));
  return `(ARRAY[${values.join(', ')}])[1 + ${below(salt, values.length)}]`;
}

import type {SequenceUse} from '../../model/server-facts.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';

/**
 * The sequences of the connected database that have used up more than half of what they, their column or a column that
 * refers to it can hold, the fullest first. Those that this role may not read are left out. Throws the server's errors.
 */
export async function readSequences({client, server_version_num}: Connection): Promise<SequenceUse[]> {
  const text = (query: typeof sequencesQuery) => pickVariant(query, server_version_num).text;
  const {rows} = await client.query<{oids: number[] | null}>({text: text(sequenceOidsQuery)});
  const oids = rows[0]?.oids ?? [];
  const found: SequenceUse[] = [];
  for (let from = 0; from < oids.length; from += batch) {
    // One after the other: a refresh on the same connection does not wait for all of them.
    const values = [oids.slice(from, from + batch)];
    found.push(...(await client.query<SequenceUse>({text: text(sequencesQuery), values})).rows);
  }
  return found.sort((a, b) => b.used_ratio - a.used_ratio);
}

/**
 * Reading a sequence locks it until the transaction ends (lock_and_open_sequence in sequence.c): thousands in one statement
 * would use up the server's lock table, which holds 6,400 by default.
 */
const batch = 500;

/** Temporary ones belong to other sessions; of an unlogged one a standby has no data. */
export const sequenceOidsQuery = serverQuery(
  'poolctl_sequence_oids',
  `
SELECT /* poolctl */ array_agg(s.seqrelid ORDER BY s.seqrelid) AS oids
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
WHERE c.relpersistence = 'p' OR c.relpersistence = 'u' AND NOT pg_is_in_recovery()`,
);

/** The limits of a type in the direction of a sequence. A domain has those of its base type. */
const typeLimits = `(VALUES ('int2'::regtype, -32768, 32767), ('int4'::regtype, -2147483648, 2147483647),
  ('int8'::regtype, -9223372036854775808, 9223372036854775807)) m (type, least, most)`;

const baseType = (column: string) =>
  `(SELECT coalesce(nullif(t.typbasetype, 0), t.oid) FROM pg_type t WHERE t.oid = ${column}.atttypid)`;

/**
 * - `k`: the column that a sequence feeds, which owns it (SERIAL, identity) or has it as its default; of several the
 *   narrowest.
 * - `f`: columns narrower than bigint that refer to it by a foreign key.
 * - `s`: those beyond half of the smallest limit that there is, smallint's. Only of these few the column is looked up, which
 *   costs thirty times as much as the value.
 * - `bound`: the least of the limits in the direction of its increment.
 * - pg_sequence_last_value() raises an error without the privilege before PostgreSQL 17; NULL is a sequence never used.
 * - Rows and size are those of the last vacuum or analyze: to measure a table would wait for its lock.
 */
export const sequencesQuery = serverQuery(
  'poolctl_sequences',
  `
WITH /* poolctl */ q AS MATERIALIZED (
  SELECT q.* FROM pg_sequence q
  WHERE q.seqrelid = ANY ($1::oid[]) AND has_sequence_privilege(q.seqrelid, 'SELECT, USAGE')),
v AS MATERIALIZED (SELECT q.*, pg_sequence_last_value(q.seqrelid) AS last_value FROM q),
s AS MATERIALIZED (
  SELECT v.* FROM v
  WHERE CASE WHEN v.seqincrement > 0
    THEN 2 * (v.last_value::numeric - v.seqmin) > least(v.seqmax, 32767::numeric) - v.seqmin
    ELSE 2 * (v.seqmax - v.last_value::numeric) > v.seqmax - greatest(v.seqmin, -32768::numeric) END),
k AS MATERIALIZED (
  SELECT DISTINCT ON (s.seqrelid) s.seqrelid, x.relid, x.attnum, a.attname, a.atttypid, m.least, m.most
  FROM s
  JOIN LATERAL (
    SELECT d.refobjid AS relid, d.refobjsubid AS attnum
    FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.refclassid = 'pg_class'::regclass
      AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    UNION
    SELECT e.adrelid, e.adnum
    FROM pg_depend d
    JOIN pg_attrdef e ON e.oid = d.objid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = s.seqrelid AND d.classid = 'pg_attrdef'::regclass
      AND d.deptype = 'n') x ON true
  JOIN pg_attribute a ON a.attrelid = x.relid AND a.attnum = x.attnum
  LEFT JOIN ${typeLimits} ON m.type = ${baseType('a')}
  ORDER BY s.seqrelid, m.most NULLS LAST, x.relid),
f AS MATERIALIZED (
  SELECT k.seqrelid, o.conrelid, a.attname, a.atttypid, m.least, m.most
  FROM (SELECT c.conrelid, c.confrelid, unnest(c.conkey) AS conkey, unnest(c.confkey) AS confkey
    FROM pg_constraint c WHERE c.contype = 'f' AND c.conparentid = 0) o
  JOIN k ON k.relid = o.confrelid AND k.attnum = o.confkey
  JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = o.conkey
  JOIN ${typeLimits} ON m.type = ${baseType('a')} AND m.most <= 2147483647),
b AS MATERIALIZED (
  SELECT s.*, CASE WHEN s.seqincrement > 0
    THEN least(s.seqmax, k.most, (SELECT min(f.most) FROM f WHERE f.seqrelid = s.seqrelid))
    ELSE greatest(s.seqmin, k.least, (SELECT max(f.least) FROM f WHERE f.seqrelid = s.seqrelid)) END AS bound
  FROM s
  LEFT JOIN k ON k.seqrelid = s.seqrelid),
u AS (
  SELECT b.*, least(1, CASE WHEN b.seqincrement > 0
    THEN (b.last_value::numeric - b.seqmin) / greatest(b.bound::numeric - b.seqmin, 1)
    ELSE (b.seqmax - b.last_value::numeric) / greatest(b.seqmax - b.bound::numeric, 1) END)::float8 AS used_ratio
  FROM b)
SELECT n.nspname::text AS schema, c.relname::text AS name, u.last_value::text, u.seqincrement::text AS increment,
  CASE WHEN u.seqincrement > 0 THEN u.seqmax ELSE u.seqmin END::text AS max_value, u.seqcycle AS is_cycled,
  CASE WHEN k.relid IS NOT NULL THEN json_build_object('oid', t.oid::text, 'schema', tn.nspname, 'name', t.relname,
    'column', k.attname, 'type', format_type(k.atttypid, NULL), 'rows', greatest(t.reltuples, 0)::int8,
    'size_bytes', t.relpages::int8 * current_setting('block_size')::int8) END AS table,
  CASE WHEN u.seqincrement > 0 THEN k.most ELSE k.least END::text AS column_max,
  coalesce((SELECT json_agg(json_build_object('schema', fn.nspname, 'table', ft.relname, 'column', f.attname,
      'type', format_type(f.atttypid, NULL),
      'column_max', (CASE WHEN u.seqincrement > 0 THEN f.most ELSE f.least END)::text) ORDER BY fn.nspname, ft.relname, f.attname)
    FROM f
    JOIN pg_class ft ON ft.oid = f.conrelid
    JOIN pg_namespace fn ON fn.oid = ft.relnamespace
    WHERE f.seqrelid = u.seqrelid), '[]') AS referring,
  u.used_ratio
FROM u
JOIN pg_class c ON c.oid = u.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN k ON k.seqrelid = u.seqrelid
LEFT JOIN pg_class t ON t.oid = k.relid
LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE u.used_ratio > 0.5`,
);

import {holdsAdvisoryLock} from '../server/advisory-locks.ts';
import type {Cleanup, Verification} from '../step.ts';
import {shapeOf} from './index-definition.ts';

/** Where an index stands: in its table's schema. */
export type IndexPlace = {schema: string; name: string; table: string; table_oid: string};

/**
 * One key for all that poolctl builds and drops: two builds at once wait for each other's snapshots. Tried, never
 * waited for: a session that waits for an advisory lock holds a snapshot, for which a concurrent build waits in turn
 * (prisma/prisma#12999 is that deadlock). The session that acts holds it, until it ends. 'poolctl' in ASCII.
 */
const advisoryKey = 31_647_721_742_103_660n;
const advisoryLock = `pg_catalog.pg_try_advisory_lock(${advisoryKey})`;

/** A condition: session `pid` holds that lock. */
export function isAtIndexes(pid: number): string {
  return holdsAdvisoryLock(String(pid), advisoryKey);
}

/** Nothing bears the index's name yet, and nobody else is building through poolctl. */
export function freeNameGuard({table_oid, table, name}: IndexPlace): Verification {
  return guardOf(
    `SELECT CASE
  WHEN t.oid IS NULL THEN 'the table is not the one of the preview any more'
  WHEN EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = t.relnamespace AND c.relname = $3)
    THEN 'something bears that name already'
  WHEN NOT ${advisoryLock} THEN 'another poolctl is building or dropping an index here'
  ELSE 'ready' END AS guard
FROM (VALUES (1)) AS one
LEFT JOIN pg_catalog.pg_class t ON t.oid = $1::oid AND t.relname = $2 AND t.relkind IN ('r', 'm')`,
    [table_oid, table, name],
  );
}

export type SameIndex = {
  oid?: string;
  definition?: string;
  /** Scans since the counters began beyond which it counts as used. */
  max_scans?: number;
  mustBeInvalid?: boolean;
};

/** The index is still the one that was meant: nothing rests on it, nobody builds it, nobody came to use it. */
export function sameIndexGuard({table_oid, name}: IndexPlace, same: SameIndex): Verification {
  const {oid = null, definition = null, max_scans = null, mustBeInvalid = false} = same;
  return guardOf(
    `SELECT CASE
  WHEN i.indexrelid IS NULL THEN 'the index is not the one of the preview any more'
  WHEN i.indisprimary OR i.indisexclusion OR i.indisreplident
    OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid)
    OR EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid)
    THEN 'something rests on it now'
  WHEN $6::boolean AND i.indisvalid THEN 'it is valid now'
  WHEN s.idx_scan > $5::int8 THEN 'it is used now'
  WHEN ${isBeingBuilt('i.indexrelid', 'i.indrelid')} THEN 'it is being built'
  WHEN NOT ${advisoryLock} THEN 'another poolctl is building or dropping an index here'
  ELSE 'ready' END AS guard
FROM (VALUES (1)) AS one
LEFT JOIN (pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid)
  ON i.indrelid = $1::oid AND c.relname = $2 AND c.oid = coalesce($3::oid, c.oid)
  AND pg_catalog.pg_get_indexdef(c.oid) = coalesce($4, pg_catalog.pg_get_indexdef(c.oid))
LEFT JOIN pg_catalog.pg_stat_all_indexes s ON s.indexrelid = i.indexrelid`,
    [table_oid, name, oid, definition, max_scans, mustBeInvalid],
  );
}

/** It is there, valid, and of the shape or definition that is known. */
export function presentVerification(
  index: IndexPlace & {definition?: string; shape?: string | null},
): Verification {
  const {table_oid, name, shape = shapeOf(index.definition ?? '')} = index;
  return {
    query: {
      text: `SELECT i.indisvalid AS is_valid
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::oid AND c.relname = $2
AND coalesce(${shapeInSql} = $3, true)`,
      values: [table_oid, name, shape],
    },
    expect: {column: 'is_valid', op: '=', value: true},
  };
}

export function goneVerification({table_oid, name}: IndexPlace): Verification {
  return {
    query: {
      text: 'SELECT count(*)::int4 AS remaining FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = $1::oid AND c.relname = $2',
      values: [table_oid, name],
    },
    expect: {column: 'remaining', op: '=', value: 0},
  };
}

/**
 * Sweeps away an index that did not become valid, where nobody builds it. It does not wait for long: what held
 * the build up holds this up too, and repair-invalid-indexes can come later.
 */
export function leftoverCleanup({table_oid, name}: IndexPlace, dropText: string): Cleanup {
  return {
    guard: {
      query: {
        text: `SELECT count(*)::int4 AS leftovers
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::oid AND c.relname = $2 AND NOT i.indisvalid
AND NOT ${isBeingBuilt('i.indexrelid', 'i.indrelid')}`,
        values: [table_oid, name],
      },
      expect: {column: 'leftovers', op: '=', value: 1},
    },
    apply: {text: dropText, values: []},
    settings: {lock_timeout: '5s'},
  };
}

/** As `shapeOf` has it. */
const shapeInSql =
  "replace(substr(pg_catalog.pg_get_indexdef(c.oid), strpos(pg_catalog.pg_get_indexdef(c.oid), ' USING ') + 7), '\"', '')";

/** Without the right to see it, a build in this database has no relation: it may be this one. */
function isBeingBuilt(index: string, table: string): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p
    WHERE p.datid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
    AND (p.relid IS NULL OR p.index_relid = ${index} OR p.relid = ${table} AND p.index_relid = 0))`;
}

function guardOf(text: string, values: Verification['query']['values']): Verification {
  return {query: {text, values}, expect: {column: 'guard', op: '=', value: 'ready'}};
}

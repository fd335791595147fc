import type {Act} from '../../../model/recipe.ts';
import type {UncoveredForeignKey} from '../../../model/server-facts.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {btree, key as indexKey, nameFor} from '../../indexes/index-spec.ts';
import {writeText} from '../../recipe/parameters.ts';
import {isActive, isIdleInTransaction} from '../../sessions/session.ts';
import {quoteIdentifier, unquoteIdentifier} from '../../sql/quote.ts';
import {redactLiterals} from '../../sql/shown-sql.ts';
import {statementName} from '../../sql/statement-name.ts';
import {formatAge, formatCount} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {type Explain, releaseAct, waitForIt} from './waiting-finding.ts';

/** A purge between two of its deletions is idle for a moment. */
const pause_ms = 2000;

/**
 * A DELETE on a table that a foreign key without an index refers to, or an UPDATE of its key: the server scans the referring
 * table for each such row (RI_FKey_noaction_del, RI_FKey_noaction_upd and their siblings in ri_triggers.c). Locks pile up
 * behind it, but ending it helps only until the next.
 */
export const explainForeignKey: Explain = (jam, context) => {
  for (const {backend, waiting} of jam.roots) {
    const key = backend === null ? undefined : keyScannedBy(backend, context);
    if (backend === null || key === undefined || waiting * 2 < jam.waits.length) continue;
    const release = releaseAct(backend, jam, context);
    return {
      ...describeKey(key, backend),
      summary: `${sentenceOf(key, backend)}; ${waitForIt(jam)}`,
      acts: [indexAct(key), {...release, costs: `${release.costs} The next one takes as long.`}],
    };
  }
  return null;
};

/** What both harms, waiting and slow, say of a key. */
export function describeKey(key: UncoveredForeignKey, backend: Backend) {
  const {schema, table, columns, references_schema, references_table, deleted_with, name, rows} = key;
  const parents =
    deleted_with.length === 0
      ? ''
      : ` Rows of ${deleted_with.join(', ')} delete its rows with them (ON DELETE CASCADE).`;
  return {
    cause: 'foreign-key',
    subject: `relation:${schema}.${table}/key:${name}`,
    confidence: 'likely' as const,
    reasons: [
      `Foreign key ${name} of ${schema}.${table} (${columns.join(', ')}) refers to ${references_schema}.${references_table}, and no index begins with its columns.${parents}`,
      `The scans are part of the statement: EXPLAIN shows no plan for them, and pg_stat_activity shows only ${statementName(backend.query)}.`,
    ],
    explains: [
      `relation:${schema}.${table}`,
      `relation:${schema}.${table}/key:${name}`,
      'indexes:missing',
      // The one that apply-indexes builds for it.
      `index:${schema}.${nameFor({name: table}, btree(columns.map(name => indexKey(quoteIdentifier(name)))), () => false)}`,
      ...(backend.query_id === null ? [] : [`statement:${backend.query_id}`]),
      poolSubject(backend),
    ],
    evidence: {foreign_key: name, table: `${schema}.${table}`, columns: columns.join(', '), rows},
  };
}

/** `DELETE FROM accounts (purge/ops, 40s) scans activities (650k rows) for each deleted contacts row: no index on (contact_id)`. */
export function sentenceOf(key: UncoveredForeignKey, backend: Backend): string {
  const {table, columns, references_table, rows} = key;
  const age = formatAge(isActive(backend) ? backend.query_age_ms : backend.xact_age_ms);
  return `${statementName(backend.query)} (${poolName(backend)}, ${age}) scans ${table} (${formatCount(rows)} rows) for each ${isUpdate(backend.query) ? 'changed key' : 'deleted row'} of ${references_table}: no index on (${columns.join(', ')})`;
}

export function indexAct({schema, table, columns}: UncoveredForeignKey): Act {
  return {
    recipe: 'apply-indexes',
    params: {table: writeText(`${schema}.${table}`)},
    title: `build an index on ${schema}.${table} (${columns.join(', ')})`,
    frees: null,
    costs:
      'Built concurrently: reads and writes of the table go on, and it waits for transactions that are open now. Then each row that is deleted, or whose key changes, is looked up.',
  };
}

/** The largest of the uncovered keys that a session's statement scans; undefined if it changes no such key, or only began. */
export function keyScannedBy(backend: Backend, {facts}: Context): UncoveredForeignKey | undefined {
  const isAtWork =
    isActive(backend) || (isIdleInTransaction(backend) && (backend.state_age_ms ?? 0) < pause_ms);
  if (!isAtWork) return undefined;
  return keyOfStatement(backend.query, facts.foreign_keys ?? []);
}

function keyOfStatement(
  sql: string | null,
  keys: readonly UncoveredForeignKey[],
): UncoveredForeignKey | undefined {
  if (keys.length === 0) return undefined;
  const [, verb, table] = /^(DELETE FROM|UPDATE) (.+)$/.exec(statementName(sql)) ?? [];
  if (table === undefined) return undefined;
  const isTable = (name: string) => name === table || name.slice(name.indexOf('.') + 1) === table;
  // The facts list the largest first.
  return keys.find(({references_schema, references_table, references_columns = [], deleted_with}) => {
    const parent = `${references_schema}.${references_table}`;
    return verb === 'UPDATE'
      ? isTable(parent) && setsOneOf(references_columns, sql ?? '')
      : [parent, ...deleted_with].some(isTable);
  });
}

function isUpdate(sql: string | null): boolean {
  return statementName(sql).startsWith('UPDATE ');
}

/** Whether an UPDATE sets one of the columns: `SET name = $1, "id" = $2`, `SET (id, name) = ...`. */
function setsOneOf(columns: readonly string[], sql: string): boolean {
  const list = /\bset\s+(.*?)(?:\bwhere\b|$)/is.exec(redactLiterals(sql))?.[1] ?? '';
  const [, row] = /^\(([^)]*)\)\s*=/.exec(list) ?? [];
  const targets = row === undefined ? [...list.matchAll(/(?:^|,)\s*("(?:[^"]|"")+"|[\w$]+)\s*=/g)] : [];
  const names = row === undefined ? targets.map(([, name = '']) => name) : row.split(',');
  return names.some(name => columns.includes(unquoteIdentifier(name.trim())));
}

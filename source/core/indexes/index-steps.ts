import type {IndexAttributes} from '../../model/catalog.ts';
import type {Measure, Sql, SqlStep, Undo} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {concurrently, isUnique, shapeOf} from './index-definition.ts';
import {
  type Created,
  freeNameGuard,
  goneVerification,
  type IndexIdentity,
  type IndexPlace,
  identityPins,
  isAtIndexes,
  leftoverCleanup,
  pinned,
  presentVerification,
  restoreAttributes,
  sameIndexGuard,
  tablespaceSetting,
} from './index-guards.ts';

/** How long a step may wait for others' transactions, and of which server. */
export type Patience = {lock_timeout_ms: number; server_version_num: number};

/** What is to be built: `definition` is CREATE INDEX CONCURRENTLY or what pg_get_indexdef says. */
export type NewIndex = IndexPlace & {
  definition: string;
  /** What the server will call its columns, where that is known: see `shapeOf`. */
  shape: string | null;
  /** Of the index that was there before it. */
  attributes?: IndexAttributes;
  measures?: Measure[];
};

/** An index that is there. */
export type KnownIndex = IndexPlace & {oid: string; definition: string; attributes: IndexAttributes};

/**
 * Builds one index while everybody goes on writing. An index that fails half-way costs writes and serves nobody,
 * so what is left of it is dropped, unless somebody is building it.
 */
export function buildStep(index: NewIndex, patience: Patience): SqlStep {
  return {
    kind: 'sql',
    title: `build index ${index.name} on ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    ...building(index, patience),
    undo: dropping(index, pinned),
    ...(index.measures !== undefined && index.measures.length > 0 && {measures: index.measures}),
    ...unlimited,
  };
}

/** Why an index may go: nobody used it (`max_scans` since the counters began), or it never became valid. */
export type DropReason = {kind: 'unused'; max_scans: number} | {kind: 'invalid'};

/** Drops one index while everybody goes on; its undo builds it again as it was, which can be undone in turn. */
export function dropStep(index: KnownIndex, reason: DropReason, patience: Patience): SqlStep {
  const {oid, definition} = index;
  const when = reason.kind === 'unused' ? {max_scans: reason.max_scans} : {mustBeInvalid: true};
  const again = {...index, shape: shapeOf(definition)};
  return {
    kind: 'sql',
    title: `drop ${reason.kind} index ${index.name} of ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    guard: sameIndexGuard(index, {oid, definition}, when),
    settings: settingsOf(patience),
    apply: sql(dropText(index)),
    verify: goneVerification(index, oid),
    undo: {...building(again, patience), undo: dropping(again, pinned)},
    progress: 'drop_index',
    ...unlimited,
  };
}

/** A build that another session goes on with: one whose terminal was lost, or somebody else's. */
export type GoingBuild = IndexPlace & {oid: string; definition: string; pid: number};

/** Waits for a build that goes on without us and vouches for what comes of it. */
export function adoptStep(index: GoingBuild, patience: Patience): SqlStep {
  const {oid, definition} = index;
  const again = {...index, shape: shapeOf(definition)};
  return {
    kind: 'sql',
    title: `wait for session ${index.pid} to build index ${index.name} on ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    apply: sql(waitText(index)),
    verify: presentVerification(index, createdOf(again)),
    undo: {
      ...dropping(again, {oid, definition}),
      undo: {...building(again, patience), undo: dropping(again, pinned)},
    },
    cleanup: leftoverCleanup(index, dropText(index)),
    progress: 'create_index',
    progress_pid: index.pid,
    ...unlimited,
  };
}

/** What builds an index, restores what it had beside its definition, and pins what came of it. */
function building(index: NewIndex, patience: Patience) {
  const {definition, attributes} = index;
  const afterwards = attributes === undefined ? [] : restoreAttributes(index, attributes);
  return {
    guard: freeNameGuard(index),
    settings: {...settingsOf(patience), ...(attributes !== undefined && tablespaceSetting(attributes))},
    apply: sql(concurrently(definition)),
    ...(afterwards.length > 0 && {afterwards}),
    pins: identityPins(index),
    verify: presentVerification(index, createdOf(index), attributes),
    cleanup: leftoverCleanup(index, dropText(index)),
    progress: 'create_index' as const,
  };
}

function dropping(index: NewIndex, identity: IndexIdentity): Undo {
  return {
    guard: sameIndexGuard(index, identity, {}, createdOf(index)),
    apply: sql(dropText(index)),
    verify: goneVerification(index, identity.oid),
    progress: 'drop_index',
  };
}

function createdOf({definition, shape}: NewIndex): Created {
  return {shape, is_unique: isUnique(definition)};
}

// A build may take hours; what bounds it is lock_timeout, and a person.
const unlimited = {lock: 'share', transaction: false, timeout_ms: 0} as const;

/**
 * lock_timeout covers the waits for other transactions too, not only the one for the table's lock. A role's own
 * transaction_timeout (17 and later) would end a build that goes well.
 */
function settingsOf({lock_timeout_ms, server_version_num}: Patience): Record<string, string> {
  return {
    lock_timeout: `${lock_timeout_ms}ms`,
    ...(server_version_num >= 170_000 && {transaction_timeout: '0'}),
  };
}

function dropText({schema, name}: Pick<IndexPlace, 'schema' | 'name'>): string {
  return `DROP INDEX CONCURRENTLY ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/**
 * A COMMIT after each look: a snapshot held for long is one that the build itself would wait for, and inside one
 * transaction the statistics views stand still. A poolctl that was killed leaves a session that notices so only when
 * its build is done, and holds up our own next build until it has gone.
 */
function waitText({pid, oid}: Pick<GoingBuild, 'pid' | 'oid'>): string {
  return `DO $poolctl$
BEGIN
  WHILE EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index WHERE pid = ${pid} AND index_relid = ${Number(oid)})
    OR ${isAtIndexes(pid)} LOOP
    COMMIT;
    PERFORM pg_catalog.pg_sleep(0.2);
  END LOOP;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = ${Number(oid)} AND indisvalid) THEN
    RAISE EXCEPTION 'the build ended without a valid index';
  END IF;
END
$poolctl$`;
}

function sql(text: string): Sql {
  return {text, values: []};
}

import {quoteIdentifier} from '../quote.ts';
import type {Measure, Sql, SqlStep} from '../step.ts';
import {concurrently} from './index-definition.ts';
import {
  freeNameGuard,
  goneVerification,
  type IndexPlace,
  isAtIndexes,
  leftoverCleanup,
  presentVerification,
  sameIndexGuard,
} from './index-guards.ts';

/** How long a step may wait for others' transactions, and of which server. */
export type Patience = {lock_timeout_ms: number; server_version_num: number};

/** What is to be built: `definition` is CREATE INDEX CONCURRENTLY or what pg_get_indexdef says. */
export type NewIndex = IndexPlace & {
  definition: string;
  /** What the server will call its columns, where that is known: see `shapeOf`. */
  shape: string | null;
  measures?: Measure[];
};

/** An index that is there. */
export type KnownIndex = IndexPlace & {oid: string; definition: string};

/**
 * Builds one index while everybody goes on writing. An index that fails half-way costs writes and serves nobody,
 * so what is left of it is dropped, unless somebody is building it.
 */
export function buildStep(index: NewIndex, patience: Patience): SqlStep {
  return {
    kind: 'sql',
    title: `build index ${index.name} on ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    guard: freeNameGuard(index),
    settings: settingsOf(patience),
    apply: sql(concurrently(index.definition)),
    verify: presentVerification(index),
    undo: {
      guard: sameIndexGuard(index, {}),
      apply: sql(dropText(index)),
      verify: goneVerification(index),
      progress: 'drop_index',
    },
    cleanup: leftoverCleanup(index, dropText(index)),
    progress: 'create_index',
    ...(index.measures !== undefined && index.measures.length > 0 && {measures: index.measures}),
    ...unlimited,
  };
}

/** Why an index may go: nobody used it (`max_scans` since the counters began), or it never became valid. */
export type DropReason = {kind: 'unused'; max_scans: number} | {kind: 'invalid'};

/** Drops one index while everybody goes on; its undo builds it again as it was. */
export function dropStep(index: KnownIndex, reason: DropReason, patience: Patience): SqlStep {
  const {oid, definition} = index;
  return {
    kind: 'sql',
    title: `drop ${reason.kind} index ${index.name} of ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    guard: sameIndexGuard(index, {
      oid,
      definition,
      ...(reason.kind === 'unused' ? {max_scans: reason.max_scans} : {mustBeInvalid: true}),
    }),
    settings: settingsOf(patience),
    apply: sql(dropText(index)),
    verify: goneVerification(index),
    undo: {
      guard: freeNameGuard(index),
      apply: sql(concurrently(definition)),
      verify: presentVerification(index),
      cleanup: leftoverCleanup(index, dropText(index)),
      progress: 'create_index',
    },
    progress: 'drop_index',
    ...unlimited,
  };
}

/** A build that another session goes on with: one whose terminal was lost, or somebody else's. */
export type GoingBuild = IndexPlace & {oid: string; pid: number};

/** Waits for a build that goes on without us and vouches for what comes of it. */
export function adoptStep(index: GoingBuild): SqlStep {
  return {
    kind: 'sql',
    title: `wait for session ${index.pid}, which builds index ${index.name} on ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    apply: sql(waitText(index)),
    verify: presentVerification({...index, shape: null}),
    undo: {
      guard: sameIndexGuard(index, {oid: index.oid}),
      apply: sql(dropText(index)),
      verify: goneVerification(index),
      progress: 'drop_index',
    },
    cleanup: leftoverCleanup(index, dropText(index)),
    progress: 'create_index',
    progress_pid: index.pid,
    ...unlimited,
  };
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

function dropText({schema, name}: IndexPlace): string {
  return `DROP INDEX CONCURRENTLY ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/**
 * A COMMIT after each look: a snapshot held for long is one that the build itself would wait for, and inside one
 * transaction the statistics views stand still. A poolctl that was killed leaves a session that notices so only when
 * its build is done, and holds up our own next build until it has gone.
 */
function waitText({pid, oid}: GoingBuild): string {
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

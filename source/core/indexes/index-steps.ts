import type {IndexAttributes} from '../../model/catalog.ts';
import type {Measure, Sql, SqlStep, Undo} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {concurrently, isUnique, shapeOf} from './index-catalog.ts';
import {
  buildGuard,
  type Created,
  type DropWhen,
  dropGuard,
  goneVerification,
  holdsIndexLock,
  type IndexIdentity,
  type IndexPlace,
  identityPins,
  leftoverCleanup,
  pinned,
  presentVerification,
  restoreAttributes,
  tablespaceSetting,
} from './index-guards.ts';

/** The longest wait for other transactions, and the server's version. */
export type IndexStepOptions = {lock_timeout_ms: number; server_version_num: number};

/** An index to build; `definition` is any CREATE INDEX statement. */
export type NewIndex = IndexPlace & {
  definition: string;
  /** Its shape as the server will show it, if known: see `shapeOf`. */
  shape: string | null;
  /** Attributes of the index it replaces. */
  attributes?: IndexAttributes;
  measures?: Measure[];
};

/** An existing index. */
export type KnownIndex = IndexPlace & {oid: string; definition: string; attributes: IndexAttributes};

/**
 * Builds one index concurrently. If the build fails, the invalid index that it leaves is dropped,
 * unless another session is building it.
 */
export function buildStep(index: NewIndex, options: IndexStepOptions): SqlStep {
  return {
    kind: 'sql',
    title: `build index ${index.name} on ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    ...building(index, options),
    undo: dropping(index, pinned),
    ...(index.measures !== undefined && index.measures.length > 0 && {measures: index.measures}),
    ...unlimited,
  };
}

/** Why an index may be dropped: it has at most `max_scans` scans, another one serves all it does, or it is invalid. */
export type DropReason =
  | {kind: 'unused'; max_scans: number}
  | {kind: 'redundant'; served_by: {oid: string; name: string; definition: string}}
  | {kind: 'invalid'};

/** Drops one index concurrently; its undo rebuilds it, which can be undone in turn. */
export function dropStep(index: KnownIndex, reason: DropReason, options: IndexStepOptions): SqlStep {
  const {oid, definition} = index;
  const when = dropWhen(reason);
  const again = {...index, shape: shapeOf(definition)};
  return {
    kind: 'sql',
    title: `drop ${reason.kind} index ${index.name} of ${index.schema}.${index.table}${
      reason.kind === 'redundant' ? `, which ${reason.served_by.name} serves` : ''
    }`,
    subject: `index:${index.schema}.${index.name}`,
    guard: dropGuard(index, {oid, definition}, when),
    settings: settingsOf(options),
    apply: sql(dropSql(index)),
    verify: goneVerification(index, oid),
    undo: {...building(again, options), undo: dropping(again, pinned)},
    progress: 'drop_index',
    ...unlimited,
  };
}

function dropWhen(reason: DropReason): DropWhen {
  if (reason.kind === 'unused') return {max_scans: reason.max_scans};
  if (reason.kind === 'invalid') return {mustBeInvalid: true};
  const {oid, definition} = reason.served_by;
  return {served_by: {oid, definition}};
}

/** A build that runs in another session. */
export type RunningBuild = IndexPlace & {oid: string; definition: string; pid: number};

/** Waits for a build in another session and verifies its result. */
export function adoptStep(index: RunningBuild, options: IndexStepOptions): SqlStep {
  const {oid, definition} = index;
  const again = {...index, shape: shapeOf(definition)};
  return {
    kind: 'sql',
    title: `wait for session ${index.pid} to build index ${index.name} on ${index.schema}.${index.table}`,
    subject: `index:${index.schema}.${index.name}`,
    apply: sql(waitSql(index)),
    verify: presentVerification(index, createdOf(again)),
    undo: {
      ...dropping(again, {oid, definition}),
      undo: {...building(again, options), undo: dropping(again, pinned)},
    },
    cleanup: leftoverCleanup(index, dropSql(index)),
    progress: 'create_index',
    progress_pid: index.pid,
    ...{lock: 'none', transaction: false, timeout_ms: 0},
  };
}

/** Builds an index, restores its attributes, and pins the result. */
function building(index: NewIndex, options: IndexStepOptions) {
  const {definition, attributes} = index;
  const afterwards = attributes === undefined ? [] : restoreAttributes(index, attributes);
  return {
    guard: buildGuard(index),
    settings: {...settingsOf(options), ...(attributes !== undefined && tablespaceSetting(attributes))},
    apply: sql(concurrently(definition)),
    ...(afterwards.length > 0 && {afterwards}),
    pins: identityPins(index),
    verify: presentVerification(index, createdOf(index), attributes),
    cleanup: leftoverCleanup(index, dropSql(index)),
    progress: 'create_index' as const,
  };
}

function dropping(index: NewIndex, identity: IndexIdentity): Undo {
  return {
    guard: dropGuard(index, identity, {}, createdOf(index)),
    apply: sql(dropSql(index)),
    verify: goneVerification(index, identity.oid),
    progress: 'drop_index',
  };
}

function createdOf({definition, shape}: NewIndex): Created {
  return {shape, is_unique: isUnique(definition)};
}

// A build may take hours; only lock_timeout and the user limit it.
const unlimited = {
  lock: 'share',
  lock_mode: 'SHARE UPDATE EXCLUSIVE',
  transaction: false,
  timeout_ms: 0,
} as const;

/**
 * lock_timeout also limits the waits for other transactions, not only for the table's lock. A role's
 * transaction_timeout (PostgreSQL 17) would end a long build.
 */
function settingsOf({lock_timeout_ms, server_version_num}: IndexStepOptions): Record<string, string> {
  return {
    lock_timeout: `${lock_timeout_ms}ms`,
    ...(server_version_num >= 170_000 && {transaction_timeout: '0'}),
  };
}

function dropSql({schema, name}: Pick<IndexPlace, 'schema' | 'name'>): string {
  return `DROP INDEX CONCURRENTLY ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/**
 * COMMIT after each check: the build would wait for a snapshot held for long, and inside one
 * transaction the statistics views do not change. A killed poolctl leaves a session that notices only when
 * its build is done, and that blocks our next build until it has ended.
 */
function waitSql({pid, oid}: Pick<RunningBuild, 'pid' | 'oid'>): string {
  return `DO $poolctl$
BEGIN
  WHILE EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index WHERE pid = ${pid} AND index_relid = ${Number(oid)})
    OR ${holdsIndexLock(pid)} LOOP
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

/**
 * Replaces the guard in the undo of an index step that an older poolctl journaled. Its guard knew the table by oid and the
 * index by name, but the statement takes a schema and a name, which are another index's
 * if the table was moved to another schema.
 */
export function upgradeOlderUndo(step: SqlStep, undo: Undo): Undo {
  const values = undo.guard?.query.values ?? [];
  if (undo.guard === undefined || undo.guard.query.text.includes('nspname')) return undo;
  const [table_oid] = values;
  if (typeof table_oid !== 'string') return undo;
  const [, index, onSchema, table] = built.exec(undo.apply.text) ?? [];
  if (index !== undefined && onSchema !== undefined && table !== undefined) {
    const place = {schema: named(onSchema), name: named(index), table: named(table), table_oid};
    return {...undo, guard: buildGuard(place)};
  }
  const [, schema, name] = dropped.exec(undo.apply.text) ?? [];
  if (schema === undefined || name === undefined) return undo;
  const place = {schema: named(schema), name: named(name), table: '', table_oid};
  const [, , oid, definition] = values;
  const [, , shape] = step.verify.query.values;
  const identity = {oid: textOrPin(oid), definition: textOrPin(definition)};
  return {
    ...undo,
    guard: dropGuard(
      place,
      identity,
      {},
      {
        shape: typeof shape === 'string' ? shape : null,
        is_unique: isUnique(step.apply.text),
      },
    ),
  };
}

/** A value that the older guard did not have becomes an unknown pin, which is null. */
function textOrPin(value: unknown): string | {pin: string} {
  return typeof value === 'string' ? value : {pin: 'unknown'};
}

const identifier = '(?:"(?:[^"]|"")+"|[^\\s".(]+)';
const built = new RegExp(
  `^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (${identifier}) ON (?:ONLY )?(${identifier})\\.(${identifier}) `,
);
const dropped = new RegExp(`^DROP INDEX CONCURRENTLY (${identifier})\\.(${identifier})$`);

function named(text: string): string {
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

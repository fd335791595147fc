import {usageError} from '../../core/errors.ts';
import type {Reading} from '../../core/migration/judge.ts';
import {lockModeOf} from '../../core/migration/lock-mode.ts';
import {relationsOf} from '../../core/migration/traffic.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {LockHolder, MigrationTarget} from '../../model/preflight.ts';
import type {Connection} from '../connect/connect.ts';
import {extensionQuery, extensionVersionNum, pickVariant, serverQuery} from '../queries/query.ts';
import {type SqlParser, toPlannable} from '../reach/parse-sql.ts';
import {readCapabilities} from '../server/capabilities.ts';

export type ReadingOptions = {
  target: MigrationTarget;
  window_ms: number;
  parser: SqlParser;
  /** Resolves after the window. */
  pause(ms: number): Promise<void>;
};

/**
 * Who holds locks on the migration's relations, and which statements are executed, over a window. Locks that are not held
 * from its beginning to its end are left out: they are those of normal traffic. Throws the server's errors, and
 * AbortError (exit 2) on a standby.
 */
export async function readMigrationReading(
  connection: Connection,
  {target, window_ms, parser, pause}: ReadingOptions,
): Promise<Reading & {unavailable: string[]}> {
  const {statements_schema, target: own, unavailable: missing} = await readCapabilities(connection);
  if (own.is_in_recovery)
    throw usageError(
      'this server is a standby: what sessions of the primary hold cannot be seen here',
      'Name the primary, where the migration runs.',
    );
  const statements =
    statements_schema === null || own.statements_version === null
      ? null
      : createCounter(connection, {schema: statements_schema, version: own.statements_version});
  const oids = target.relations.map(({oid}) => oid);
  const started = performance.now();
  const read = () =>
    Promise.all([readHolders(connection, oids), statements?.read(), readUse(connection, oids)]);
  const [held, before, usedBefore] = await read();
  await pause(window_ms);
  const [stillHeld, after, usedAfter] = await read();
  const seconds = (performance.now() - started) / 1000;
  const unavailable = missing
    .filter(({section}) => section === 'statements')
    .map(({reason, remedy}) => `${reason}. ${remedy}`);
  const reading = {
    held: stillHeld.held.filter(isIn(held.held)).map(withoutKey),
    snapshots: stillHeld.snapshots.filter(isIn(held.snapshots)).map(withoutKey),
    used: target.relations
      .filter(({oid}) => usedAfter.get(oid) === undefined || usedAfter.get(oid) !== usedBefore.get(oid))
      .map(({schema, name}) => `${schema}.${name}`),
    window_ms: Math.round(seconds * 1000),
  };
  if (statements === null || before === undefined || after === undefined)
    return {...reading, traffic: null, unavailable};
  if (after.hidden > 0)
    return {
      ...reading,
      traffic: null,
      unavailable: [
        ...unavailable,
        `${after.hidden} statements of other roles are hidden, so they cannot be counted. GRANT pg_read_all_stats TO this role.`,
      ],
    };
  const grown = [...after.calls].flatMap(([queryid, calls]) => {
    const more = calls - (before.calls.get(queryid) ?? 0);
    return more > 0 ? [{queryid, calls_per_second: more / seconds}] : [];
  });
  const texts = await statements.texts(grown.map(({queryid}) => queryid));
  let unread = 0;
  const traffic = grown.flatMap(({queryid, calls_per_second}) => {
    const node = parseStatement(texts.get(queryid) ?? null, parser);
    if (node === null) unread++;
    return node === null ? [] : [{...relationsOf(node, target), calls_per_second}];
  });
  return {
    ...reading,
    traffic: unread === 0 ? traffic : null,
    unavailable:
      unread === 0
        ? unavailable
        : [
            ...unavailable,
            `${unread} statements of pg_stat_statements cannot be parsed, so that what waits is unknown.`,
          ],
  };
}

function parseStatement(text: string | null, parser: SqlParser) {
  if (text === null) return null;
  try {
    return parser.parse(toPlannable(text, parser)).stmts?.[0]?.stmt ?? null;
  } catch {
    return null;
  }
}

type Keyed = {key: string};

function isIn(before: readonly Keyed[]): (each: Keyed) => boolean {
  const keys = new Set(before.map(({key}) => key));
  return ({key}) => keys.has(key);
}

function withoutKey<Holder extends Keyed>({key: _, ...holder}: Holder): Omit<Holder, 'key'> {
  return holder;
}

/** How often each table was scanned or changed; without those that are not counted (track_counts). */
async function readUse({client, server_version_num}: Connection, oids: readonly string[]) {
  const {text} = pickVariant(migrationUseQuery, server_version_num);
  const {rows} = await client.query<{oid: string; uses: string}>({text, values: [oids]});
  return new Map(rows.map(({oid, uses}) => [oid, uses]));
}

/** What pg_stat_statements may not have: another role's setting, functions' statements (track = 'top'), a reset, an eviction. */
export const migrationUseQuery = serverQuery(
  'poolctl_migration_use',
  `
SELECT /* poolctl */ c.oid::text, (CASE WHEN c.relkind IN ('r', 'm', 't') THEN pg_stat_get_numscans(c.oid)
    + pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid)
    + coalesce((SELECT sum(pg_stat_get_numscans(x.indexrelid)) FROM pg_index x WHERE x.indrelid = c.oid), 0) ELSE 0 END)::text AS uses
FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND current_setting('track_counts')::bool`,
);

async function readHolders({client, server_version_num}: Connection, oids: readonly string[]) {
  const {text} = pickVariant(migrationHoldersQuery, server_version_num);
  const {rows} = await client.query<{
    holders: (LockHolder & Keyed & {oid: string | null; pg_mode: string | null})[];
  }>({
    text,
    values: [oids],
  });
  const all = (rows[0]?.holders ?? []).map(({pg_mode, ...holder}) => ({
    ...holder,
    application_name: holder.application_name === null ? null : redactSecrets(holder.application_name),
    mode: pg_mode === null ? null : lockModeOf(pg_mode),
  }));
  return {
    held: all.flatMap(holder => (holder.oid === null ? [] : {...holder, oid: holder.oid})),
    snapshots: all.filter(({oid}) => oid === null),
  };
}

/**
 * Locks on relations, and transactions with a snapshot or an id, which CONCURRENTLY waits for. Autovacuum ends by itself when a
 * schema change waits for it (ProcSleep in proc.c), unless it prevents wraparound.
 */
export const migrationHoldersQuery = serverQuery(
  'poolctl_migration_holders',
  `
WITH /* poolctl */ a AS MATERIALIZED (
  SELECT a.pid, a.datname, a.application_name, a.usename::text AS usename, a.state, a.xact_start, a.backend_xmin, a.backend_xid,
    (date_part('epoch', clock_timestamp() - a.xact_start) * 1000)::int8 AS xact_age_ms,
    a.backend_type = 'autovacuum worker' AND a.query NOT LIKE '%(to prevent wraparound)' AS yields
  FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid()
), held AS (
  SELECT concat(l.pid, ' ', l.virtualtransaction, ' ', l.relation, ' ', l.mode) AS key, l.pid, a.application_name, a.usename, a.state,
    n.nspname || '.' || c.relname AS relation, l.relation::text AS oid, l.mode AS pg_mode, a.xact_age_ms
  FROM pg_locks l
  JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN a ON a.pid = l.pid
  WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY ($1::oid[])
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    AND l.pid IS DISTINCT FROM pg_backend_pid() AND a.yields IS NOT TRUE
), snapshots AS (
  SELECT concat(a.pid, ' ', a.xact_start, ' ', a.backend_xmin, ' ', a.backend_xid) AS key, a.pid, a.application_name, a.usename, a.state,
    NULL::text AS relation, NULL::text AS oid, NULL::text AS pg_mode, a.xact_age_ms
  FROM a WHERE a.datname = current_database() AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.yields IS NOT TRUE
)
SELECT coalesce(json_agg(h), '[]') AS holders FROM (SELECT * FROM held UNION ALL SELECT * FROM snapshots) h`,
);

type Counter = {
  read(): Promise<{calls: Map<string, number>; hidden: number}>;
  texts(queryids: readonly string[]): Promise<Map<string, string>>;
};

function createCounter({client}: Connection, {schema, version}: {schema: string; version: string}): Counter {
  const variant = (query: typeof statementCallsQuery) =>
    pickVariant(query, extensionVersionNum(version), schema);
  return {
    async read() {
      const {rows} = await client.query<{queryid: string | null; calls: string}>({
        text: variant(statementCallsQuery).text,
      });
      const hidden = rows.find(({queryid}) => queryid === null);
      return {
        calls: new Map(
          rows.flatMap(({queryid, calls}) => (queryid === null ? [] : [[queryid, Number(calls)]])),
        ),
        hidden: Number(hidden?.calls ?? 0),
      };
    },
    async texts(queryids) {
      const {rows} = await client.query<{queryid: string; query: string}>({
        text: variant(statementQueriesQuery).text,
        values: [queryids],
      });
      return new Map(rows.map(({queryid, query}) => [queryid, query]));
    },
  };
}

/** Calls of each statement of the connected database; of those that this role may not see, their number. */
export const statementCallsQuery = extensionQuery('poolctl_statement_calls', {
  '1.8': `
SELECT /* poolctl */ p.queryid::text, CASE WHEN p.queryid IS NULL THEN count(*) ELSE sum(p.calls) END AS calls
FROM {schema}.pg_stat_statements(false) p
WHERE p.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
GROUP BY p.queryid`,
});

export const statementQueriesQuery = extensionQuery('poolctl_statement_queries', {
  '1.8': `
SELECT /* poolctl */ p.queryid::text, min(p.query) AS query
FROM {schema}.pg_stat_statements(true) p
WHERE p.queryid = ANY ($1::int8[]) AND p.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
GROUP BY p.queryid`,
});

import {writableOf} from '../../core/assessment/harms/writable.ts';
import {preparedStatementAdvice} from '../../core/pool/pooler.ts';
import {compareServers, serverDifference} from '../../core/server/server-identity.ts';
import {newerThanKnown, newestKnownMajor} from '../../core/text/format.ts';
import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {DoctorCheck, DoctorReport, Target} from '../../model/target.ts';
import type {PgClient} from '../connect/client.ts';
import {type Connection, connect} from '../connect/connect.ts';
import {toAbortError} from '../connect/errors.ts';
import type {ConnectionRequest} from '../connect/request.ts';
import {poolerInBetween} from '../connect/request.ts';
import {poolerRequest, readPooler} from '../facts/pooler.ts';
import {readReplication} from '../facts/replication.ts';
import {readSequences} from '../facts/sequences.ts';
import {readWriteState} from '../facts/write-state.ts';
import {features} from '../queries/query.ts';
import {readTarget} from './capabilities.ts';
import {checkTarget, type DoctorData, settingNames} from './doctor-checks.ts';
import {advice, missing, ok} from './doctor-results.ts';
import {readServerProof} from './server-proof.ts';

/**
 * What poolctl can see and do over this connection. Where a rescue URL is set, opens a second connection briefly to
 * test it. Throws AbortError (exit 3) if the server does not answer.
 */
export async function examine(connection: Connection): Promise<DoctorReport> {
  const {client, request} = connection;
  const started = performance.now();
  try {
    await client.query('SELECT');
    const round_trip_ms = performance.now() - started;
    const [{target, unavailable, is_own_session}, data, facts] = await Promise.all([
      readTarget(connection),
      readDoctorData(client),
      readWriteFacts(connection),
    ]);
    return {
      schema_version: 1,
      target,
      connection: {
        source: request.source,
        route: connection.route,
        is_encrypted: connection.is_encrypted,
        is_pooled: connection.is_pooled,
        round_trip_ms: Math.round(round_trip_ms * 100) / 100,
        ignored_parameters: request.ignoredParameters,
        warnings: request.warnings,
      },
      checks: [
        ...pooler(connection.is_pooled || !is_own_session),
        ...versionCheck(target, connection.features),
        writesCheck(target, facts),
        ...checkTarget({target, data, unavailable}),
        ...(await rescue(request, target)),
        ...(await pgBouncer(connection)),
      ],
    };
  } catch (error) {
    throw toAbortError(error, request);
  }
}

/** A version that poolctl does not know, or a server without what its version should have. */
function versionCheck({server_version_num}: Target, present: Connection['features']): DoctorCheck[] {
  const lacking = Object.entries(features)
    .filter(([name, major]) => server_version_num >= major * 10_000 && present?.has(name) === false)
    .map(([name]) => name);
  const isNewer = newerThanKnown(server_version_num) !== '';
  if (!isNewer && lacking.length === 0) return [];
  const version = `PostgreSQL ${Math.floor(server_version_num / 10_000)}`;
  const detail = [
    ...(isNewer ? [`${version} is newer than poolctl knows: it is read as ${newestKnownMajor}`] : []),
    ...(lacking.length === 0 ? [] : [`this server lacks ${lacking.join(', ')}: what they show is unknown`]),
  ];
  const remedy = isNewer ? 'See whether a newer poolctl knows it.' : null;
  return [advice('version', detail.join('; '), {remedy})];
}

/** What could not be read is left out. */
async function readWriteFacts(connection: Connection): Promise<AssessmentFacts> {
  const [write_state, sequences, replication] = await Promise.allSettled([
    readWriteState(connection),
    readSequences(connection),
    readReplication(connection),
  ]);
  return {
    ...(write_state.status === 'fulfilled' && {write_state: write_state.value}),
    ...(sequences.status === 'fulfilled' && {sequences: sequences.value}),
    ...(replication.status === 'fulfilled' && {replication: replication.value}),
  };
}

/** Whether the server takes writes, and what will end that: the first question. */
function writesCheck(target: Target, facts: AssessmentFacts): DoctorCheck {
  const id = 'writes';
  const {ok: takesWrites, reasons} = writableOf({
    snapshot: {target, backends: [], statements: []},
    samples: [],
    facts,
  });
  if (takesWrites === null) return advice(id, 'whether the server takes writes could not be read');
  if (target.is_in_recovery || (takesWrites && reasons.length === 0))
    return ok(id, takesWrites ? 'the server takes writes' : 'the server takes no writes: it is a standby');
  const detail = `${takesWrites ? 'the server takes writes, but' : 'the server takes no writes:'} ${reasons.join('; ')}`;
  return advice(id, detail, {remedy: 'poolctl check says what to do.'});
}

function pooler(is_pooled: boolean): DoctorCheck[] {
  const {section: id, reason, remedy} = poolerInBetween;
  return is_pooled ? [missing(id, reason, {remedy})] : [];
}

/** Checks that the rescue URL works and leads to the same server. */
async function rescue({rescue: request}: ConnectionRequest, target: Target): Promise<DoctorCheck[]> {
  if (request === null) return [];
  const id = 'rescue';
  try {
    const connection = await connect(request, {purpose: 'watch'});
    const {server} = await readServerProof(connection.client, connection.marker, request.connect_timeout_ms);
    await connection.close();
    const isOther = target.server !== undefined && compareServers(target.server, server) === 'other';
    const works = `the rescue URL (${request.source}) works`;
    if (!isOther || target.server === undefined) return [ok(id, works)];
    const detail = `${works}, but ${serverDifference(target.server, server)}: poolctl changes nothing through it`;
    return [missing(id, detail, {remedy: `Set it to ${target.id} with another role.`})];
  } catch (error) {
    const {message, hint} = toAbortError(error, request);
    const detail = `the rescue URL (${request.source}) does not work: ${message}`;
    return [missing(id, detail, {remedy: hint ?? 'Correct the address.'})];
  }
}

/** Whether PgBouncer's admin console can be read, and whether it keeps prepared statements. */
async function pgBouncer(connection: Connection): Promise<DoctorCheck[]> {
  if (poolerRequest(connection) === null) return [];
  const id = 'PgBouncer';
  const {pooler, problem} = await readPooler(connection);
  if (problem !== null) {
    // Another pooler may be in between, which has no such console.
    const report = connection.request.pooler === null ? advice : missing;
    return [report(id, problem.reason, {remedy: problem.remedy})];
  }
  const mode = pooler.settings.pool_mode;
  const readable = ok(
    id,
    `PgBouncer ${pooler.version} at ${pooler.address}, ${mode} mode: its pools can be read`,
  );
  const prepared = preparedStatementAdvice(pooler);
  if (prepared === null) return [readable];
  const {detail, remedy, is_lossy} = prepared;
  const isLost = is_lossy || connection.request.prisma?.pgbouncer === true;
  return [readable, isLost ? advice('prepared', detail, {remedy}) : ok('prepared', detail, remedy)];
}

/** What only the doctor needs, in one query. Throws the server's errors. */
async function readDoctorData(client: PgClient): Promise<DoctorData> {
  const {rows} = await client.query<DoctorData>(doctorQuery);
  const [data] = rows;
  if (data === undefined) throw new Error('the server returned no row');
  return data;
}

// query_id came with PostgreSQL 14, so it is read through jsonb; pg_use_reserved_connections with PostgreSQL 16, so it is looked up.
const doctorQuery = `
SELECT /* poolctl */ current_user::text AS role,
  (SELECT jsonb_object_agg(name, s.setting)
     FROM unnest('{${settingNames.join(',')}}'::text[]) AS wanted(name) LEFT JOIN pg_settings s USING (name)) AS settings,
  (SELECT CASE WHEN row ? 'query_id' THEN row ->> 'query_id' IS NOT NULL END
     FROM (SELECT to_jsonb(a) AS row FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()) own) AS has_query_id,
  n.nspname::text AS statements_schema,
  CASE WHEN n.oid IS NOT NULL THEN has_schema_privilege(n.oid, 'USAGE') END AS statements_schema_usage,
  (SELECT pg_has_role(r.oid, 'USAGE') FROM pg_roles r WHERE r.rolname = 'pg_use_reserved_connections') AS may_use_reserved,
  user_table.*, user_sequence.*
FROM (VALUES (1)) AS one
CROSS JOIN LATERAL (
  SELECT count(*)::int4 AS tables, count(*) FILTER (WHERE NOT is_readable)::int4 AS unreadable_tables,
    coalesce(array_agg(DISTINCT schema) FILTER (WHERE NOT is_readable), '{}') AS unreadable_schemas
  FROM (
    SELECT s.nspname::text AS schema,
      has_schema_privilege(s.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS is_readable
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND s.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  ) AS each_table
) AS user_table
CROSS JOIN LATERAL (
  SELECT count(*)::int4 AS sequences, count(*) FILTER (WHERE NOT is_readable)::int4 AS unreadable_sequences,
    coalesce(array_agg(DISTINCT schema) FILTER (WHERE NOT is_readable), '{}') AS unreadable_sequence_schemas
  FROM (
    SELECT s.nspname::text AS schema, has_sequence_privilege(c.oid, 'SELECT, USAGE') AS is_readable
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE c.relkind = 'S' AND c.relpersistence <> 't'
  ) AS each_sequence
) AS user_sequence
LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace`;

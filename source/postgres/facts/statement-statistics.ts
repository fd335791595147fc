import type {StatementStatistics} from '../../model/recipe-data.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant, serverQuery} from '../queries/query.ts';
import {readCapabilities} from '../server/capabilities.ts';
import {statementsNotes, suggestPreload, uncountedBy} from '../server/managed-service.ts';

/** Whether pg_stat_statements counts statements, and how to enable it. Throws the server's errors. */
export async function readStatementStatistics(connection: Connection): Promise<StatementStatistics> {
  const {client, server_version_num} = connection;
  const {text} = pickVariant(statementStatisticsQuery, server_version_num);
  const [{target}, {rows}] = await Promise.all([
    readCapabilities(connection),
    client.query<StatementStatisticsRow>({text}),
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('the server returned no row');
  const {version, schema, libraries, compute_query_id, track, ...rest} = row;
  return {
    ...rest,
    uncounted: uncountedBy(target.managed_service, {compute_query_id, track}),
    preload_remedy: suggestPreload(target.managed_service, libraries),
    service_note: target.managed_service === null ? null : statementsNotes[target.managed_service],
    installed: version === null || schema === null ? null : {version, schema},
  };
}

/**
 * pg_settings has a row of pg_stat_statements.max only where the library was preloaded; current_setting() knows it too
 * where a file merely sets it. shared_preload_libraries is hidden from roles without pg_read_all_settings: for them it
 * has no row.
 */
export const statementStatisticsQuery = serverQuery(
  'poolctl_statement_statistics',
  `
SELECT /* poolctl */ EXISTS (SELECT FROM pg_settings s WHERE s.name = 'pg_stat_statements.max') AS is_loaded,
  (SELECT s.setting FROM pg_settings s WHERE s.name = 'shared_preload_libraries') AS libraries,
  (SELECT s.pending_restart FROM pg_settings s WHERE s.name = 'shared_preload_libraries') AS is_restart_pending,
  current_setting('compute_query_id', true) AS compute_query_id,
  current_setting('pg_stat_statements.track', true) AS track,
  (SELECT a.default_version FROM pg_available_extensions a WHERE a.name = 'pg_stat_statements') AS available_version,
  e.extversion AS version, n.nspname::text AS schema,
  ARRAY(SELECT s.nspname::text FROM pg_namespace s
    WHERE s.nspname !~ '^pg_' AND s.nspname <> 'information_schema' ORDER BY 1) AS schemas
FROM (SELECT) one
LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements'
LEFT JOIN pg_namespace n ON n.oid = e.extnamespace`,
);

type StatementStatisticsRow = {
  is_loaded: boolean;
  libraries: string | null;
  is_restart_pending: boolean | null;
  compute_query_id: string | null;
  track: string | null;
  available_version: string | null;
  version: string | null;
  schema: string | null;
  schemas: string[];
};

import type {StatementStatistics} from '../../core/server/statement-statistics.ts';
import type {Connection} from '../connect/connect.ts';
import {pickVariant} from '../queries/query.ts';
import {type StatementStatisticsRow, statementStatisticsQuery} from '../queries/statement-statistics.ts';
import {readCapabilities} from '../server/capabilities.ts';
import {settingRemedy, statementsNotes} from '../server/managed-service.ts';

/** Throws what the server answers. */
export async function readStatementStatistics(connection: Connection): Promise<StatementStatistics> {
  const {client, server_version_num} = connection;
  const {text} = pickVariant(statementStatisticsQuery, server_version_num);
  const [{target}, {rows}] = await Promise.all([
    readCapabilities(connection),
    client.query<StatementStatisticsRow>({text}),
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error('a row without a table is always there');
  const {version, schema, libraries, ...rest} = row;
  const value = preloadValue(libraries);
  const remedy = settingRemedy(target.managed_service, {
    name: 'shared_preload_libraries',
    value,
    needs_restart: true,
  });
  return {
    ...rest,
    preload_remedy: libraries === null ? `${remedy} (keep what is in it already: it is hidden here)` : remedy,
    service_note: target.managed_service === null ? null : statementsNotes[target.managed_service],
    installed: version === null || schema === null ? null : {version, schema},
  };
}

/** What is in it stays. ALTER SYSTEM takes the list unquoted, a name each; quoted whole it would be one name. */
function preloadValue(libraries: string | null): string {
  const present = (libraries ?? '').split(',').flatMap(name => name.trim() || []);
  return [...present, 'pg_stat_statements'].map(name => `'${name.replaceAll("'", "''")}'`).join(', ');
}

import type {ConfiguredTimeouts} from '../../core/roles/effective-timeouts.ts';
import {timeoutSettings} from '../../core/roles/timeouts.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Connection} from '../connect/connect.ts';
import {oldestVersionNum, pickVariant, serverQuery} from '../queries/query.ts';
import {readRoleSettings} from './roles.ts';

/** What roles, databases and the server say of the timeouts. Throws the server's errors. */
export async function readTimeouts(connection: Connection): Promise<ConfiguredTimeouts> {
  const {client, request} = connection;
  const values = [timeoutSettings.map(({name}) => name)];
  const text = (query: typeof serverTimeoutsQuery) => pickVariant(query, oldestVersionNum).text;
  const [{overrides}, {rows}] = await Promise.all([
    readRoleSettings(connection),
    client.query<ServerTimeout>({text: text(serverTimeoutsQuery), values}),
  ]);
  const server = Object.fromEntries(rows.map(({name, value}) => [name, value]));
  let not_in_files: string[] = [];
  const hidden = rows.filter(({value, may_read_files}) => value === null && may_read_files);
  if (hidden.length > 0) {
    const files = await client.query<{name: string; setting: string}>({
      text: text(fileTimeoutsQuery),
      values: [hidden.map(({name}) => name)],
    });
    const inFiles = new Map(files.rows.map(({name, setting}) => [name, setting]));
    for (const {name} of hidden) server[name] = inFiles.get(name) ?? null;
    // The built-in value, or one of the server's command line (postgres -c), which cannot be seen.
    not_in_files = hidden.map(({name}) => name).filter(name => !inFiles.has(name));
  }
  return {overrides, server, not_in_files, role: quoteIdentifier(request.user)};
}

type ServerTimeout = {name: string; value: string | null; may_read_files: boolean};

/** NULL where this session or its role has a value, which hides the server's. */
export const serverTimeoutsQuery = serverQuery(
  'poolctl_server_timeouts',
  `
SELECT /* poolctl */ s.name,
  CASE WHEN s.source IN ('default', 'environment variable', 'configuration file', 'command line')
    THEN s.reset_val || coalesce(s.unit, '') END AS value,
  has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE') AS may_read_files
FROM pg_settings s
WHERE s.name = ANY ($1::text[])`,
);

export const fileTimeoutsQuery = serverQuery(
  'poolctl_file_timeouts',
  `
SELECT /* poolctl */ DISTINCT ON (lower(f.name)) lower(f.name) AS name, f.setting
FROM pg_show_all_file_settings() f
WHERE f.applied AND lower(f.name) = ANY ($1::text[])
ORDER BY lower(f.name), f.seqno DESC`,
);
